import { useEffect, useState } from 'preact/hooks';
import type { RunFile } from '../documents';
import { bytes, shortened } from '../format';
import type { RunModel } from '../model/run_model';
import { query, runPath } from '../sources/source';
import { contentPath, Download } from './download';
import { useLoaded } from './hooks';

/** Bytes of a file that a preview reads at most. */
const MOST_PREVIEWED = 200_000;
/** Bytes of an image that is shown; a larger one would be read whole into the page. */
const MOST_OF_IMAGE = 20_000_000;
const MOST_ROWS = 200;
const PAGE = 200;

const IMAGES = new Set(['png', 'jpg', 'jpeg', 'gif', 'webp', 'bmp']);
const TABLES = new Set(['csv', 'tsv']);
const TEXTS = new Set([
  'txt',
  'log',
  'json',
  'jsonl',
  'yaml',
  'yml',
  'md',
  'py',
  'toml',
  'ini',
  'cfg',
  'xml',
  'html',
  'sh'
]);

interface IFilesAnswer {
  files: RunFile[];
  total: number;
  more: boolean;
}

/** The files of a run, to be looked at and downloaded. */
export function Files({ model }: { model: RunModel }) {
  const [offset, setOffset] = useState(0);
  const [chosen, choose] = useState<string | null>(null);
  const key = `${model.target.run} ${offset} ${model.ended}`;
  const { value, error, again } = useLoaded(
    signal =>
      model.source.request<IFilesAnswer>(runPath(model.target, `/files${query({ limit: PAGE, offset })}`), { signal }),
    key
  );
  if (value === undefined) {
    return <p class="td-empty">{error || 'Looking for files…'}</p>;
  }
  const shown = value.files.find(file => file.name === chosen);
  return (
    <div class="td-files">
      <div class="td-tools">
        <span class="td-muted">{`${value.total} files`}</span>
        {!model.ended && (
          <button type="button" onClick={again}>
            Look again
          </button>
        )}
        {offset > 0 && (
          <button type="button" onClick={() => setOffset(offset - PAGE)}>
            Previous
          </button>
        )}
        {value.more && (
          <button type="button" onClick={() => setOffset(offset + PAGE)}>
            Next
          </button>
        )}
      </div>
      {value.total === 0 ? (
        <p class="td-empty">
          No files yet. What a script writes to <code>./outputs</code> is kept here.
        </p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" class="td-number">
                Size
              </th>
              <th scope="col">
                <span class="td-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {value.files.map(file => (
              <tr key={file.name}>
                <td title={file.name}>
                  {kindOf(file.name) === undefined ? (
                    shortened(file.name, 120)
                  ) : (
                    <button
                      type="button"
                      class="td-link"
                      aria-expanded={chosen === file.name}
                      onClick={() => choose(chosen === file.name ? null : file.name)}
                    >
                      {shortened(file.name, 120)}
                    </button>
                  )}
                </td>
                <td class="td-number">{bytes(file.size)}</td>
                <td>
                  <Download model={model} name={file.name} size={file.size ?? 0} label={`Download ${file.name}`}>
                    Download
                  </Download>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {shown !== undefined && <Preview key={shown.name} model={model} file={shown} />}
    </div>
  );
}

type Kind = 'image' | 'table' | 'text';

function kindOf(name: string): Kind | undefined {
  const ending = name.split('.').pop()?.toLowerCase() ?? '';
  return IMAGES.has(ending) ? 'image' : TABLES.has(ending) ? 'table' : TEXTS.has(ending) ? 'text' : undefined;
}

/** A file as it looks, or its beginning. What is in it is shown as text, never as HTML. */
function Preview({ model, file }: { model: RunModel; file: RunFile }) {
  return kindOf(file.name) === 'image' && (file.size ?? 0) > MOST_OF_IMAGE ? (
    <p class="td-empty">{`${file.name} has ${bytes(file.size)}: too much to be shown here.`}</p>
  ) : (
    <Content model={model} name={file.name} />
  );
}

function Content({ model, name }: { model: RunModel; name: string }) {
  const kind = kindOf(name);
  const headers = kind === 'image' ? undefined : { Range: `bytes=0-${MOST_PREVIEWED - 1}` };
  const { value, error } = useLoaded(signal => model.source.bytes(contentPath(model, name), { signal, headers }), name);
  if (value === undefined) {
    return <p class="td-empty">{error || `Reading ${name}…`}</p>;
  }
  if (kind === 'image') {
    return <Picture data={value} name={name} />;
  }
  const text = new TextDecoder().decode(value);
  return kind === 'table' ? <Table text={text} tabs={name.endsWith('.tsv')} /> : <pre class="td-preview">{text}</pre>;
}

function Picture({ data, name }: { data: ArrayBuffer; name: string }) {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    // The bytes are a picture or nothing: whatever they are, an img executes no script.
    const made = URL.createObjectURL(new Blob([data]));
    setAddress(made);
    return () => {
      URL.revokeObjectURL(made);
    };
  }, [data]);
  return address === undefined ? null : <img class="td-preview" src={address} alt={name} />;
}

function Table({ text, tabs }: { text: string; tabs: boolean }) {
  const [head = [], ...rows] = cells(text, tabs ? '\t' : ',');
  return (
    <div class="td-preview">
      <table>
        <thead>
          <tr>
            {head.map((cell, at) => (
              <th key={at} scope="col">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MOST_ROWS).map((row, at) => (
            <tr key={at}>
              {row.map((cell, column) => (
                <td key={column}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MOST_ROWS && <p class="td-muted">{`The first ${MOST_ROWS} rows.`}</p>}
    </div>
  );
}

/**
 * Split CSV (RFC 4180) into rows of cells.
 *
 * A quote within a cell, as in `5" disk`, is one of its characters, and so is what follows the end of a quoted one; a quote
 * that nothing closes quotes nothing, since what is shown may be the beginning of a file.
 */
export function cells(text: string, separator: string): string[][] {
  const rows: string[][] = [[]];
  const pattern = new RegExp(`(?:"((?:[^"]|"")*)")?([^${separator}\\r\\n]*)(${separator}|\\r?\\n|\\r|$)`, 'gy');
  for (const found of text.matchAll(pattern)) {
    const [whole, quoted = '', rest = '', end = ''] = found;
    if (whole === '' && found.index >= text.length) {
      break;
    }
    rows[rows.length - 1]?.push(quoted.replace(/""/g, '"') + rest);
    if (end !== '' && end !== separator) {
      rows.push([]);
    }
  }
  return rows.filter(row => row.length > 0);
}

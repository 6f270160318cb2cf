import { useEffect, useState } from 'preact/hooks';
import type { RunFile } from '../documents';
import { bytes, shortened } from '../format';
import type { RunModel } from '../model/run_model';
import { query, RequestError, runPath } from '../sources/source';
import { PLACE, Sentence, useTrans } from '../translation';
import { contentPath, Download, piecesOf } from './download';
import { useLoaded } from './hooks';
import { Pending } from './pending';

/** Bytes of a file that a preview reads at most. */
const MOST_PREVIEWED = 200_000;
/** Bytes of an image that is shown; a larger one would be read whole into the page. */
const MOST_OF_IMAGE = 20_000_000;
const MOST_ROWS = 200;
const PAGE = 200;

const IMAGE = /\.(png|jpe?g|gif|webp|bmp|svg)$/i;
const SVG = 'image/svg+xml';
const TABLE = /\.[ct]sv$/i;
const TEXT = /\.(txt|log|jsonl?|ya?ml|md|py|toml|ini|cfg|xml|html|sh)$/i;

interface IFilesAnswer {
  files: RunFile[];
  total: number;
  more: boolean;
}

/** The files of a run, to be looked at and downloaded. */
export function Files({ model }: { model: RunModel }) {
  const trans = useTrans();
  const [offset, setOffset] = useState(0);
  const [chosen, choose] = useState<string | null>(null);
  const key = `${model.target.run} ${offset} ${model.ended}`;
  const loaded = useLoaded(
    signal =>
      model.source.request<IFilesAnswer>(runPath(model.target, `/files${query({ limit: PAGE, offset })}`), { signal }),
    key
  );
  const { value, again } = loaded;
  if (value === undefined) {
    return <Pending loaded={loaded} words={trans.__('Looking for files…')} />;
  }
  const shown = value.files.find(file => file.name === chosen);
  return (
    <div class="td-files">
      <div class="td-tools">
        <span class="td-muted">{trans._n('%1 file', '%1 files', value.total)}</span>
        {!model.ended && (
          <button type="button" onClick={again}>
            {trans.__('Look again')}
          </button>
        )}
        {offset > 0 && (
          <button type="button" onClick={() => setOffset(offset - PAGE)}>
            {trans.__('Previous')}
          </button>
        )}
        {value.more && (
          <button type="button" onClick={() => setOffset(offset + PAGE)}>
            {trans.__('Next')}
          </button>
        )}
      </div>
      {value.total === 0 ? (
        <p class="td-empty">
          <Sentence text={trans.__('No files yet. What a script writes to %1 is kept here.', PLACE)}>
            <code>./outputs</code>
          </Sentence>
        </p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{trans.__('Name')}</th>
              <th scope="col" class="td-number">
                {trans.__('Size')}
              </th>
              <th scope="col">
                <span class="td-hidden">{trans.__('Actions')}</span>
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
                  <Download
                    model={model}
                    name={file.name}
                    size={file.size ?? 0}
                    label={trans.__('Download %1', file.name)}
                  >
                    {trans.__('Download')}
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
  return IMAGE.test(name) ? 'image' : TABLE.test(name) ? 'table' : TEXT.test(name) ? 'text' : undefined;
}

/** A file as it looks, or its beginning. What is in it is shown as text, never as HTML. */
function Preview({ model, file }: { model: RunModel; file: RunFile }) {
  const trans = useTrans();
  return kindOf(file.name) === 'image' && (file.size ?? 0) > MOST_OF_IMAGE ? (
    <p class="td-empty">{trans.__('%1 has %2: too much to be shown here.', file.name, bytes(file.size))}</p>
  ) : (
    <Content model={model} file={file} />
  );
}

function Content({ model, file }: { model: RunModel; file: RunFile }) {
  const trans = useTrans();
  const { name, size } = file;
  const kind = kindOf(name);
  const path = contentPath(model, name);
  const loaded = useLoaded(async signal => {
    if (size === 0) {
      return [];
    }
    if (kind !== 'image') {
      return beginning(model.source.bytes(path, { signal, headers: { Range: `bytes=0-${MOST_PREVIEWED - 1}` } }));
    }
    // a kernel sends no large one at once
    return model.source.address(path) === null
      ? piecesOf(model, name, signal)
      : [await model.source.bytes(path, { signal })];
  }, `${name} ${size} ${file.modified}`);
  const { value } = loaded;
  if (value === undefined) {
    return <Pending loaded={loaded} words={trans.__('Reading %1…', name)} />;
  }
  if (value.length === 0) {
    return <p class="td-empty">{trans.__('The file is empty.')}</p>;
  }
  if (kind === 'image') {
    return <Picture data={value} name={name} />;
  }
  const [data] = value as [ArrayBuffer];
  const read = data.byteLength;
  const cut = read === MOST_PREVIEWED && size !== read;
  const text = new TextDecoder().decode(data, { stream: cut }); // half of a last character is none
  return (
    <>
      {kind === 'table' ? (
        <Table text={text} tabs={/\.tsv$/i.test(name)} cut={cut} />
      ) : (
        <pre class="td-preview">{text}</pre>
      )}
      {cut && (
        <p class="td-muted">
          {(size ?? 0) > read
            ? trans.__('The first %1 of %2.', bytes(read), bytes(size))
            : trans.__('The first %1.', bytes(read))}
        </p>
      )}
    </>
  );
}

/** Return the beginning of a file, which has none where it was emptied since its size was told. */
async function beginning(asked: Promise<ArrayBuffer>): Promise<ArrayBuffer[]> {
  try {
    return [await asked];
  } catch (error) {
    if (error instanceof RequestError && error.code === 'range_not_satisfiable') {
      return [];
    }
    throw error;
  }
}

function Picture({ data, name }: { data: ArrayBuffer[]; name: string }) {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    // The bytes are a picture or nothing: whatever they are, an img executes no script, and loads nothing from elsewhere.
    // Of what is in it browsers tell each kind of picture but SVG.
    const made = URL.createObjectURL(new Blob(data, name.toLowerCase().endsWith('.svg') ? { type: SVG } : {}));
    setAddress(made);
    return () => {
      URL.revokeObjectURL(made);
    };
  }, [data, name]);
  return address === undefined ? null : <img class="td-preview" src={address} alt={name} />;
}

function Table({ text, tabs, cut }: { text: string; tabs: boolean; cut: boolean }) {
  const trans = useTrans();
  const [head = [], ...rows] = cells(text, tabs ? '\t' : ',');
  if (cut && !text.endsWith('\n')) {
    rows.pop(); // half of it may be missing
  }
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
      {rows.length > MOST_ROWS && <p class="td-muted">{trans.__('The first %1 rows.', MOST_ROWS)}</p>}
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

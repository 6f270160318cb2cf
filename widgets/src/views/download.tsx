import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { bytes } from '../format';
import type { RunModel } from '../model/run_model';
import { failureText } from '../problems';
import { query, runPath } from '../sources/source';
import { useTrans } from '../translation';

/** Bytes that are asked for at once: a kernel sends 4 MiB at most, and others wait for it meanwhile. */
const PIECE = 2 << 20;
/** Bytes of a file that a page puts together, since it has to hold all of them. */
const MOST_PUT_TOGETHER = 500_000_000;

interface IDownloadProps {
  model: RunModel;
  /** Of the file or log. */
  name: string;
  size: number;
  /** What it is called for those who do not see where it stands; what it says, where it is left out. */
  label?: string;
  children: ComponentChildren;
}

/** Where the API has the content of one of a run's files. */
export function contentPath(model: RunModel, name: string): string {
  return runPath(model.target, `/files/content${query({ name })}`);
}

/** Saves one of a run's files: by its address where the browser can fetch it, else in pieces from the kernel. */
export function Download(props: IDownloadProps) {
  const { model, name, label, children } = props;
  const address = model.source.address(contentPath(model, name));
  return address === null ? (
    <FromKernel key={name} {...props} />
  ) : (
    <a href={address} download={lastOf(name)} aria-label={label}>
      {children}
    </a>
  );
}

function FromKernel({ model, name, size, label, children }: IDownloadProps) {
  const trans = useTrans();
  const [fetched, setFetched] = useState<number | null>(null);
  const [error, setError] = useState('');
  const going = useRef<AbortController | null>(null);
  useEffect(() => () => going.current?.abort(), []);
  if (size > MOST_PUT_TOGETHER) {
    return (
      <span
        class="td-muted"
        title={trans.__('%1 saves it where the kernel is.', `run.download_file(${JSON.stringify(name)})`)}
      >
        {trans.__('too large for this page')}
      </span>
    );
  }

  async function fetchAll(): Promise<void> {
    const abort = new AbortController();
    going.current = abort;
    setError('');
    setFetched(0);
    try {
      const pieces = await piecesOf(model, name, abort.signal, setFetched);
      save(new Blob(pieces), lastOf(name));
    } catch (refused) {
      if (!abort.signal.aborted) {
        setError(failureText(refused, trans));
      }
    }
    setFetched(null);
  }

  return fetched === null ? (
    <>
      <button type="button" class="td-link" aria-label={label} onClick={() => void fetchAll()}>
        {children}
      </button>
      {error !== '' && <span role="alert">{` ${error}`}</span>}
    </>
  ) : (
    <button
      type="button"
      class="td-link"
      aria-label={trans.__('Cancel the download of %1', name)}
      onClick={() => going.current?.abort()}
    >
      {trans.__('%1 of %2, cancel', bytes(fetched), bytes(size))}
    </button>
  );
}

/** Ask for a file piece by piece, until one is not full: a log may have grown since its size was told. */
export async function piecesOf(
  model: RunModel,
  name: string,
  signal: AbortSignal,
  tell?: (fetched: number) => void
): Promise<ArrayBuffer[]> {
  const pieces: ArrayBuffer[] = [];
  for (let begin = 0; begin < MOST_PUT_TOGETHER; begin += PIECE) {
    const headers = { Range: `bytes=${begin}-${begin + PIECE - 1}` };
    const piece = await model.source.bytes(contentPath(model, name), { signal, headers });
    signal.throwIfAborted();
    pieces.push(piece);
    tell?.(begin + piece.byteLength);
    if (piece.byteLength < PIECE) {
      break;
    }
  }
  return pieces;
}

function save(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // Once the browser has taken it: Firefox and Safari do so a moment after the click.
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 10_000);
}

function lastOf(name: string): string {
  return name.split('/').pop() as string;
}

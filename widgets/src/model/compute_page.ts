import type { Compute, Queue, QueueEntry } from '../compute_documents';

/** Compute targets of a page. */
const TARGETS = 5;
/** Rows of runs that the targets of a page share. With the lists beside it the whole page has less than 200 rows. */
const ROWS = 40;

/** Which compute targets are listed, and in which order. */
export interface IComputeQuery {
  /** What is in their names or kinds, or in the name, id, experiment or user of a run on them; "" for any. */
  text: string;
  /** "made" for the oldest first, "runs" for those with the most. */
  order: 'made' | 'name' | 'runs';
}

/** A page of something longer. */
export interface IPage<T> {
  rows: readonly T[];
  /** How many are before these. */
  offset: number;
  /** How many fit on it. */
  size: number;
  /** Whether there are more behind these. */
  more: boolean;
}

/** A compute target, and some of its runs: those at work, then those that wait in the order in which they go. */
export interface IListedTarget {
  compute: Compute;
  /** Null where it has no runs. */
  queue: Queue | null;
  runs: IPage<Queue['running'][number] | Queue['waiting'][number]>;
}

/** How far somebody has turned the pages: of the targets, and by name in the runs of each. */
export interface ITurned {
  targets: number;
  runs: ReadonlyMap<string, number>;
}

/** Return the compute targets that are asked for, a page of them, each with a page of its runs that are. */
export function pageOfTargets(
  computes: readonly Compute[],
  queues: ReadonlyMap<string, Queue>,
  query: IComputeQuery,
  turned: ITurned
): IPage<IListedTarget> {
  const found = computes.flatMap(compute => {
    const queue = queues.get(compute.name) ?? null;
    const all = queue === null ? [] : [...queue.running, ...queue.waiting];
    const named = contains(query.text, compute.name, compute.kind);
    const runs = named ? all : all.filter(entry => isAsked(entry, query.text));
    return named || runs.length > 0 ? [{ compute, queue, runs }] : [];
  });
  if (query.order === 'name') {
    found.sort((one, other) => one.compute.name.localeCompare(other.compute.name));
  } else if (query.order === 'runs') {
    found.sort((one, other) => other.runs.length - one.runs.length);
  }
  const page = pageOf(found, turned.targets, TARGETS);
  const sizes = shares(page.rows.map(({ runs }) => runs.length));
  const rows = page.rows.map((one, at) => {
    const runs = pageOf(one.runs, turned.runs.get(one.compute.name) ?? 0, sizes[at] ?? 0);
    return { ...one, runs };
  });
  return { ...page, rows };
}

/** Return the page of a list that begins at an offset; the last one where the list has become shorter. */
export function pageOf<T>(all: readonly T[], offset: number, size: number): IPage<T> {
  const last = size === 0 ? 0 : Math.max(0, Math.ceil(all.length / size) - 1) * size;
  const begin = offset < all.length ? offset : last;
  return { rows: all.slice(begin, begin + size), offset: begin, size, more: all.length > begin + size };
}

/** Return where the next page begins, or the one before. */
export function turnedBy({ offset, size }: IPage<unknown>, pages: 1 | -1): number {
  return Math.max(0, offset + pages * size);
}

/** Return how many rows each queue has: short ones all of theirs, and the others as many as each other of the rest. */
function shares(lengths: readonly number[]): number[] {
  const sizes = lengths.map(() => 0);
  let left = ROWS;
  const shortest = [...lengths.keys()].sort((one, other) => (lengths[one] ?? 0) - (lengths[other] ?? 0));
  shortest.forEach((at, before) => {
    sizes[at] = Math.min(lengths[at] ?? 0, Math.floor(left / (lengths.length - before)));
    left -= sizes[at] ?? 0;
  });
  return sizes;
}

function isAsked({ display_name: name, run, experiment, user }: QueueEntry, text: string): boolean {
  return contains(text, name, run, experiment, user);
}

function contains(text: string, ...words: string[]): boolean {
  const wanted = text.trim().toLowerCase();
  return words.some(word => word.toLowerCase().includes(wanted));
}

import type { Compute, Queue, QueueEntry, WaitingEntry } from '../compute_documents';

/** Compute targets of a page. */
export const TARGETS = 5;
/** Rows of runs that the targets of a page share. With the lists beside it the whole page has less than 200 rows. */
export const ROWS = 40;

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

/** The queue of a compute target, as it was asked for. */
export interface IAskedQueue {
  queue: Queue;
  /** What is in those of its runs that are asked for; "" for all. */
  text: string;
  /** How many of those that wait are before those that were told. */
  offset: number;
}

/** A compute target, and some of its runs: those at work, then those that wait in the order in which they go. */
export interface IListedTarget {
  compute: Compute;
  /** Null where it has no runs. */
  queue: Queue | null;
  runs: IPage<Queue['running'][number] | WaitingEntry>;
}

/** How far somebody has turned the pages: of the targets, and by name in the runs of each. */
export interface ITurned {
  targets: number;
  runs: ReadonlyMap<string, number>;
}

/** Whether a compute target is asked for, with all of its runs; of others only the runs that are asked for. */
export function isNamed({ name, kind }: Compute, { text }: IComputeQuery): boolean {
  return contains(text, name, kind);
}

/** Whether a compute target has runs. */
export function isBusy({ nodes }: Compute): boolean {
  return nodes.busy + nodes.waiting > 0;
}

/**
 * Return the compute targets that are asked for, in order.
 *
 * @param queues - By name, of those that are not asked for themselves.
 */
export function foundTargets(
  computes: readonly Compute[],
  queues: ReadonlyMap<string, IAskedQueue>,
  query: IComputeQuery
): Compute[] {
  const found = computes.flatMap(compute => {
    const runs = isNamed(compute, query)
      ? compute.nodes.busy + compute.nodes.waiting
      : lengthOf(queues.get(compute.name));
    return isNamed(compute, query) || runs > 0 ? [{ compute, runs }] : [];
  });
  if (query.order === 'name') {
    found.sort((one, other) => one.compute.name.localeCompare(other.compute.name));
  } else if (query.order === 'runs') {
    found.sort((one, other) => other.runs - one.runs);
  }
  return found.map(({ compute }) => compute);
}

/**
 * Return a page of targets, each with a page of its runs.
 *
 * @param queues - By name, of those on the page that have runs.
 * @param turned - By name, where the page of a target's runs begins.
 */
export function withRuns(
  page: IPage<Compute>,
  queues: ReadonlyMap<string, IAskedQueue>,
  turned: ITurned['runs']
): IPage<IListedTarget> {
  const sizes = shares(page.rows.map(({ name }) => lengthOf(queues.get(name))));
  const rows = page.rows.map((compute, at) => {
    const asked = queues.get(compute.name);
    const runs = pageOfRuns(asked, turned.get(compute.name) ?? 0, sizes[at] ?? 0);
    return { compute, queue: asked?.queue ?? null, runs };
  });
  return { ...page, rows };
}

/** Return those of the runs at work on a target that are asked for. */
export function runningOf({ queue, text }: IAskedQueue): Queue['running'] {
  return queue.running.filter(entry => isAsked(entry, text));
}

/** Return the page of a list that begins at an offset; the last one where the list has become shorter. */
export function pageOf<T>(all: readonly T[], offset: number, size: number): IPage<T> {
  const page = placeOf(all.length, offset, size);
  return { ...page, rows: all.slice(page.offset, page.offset + size) };
}

function placeOf(length: number, offset: number, size: number): Omit<IPage<never>, 'rows'> {
  const last = size === 0 ? 0 : Math.max(0, Math.ceil(length / size) - 1) * size;
  const begin = offset < length ? offset : last;
  return { offset: begin, size, more: length > begin + size };
}

function pageOfRuns(asked: IAskedQueue | undefined, offset: number, size: number): IListedTarget['runs'] {
  const page = placeOf(lengthOf(asked), offset, size);
  if (asked === undefined) {
    return { ...page, rows: [] };
  }
  const [begin, running] = [page.offset, runningOf(asked)];
  const first = running.length + asked.offset;
  const waiting = asked.queue.waiting.slice(Math.max(0, begin - first), Math.max(0, begin + size - first));
  return { ...page, rows: [...running.slice(begin, begin + size), ...waiting] };
}

function lengthOf(asked: IAskedQueue | undefined): number {
  return asked === undefined ? 0 : runningOf(asked).length + asked.queue.found;
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

import type { Compute, Gpu, Machine, MovedQueue, Queue, WaitingEntry } from '../compute_documents';
import type { ErrorDocument } from '../documents';
import { type Connection, type Disposer, query, RequestError, runPath, type Source } from '../sources/source';
import { Asking } from './asking';
import {
  foundTargets,
  type IAskedQueue,
  type IComputeQuery,
  type IListedTarget,
  type IPage,
  type ITurned,
  isBusy,
  isNamed,
  pageOf,
  ROWS,
  runningOf,
  TARGETS,
  turnedBy,
  withRuns
} from './compute_page';
import { Observed } from './observed';
import { Upkeep } from './upkeep';

/** GPUs of a page. */
const GPUS = 12;
/** Milliseconds after which use of GPUs and engines is asked for again: nothing tells of them. */
const REFRESH = 10_000;

/** Return the path of a compute target in the API, or without a name that of all. */
export function computePath(workspace: string, name: string | null, rest = ''): string {
  const compute = name === null ? '' : `/${encodeURIComponent(name)}`;
  return `/workspaces/${encodeURIComponent(workspace)}/computes${compute}${rest}`;
}

/** The compute targets of a workspace, their queues, and the machine, kept up to date while anybody looks at them. */
export class ComputeModel extends Observed {
  constructor(
    readonly source: Source,
    readonly workspace: string
  ) {
    super();
    this._upkeep = new Upkeep(source, {
      load: () => this._load(),
      take: changes => changes.computes === true || changes.changed_runs.length > 0 || changes.reload,
      changed: () => this._changed()
    });
  }

  query: IComputeQuery = { text: '', order: 'made' };
  /** Null until they were told. */
  computes: readonly Compute[] | null = null;
  machine: Machine | null = null;
  /** The targets of this page, each with a page of its runs: what was asked for last, until the next is here. */
  targets: IPage<IListedTarget> = { rows: [], offset: 0, size: TARGETS, more: false };

  /** Why they cannot be told. */
  get error(): ErrorDocument | null {
    return this._upkeep.error;
  }

  get connection(): Connection {
    return this._upkeep.connection;
  }

  /** The GPUs of this page. */
  get gpus(): IPage<Gpu> {
    return pageOf(this.machine?.gpus ?? [], this._gpus, GPUS);
  }

  /** List other targets and runs, or in another order; from the first pages on. */
  ask(change: Partial<IComputeQuery>): void {
    this.query = { ...this.query, ...change };
    this._turn({ targets: 0, runs: new Map() });
  }

  /** Show the next page of targets, or that before. */
  turn(pages: 1 | -1): void {
    this._turn({ targets: turnedBy(this.targets, pages), runs: new Map() });
  }

  /** Show the next page of a target's runs, or that before. */
  turnRuns(target: IListedTarget, pages: 1 | -1): void {
    const runs = new Map(this._turned.runs).set(target.compute.name, turnedBy(target.runs, pages));
    this._turn({ ...this._turned, runs });
  }

  /** Show the next page of GPUs, or that before. */
  turnGpus(pages: 1 | -1): void {
    this._gpus = turnedBy(this.gpus, pages);
    this._changed();
  }

  /** Ask again for all of it. */
  reload(): Promise<void> {
    return this._upkeep.now();
  }

  /**
   * Move a run that waits to another place in its queue, and return how the queue is then.
   *
   * @throws RequestError where it, or the one that it is to go before, waits no more. The queue as it is now is known
   * by then.
   */
  moveTo(entry: WaitingEntry, place: Place): Promise<IMoved> {
    const { run, ahead, behind } = entry;
    return this._move(run, place === 'front' ? { first: true } : { before: before(place, ahead, behind) });
  }

  /** Have a run take the place of another one that waits for the same target; as {@link moveTo}. */
  moveOnto({ run, position }: WaitingEntry, onto: WaitingEntry): Promise<IMoved> {
    return this._move(run, { before: position < onto.position ? (onto.behind[0] ?? null) : onto.run });
  }

  /** Have a run end, be it waiting or at work. */
  async cancel(run: string): Promise<void> {
    await this.source.request(runPath({ workspace: this.workspace, run }, '/cancel'), { method: 'POST' });
    this._upkeep.soon();
  }

  protected _follow(): Disposer {
    const stop = this._upkeep.follow(this.workspace);
    const timer = setInterval(() => {
      if (typeof document === 'undefined' || !document.hidden) {
        this._upkeep.soon();
      }
    }, REFRESH);
    return () => {
      stop();
      clearInterval(timer);
    };
  }

  private async _move(run: string, body: { before: string | null } | { first: true }): Promise<IMoved> {
    const path = runPath({ workspace: this.workspace, run }, `/move${query({ limit: 1 })}`);
    try {
      const moved = await this.source.request<MovedQueue>(path, { method: 'POST', body });
      await this._pages.now();
      return moved;
    } catch (error) {
      await this.reload();
      throw error;
    }
  }

  private _turn(turned: ITurned): void {
    this._turned = turned;
    this._changed();
    void this._pages.now();
  }

  private async _load(): Promise<void> {
    const at = `/workspaces/${encodeURIComponent(this.workspace)}/machine`;
    const [{ computes }, machine] = await Promise.all([
      this.source.request<{ computes: Compute[] }>(computePath(this.workspace, null)),
      this.source.request<Machine>(at)
    ]);
    await this._arrange(computes);
    this.computes = computes;
    this.machine = machine;
  }

  /** Ask for the queues that are shown, or decide what is: however long they are, of each no more than a page. */
  private async _arrange(computes: readonly Compute[]): Promise<void> {
    let asked: ITurned;
    do {
      asked = this._turned;
      const queues = new Map<string, IAskedQueue>();
      const others = computes.filter(compute => isBusy(compute) && !isNamed(compute, this.query));
      await this._ask(others, this.query.text.trim(), queues);
      const page = pageOf(foundTargets(computes, queues, this.query), asked.targets, TARGETS);
      await this._ask(
        page.rows.filter(compute => isBusy(compute) && isNamed(compute, this.query)),
        '',
        queues
      );
      if (asked === this._turned) {
        this._queues = queues;
        this.targets = withRuns(page, queues, asked.runs);
      }
    } while (asked !== this._turned);
  }

  private async _ask(computes: readonly Compute[], text: string, queues: Map<string, IAskedQueue>): Promise<void> {
    const answers = await Promise.all(computes.map(({ name }) => this._queue(name, text)));
    for (const asked of answers) {
      if (asked !== null) {
        queues.set(asked.queue.compute, asked);
      }
    }
  }

  private async _queue(name: string, text: string): Promise<IAskedQueue | null> {
    const ask = (offset: number): Promise<Queue> => {
      const page = query({ text: text || undefined, limit: ROWS, offset });
      return this.source.request<Queue>(computePath(this.workspace, name, `/queue${page}`));
    };
    const held = this._queues.get(name);
    // those at work come first, and are told always
    const before = held === undefined ? 0 : runningOf(held).length;
    let offset = Math.max(0, (this._turned.runs.get(name) ?? 0) - before);
    try {
      let queue = await ask(offset);
      if (queue.waiting.length === 0 && offset > 0) {
        offset = Math.max(0, queue.found - ROWS); // what was on this page is gone
        queue = await ask(offset);
      }
      return { queue, text, offset };
    } catch (error) {
      if (error instanceof RequestError && error.code === 'compute_not_found') {
        return null; // deleted meanwhile
      }
      throw error;
    }
  }

  private readonly _pages = new Asking(async () => {
    if (this.computes === null) {
      return; // they are asked for, and what is shown of them is decided then
    }
    try {
      await this._arrange(this.computes);
      this._changed();
    } catch {
      await this.reload(); // which says why
    }
  });
  private _queues: ReadonlyMap<string, IAskedQueue> = new Map();
  private _turned: ITurned = { targets: 0, runs: new Map() };
  private _gpus = 0;
  private readonly _upkeep: Upkeep;
}

/** Where a run can be moved to in a queue. */
export type Place = 'front' | 'up' | 'down' | 'end';

/** Where a run is in its queue, once it was moved: null where it has begun since. */
export type IMoved = Pick<MovedQueue, 'position' | 'length'>;

/** Return where a run can be moved to. */
export function placesOf({ ahead, behind }: WaitingEntry): Place[] {
  return [
    ...(ahead === null ? [] : (['front', 'up'] as const)),
    ...(behind.length === 0 ? [] : (['down', 'end'] as const))
  ];
}

/** Return before which run another one goes, between its neighbours; null for the end. */
function before(place: Place, ahead: string | null, behind: readonly string[]): string | null {
  return place === 'up' ? ahead : place === 'down' ? (behind[1] ?? null) : null;
}

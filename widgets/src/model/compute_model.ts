import type { Compute, Gpu, Machine, Queue } from '../compute_documents';
import type { ErrorDocument } from '../documents';
import { type Connection, type Disposer, RequestError, runPath, type Source } from '../sources/source';
import {
  type IComputeQuery,
  type IListedTarget,
  type IPage,
  type ITurned,
  pageOf,
  pageOfTargets,
  turnedBy
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
  /** Of the targets that have runs, by name. */
  queues: ReadonlyMap<string, Queue> = new Map();

  /** Why they cannot be told. */
  get error(): ErrorDocument | null {
    return this._upkeep.error;
  }

  get connection(): Connection {
    return this._upkeep.connection;
  }

  /** The targets of this page, each with a page of its runs. */
  get targets(): IPage<IListedTarget> {
    return pageOfTargets(this.computes ?? [], this.queues, this.query, this._turned);
  }

  /** The GPUs of this page. */
  get gpus(): IPage<Gpu> {
    return pageOf(this.machine?.gpus ?? [], this._gpus, GPUS);
  }

  /** List other targets and runs, or in another order; from the first pages on. */
  ask(change: Partial<IComputeQuery>): void {
    this.query = { ...this.query, ...change };
    this._turned = { targets: 0, runs: new Map() };
    this._changed();
  }

  /** Show the next page of targets, or that before. */
  turn(pages: 1 | -1): void {
    this._turned = { targets: turnedBy(this.targets, pages), runs: new Map() };
    this._changed();
  }

  /** Show the next page of a target's runs, or that before. */
  turnRuns(target: IListedTarget, pages: 1 | -1): void {
    const runs = new Map(this._turned.runs).set(target.compute.name, turnedBy(target.runs, pages));
    this._turned = { ...this._turned, runs };
    this._changed();
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
   * Have a run go before another one that waits for the same target.
   *
   * @param before - Id of the other; null for the end of the queue.
   * @throws RequestError where one of them waits no more. The queue as it is now is known by then.
   */
  async move(run: string, before: string | null): Promise<void> {
    await this._move(run, { before });
  }

  /**
   * Have a run go before all others that wait for its target, whichever these are.
   *
   * @throws RequestError where it waits no more. The queue as it is now is known by then.
   */
  async moveToFront(run: string): Promise<void> {
    await this._move(run, { first: true });
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

  private async _move(run: string, body: { before: string | null } | { first: true }): Promise<void> {
    const path = runPath({ workspace: this.workspace, run }, '/move');
    try {
      const queue = await this.source.request<Queue>(path, { method: 'POST', body });
      this.queues = new Map(this.queues).set(queue.compute, queue);
      this._changed();
    } catch (error) {
      await this.reload();
      throw error;
    }
  }

  private async _load(): Promise<void> {
    const at = `/workspaces/${encodeURIComponent(this.workspace)}/machine`;
    const [{ computes }, machine] = await Promise.all([
      this.source.request<{ computes: Compute[] }>(computePath(this.workspace, null)),
      this.source.request<Machine>(at)
    ]);
    const busy = computes.filter(({ nodes }) => nodes.busy + nodes.waiting > 0);
    const queues = await Promise.all(busy.map(({ name }) => this._queue(name)));
    this.computes = computes;
    this.machine = machine;
    this.queues = new Map(queues.flatMap(queue => (queue === null ? [] : [[queue.compute, queue]])));
  }

  private async _queue(name: string): Promise<Queue | null> {
    try {
      return await this.source.request<Queue>(computePath(this.workspace, name, '/queue'));
    } catch (error) {
      if (error instanceof RequestError && error.code === 'compute_not_found') {
        return null; // deleted meanwhile
      }
      throw error;
    }
  }

  private _turned: ITurned = { targets: 0, runs: new Map() };
  private _gpus = 0;
  private readonly _upkeep: Upkeep;
}

/** Where a run can be moved to in a queue. */
export type Place = 'front' | 'up' | 'down' | 'end';

/**
 * Return before which run another one goes when it is moved; undefined where it is there already.
 *
 * @param waiting - Ids of those that wait, in order.
 */
export function beforeWhich(waiting: readonly string[], run: string, place: Place): string | null | undefined {
  const at = waiting.indexOf(run);
  const last = waiting.length - 1;
  if (at === -1 || ((place === 'front' || place === 'up') && at === 0)) {
    return undefined;
  }
  if ((place === 'end' || place === 'down') && at === last) {
    return undefined;
  }
  return { front: waiting[0], up: waiting[at - 1], down: waiting[at + 2] ?? null, end: null }[place];
}

/**
 * Return before which run another one goes that is dropped on a third: on one further back it takes that one's place, too.
 *
 * @param waiting - Ids of those that wait, in order.
 */
export function beforeOnDrop(waiting: readonly string[], run: string, onto: string): string | null {
  const at = waiting.indexOf(onto);
  return (waiting.indexOf(run) < at ? waiting[at + 1] : waiting[at]) ?? null;
}

import { type ListMessage, type RunRow, TERMINAL } from '../../../widgets/src/documents';
import { Asking } from '../../../widgets/src/model/asking';
import { Observed } from '../../../widgets/src/model/observed';
import { type Disposer, query, RequestError, runPath, type Source } from '../../../widgets/src/sources/source';
import type { Workspaces } from '../workspaces';

/** Runs of a workspace that are looked after: whoever has more of them waiting is not told of each. */
const MOST_RUNS = 200;
/** The states of runs that have begun, and have not ended. */
const AT_WORK = ['Running', 'Finalizing', 'CancelRequested'];
/** Workspaces that are looked after, from that which is looked at on. */
const MOST_WORKSPACES = 20;
/** Runs that are asked for one by one where news were too many to be told. */
const MOST_ASKED = 20;
/** Milliseconds until what was refused is asked for again, at first; each time twice as many. */
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 60_000;

/** A run that is not part of another one, and where it is. */
export interface ActiveRun extends RunRow {
  workspace: string;
  /** The run that it is part of. */
  parent: string | null;
  /** Whether this user submitted it. */
  signed: boolean;
}

/** How many runs of a workspace have not ended. */
export interface ICounts {
  running: number;
  /** Those that do not run yet. */
  waiting: number;
}

type Ended = (run: ActiveRun) => void;

/** Which runs have not ended yet, and which end, as long as anybody looks. */
export class Activity extends Observed {
  constructor(
    readonly source: Source,
    readonly workspaces: Workspaces
  ) {
    super();
  }

  /** Runs that have not ended, those that were submitted last first. */
  get runs(): ActiveRun[] {
    const found = [...this._followed.values()].flatMap(one => [...one.runs.values()]);
    return found.sort((one, other) => ((one.created ?? '') < (other.created ?? '') ? 1 : -1));
  }

  /** Count those of a workspace. */
  counts(workspace: string): ICounts {
    return this._followed.get(workspace)?.counts ?? { running: 0, waiting: 0 };
  }

  /** Call `listener` with each run that ends from now on. */
  onEnded(listener: Ended): Disposer {
    this._endings.add(listener);
    return () => {
      this._endings.delete(listener);
    };
  }

  protected _follow(): Disposer {
    const stop = this.workspaces.observe(() => this._followAll());
    this._followAll();
    return () => {
      stop();
      for (const id of [...this._followed.keys()]) {
        this._leave(id);
      }
    };
  }

  /** Follow the workspaces that there are. */
  private _followAll(): void {
    const all = this.workspaces.all;
    if (all === null) {
      return;
    }
    const current = this.workspaces.current?.id;
    const wanted = [...all].sort((one, other) => Number(other.id === current) - Number(one.id === current));
    const ids = new Set(wanted.slice(0, MOST_WORKSPACES).map(one => one.id));
    for (const id of [...this._followed.keys()].filter(id => !ids.has(id))) {
      this._leave(id);
    }
    for (const id of ids) {
      if (!this._followed.has(id)) {
        const followed = new FollowedWorkspace(
          this.source,
          id,
          () => this._changed(),
          run => {
            for (const listener of [...this._endings]) {
              listener(run);
            }
          }
        );
        this._followed.set(id, followed);
        followed.begin();
      }
    }
    this._changed();
  }

  private _leave(id: string): void {
    this._followed.get(id)?.end();
    this._followed.delete(id);
  }

  private readonly _endings = new Set<Ended>();
  private readonly _followed = new Map<string, FollowedWorkspace>();
}

/** The runs of one workspace that have not ended. */
class FollowedWorkspace {
  constructor(
    private readonly source: Source,
    private readonly id: string,
    private readonly changed: () => void,
    private readonly ended: Ended
  ) {}

  readonly runs = new Map<string, ActiveRun>();

  /** How many there are, also of those that are not looked after. */
  get counts(): ICounts {
    const running = [...this.runs.values()].filter(({ started }) => started !== null).length;
    return this._counted ?? { running, waiting: this.runs.size - running };
  }

  begin(): void {
    // what is told of first comes before anything has changed
    let begun = false;
    this._stop = this.source.followList(this.id, {
      onConnection: connection => {
        if (connection === 'connected' && this._refusals > 0) {
          void this._loading.now();
        }
      },
      onMessage: message => {
        if (!begun && message.error === undefined) {
          begun = true;
          void this._loading.now();
        }
        void this._take(message);
      }
    });
  }

  end(): void {
    this._stop();
    this._counting.stop();
    clearTimeout(this._retry);
    this._over = true;
  }

  /** Ask which there are, and once more after a pause where that is refused: nobody else would. */
  private async _load(): Promise<void> {
    clearTimeout(this._retry);
    try {
      await this._read();
      this._refusals = 0;
    } catch {
      // who shows the workspace says why it cannot be seen
      const pause = Math.min(FIRST_PAUSE * 2 ** this._refusals++, LONGEST_PAUSE);
      if (!this._over) {
        this._retry = setTimeout(() => void this._loading.now(), pause);
      }
    }
    this._tell();
  }

  /** Take up all that have not ended; none of these is told of as one that ends now. */
  private async _read(): Promise<void> {
    const path = `/workspaces/${encodeURIComponent(this.id)}/runs`;
    const ask = (parameters: Parameters<typeof query>[0]): Promise<{ runs: ActiveRun[]; more?: boolean }> =>
      this.source.request(`${path}${query(parameters)}`);
    if (this._since === null) {
      // before all else: what follows may be refused, while runs begin and end
      const newest = await ask({ limit: 1 });
      this._since = newest.runs[0]?.created ?? '';
    }
    // In a long queue those at work are the oldest of the unfinished, and not among the first page of these.
    const [atWork, unfinished] = await Promise.all([
      ask({ state: AT_WORK, limit: MOST_RUNS }),
      ask({ state: ['unfinished'], limit: MOST_RUNS })
    ]);
    const found = [...unfinished.runs, ...atWork.runs];
    for (const run of found) {
      this._note(run);
    }
    if (unfinished.more) {
      await this._count();
    } else {
      this._counted = null;
    }
    const ids = new Set(found.map(run => run.id));
    await this._askEach([...this.runs.keys()].filter(id => !ids.has(id)));
  }

  private async _take({ changes }: ListMessage): Promise<void> {
    if (changes === undefined) {
      return;
    }
    for (const id of changes.gone) {
      this.runs.delete(id);
    }
    for (const run of changes.runs) {
      this._note(run as ActiveRun);
    }
    if (changes.reload) {
      await this._loading.now();
    } else if (this._counted !== null) {
      this._counting.soon();
    }
    this._tell();
  }

  /** Have the server count: there are more than are looked after. */
  private async _count(): Promise<void> {
    const path = `/workspaces/${encodeURIComponent(this.id)}/run-groups`;
    const parameters = query({ by: 'state', state: ['unfinished'] });
    const { groups } = await this.source.request<{ groups: { value: string; runs: number }[] }>(`${path}${parameters}`);
    const counted = { running: 0, waiting: 0 };
    for (const { value, runs } of groups) {
      counted[AT_WORK.includes(value) ? 'running' : 'waiting'] += runs;
    }
    this._counted = counted;
  }

  /** Count again, until all can be looked after. */
  private async _recount(): Promise<void> {
    try {
      await this._count();
    } catch {
      await this._loading.now(); // which counts, and tries again
      return;
    }
    const { running, waiting } = this.counts;
    if (running + waiting <= MOST_RUNS) {
      await this._loading.now();
    }
    this._tell();
  }

  /**
   * Ask for runs whose ends may have been missed; of many at once nobody is told.
   *
   * @throws RequestError where what became of some is not known yet: these are kept.
   */
  private async _askEach(missing: readonly string[]): Promise<void> {
    let refused: unknown = null;
    for (const id of missing) {
      if (missing.length > MOST_ASKED) {
        this.runs.delete(id);
        continue;
      }
      try {
        this._note(await this.source.request<ActiveRun>(runPath({ workspace: this.id, run: id })));
      } catch (error) {
        if (error instanceof RequestError && error.code === 'run_not_found') {
          this.runs.delete(id);
        } else {
          refused = error;
        }
      }
    }
    if (refused !== null) {
      throw refused;
    }
  }

  /** Take up what is known of a run now. */
  private _note(told: ActiveRun): void {
    if (told.parent !== null || this._over) {
      return;
    }
    const run = { ...told, workspace: this.id };
    if (!TERMINAL.has(run.state)) {
      if (!this._told.has(run.id)) {
        // else this is an answer that was on its way when the run ended
        this.runs.set(run.id, run);
      }
      return;
    }
    // one that was never seen unfinished ends now if it was submitted since; else somebody has tagged an old one
    const isNew = this._since !== null && (run.created ?? '') > this._since && !this._told.has(run.id);
    if (this.runs.delete(run.id) || isNew) {
      this._told.add(run.id);
      this.ended(run);
    }
  }

  private _tell(): void {
    if (!this._over) {
      this.changed();
    }
  }

  private _stop: Disposer = () => undefined;
  private _over = false;
  /** How many the server has counted; null where all are looked after. */
  private _counted: ICounts | null = null;
  private readonly _counting = new Asking(() => this._recount());
  private readonly _loading = new Asking(() => this._load());
  /** How often in a row it was refused. */
  private _refusals = 0;
  private _retry: ReturnType<typeof setTimeout> | undefined;
  /** When the newest run was submitted that there was at first; null until that is known. */
  private _since: string | null = null;
  private readonly _told = new Set<string>();
}

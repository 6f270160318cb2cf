import { type ErrorDocument, type ListMessage, type RunRow, type RunsDocument, TERMINAL } from '../documents';
import { type Connection, type Disposer, query, RequestError, type Source } from '../sources/source';
import { Observed } from './observed';
import { bestOf } from './series';
import { ServerClock } from './server_clock';

/** Rows of a page. */
const PAGE = 20;
/** Milliseconds between two questions for the page that nobody has asked for. */
const PAUSE = 1000;
/** Milliseconds after which metrics of runs that go on are asked for again: nothing tells of them. */
const REFRESH = 5000;

/** An experiment, by ids alone: what an output of a notebook may name. */
export interface ExperimentTarget {
  workspace: string;
  experiment: string;
}

/** Which runs are listed, and in which order: what the server sorts and filters by. */
export interface IRunsQuery {
  /** A state, "unfinished" or "ended"; "" for any. */
  state: string;
  /** A tag, as "name" or "name=value"; "" for any. */
  tag: string;
  /** "created" for the newest first, or the metric whose best value orders. */
  order: string;
  /** Whether the best come last. */
  reversed: boolean;
  offset: number;
}

const FIRST: IRunsQuery = { state: '', tag: '', order: 'created', reversed: false, offset: 0 };

/** Return the statistic of a metric that is its best value, as its name tells; its last one where that does not. */
export function bestStatistic(metric: string): 'min' | 'max' | 'last' {
  return bestOf(metric) ?? 'last';
}

/** A page of the runs of an experiment, kept up to date while anybody looks at it. */
export class RunsModel extends Observed {
  constructor(
    readonly source: Source,
    readonly target: ExperimentTarget
  ) {
    super();
  }

  query: IRunsQuery = FIRST;
  /** Null until it was told. */
  rows: readonly RunRow[] | null = null;
  /** Whether there are more behind these. */
  more = false;
  /** Why they cannot be listed. */
  error: ErrorDocument | null = null;
  connection: Connection = 'connecting';
  /** By which what runs take is counted on. */
  readonly clock = new ServerClock();
  /** Names of all metrics that were seen in any row. */
  readonly metrics = new Set<string>();

  /** The path that asks for the page. */
  get path(): string {
    const { state, tag, order, reversed, offset } = this.query;
    const metric = order === 'created' ? undefined : order;
    const statistic = metric === undefined ? undefined : bestStatistic(metric);
    const parameters = {
      experiment: this.target.experiment,
      state: state || undefined,
      tag: tag || undefined,
      order,
      statistic,
      descending: statistic && String((statistic !== 'min') !== reversed),
      limit: PAGE,
      offset
    };
    return `/workspaces/${encodeURIComponent(this.target.workspace)}/runs${query(parameters)}`;
  }

  /** Show other runs, or in another order; from the first page on, unless `change` says which. */
  ask(change: Partial<IRunsQuery>): void {
    this.query = { ...this.query, offset: 0, ...change };
    this._changed();
    void this._load();
  }

  /** Show the next page, or that before. */
  turn(pages: 1 | -1): void {
    this.ask({ offset: Math.max(0, this.query.offset + pages * PAGE) });
  }

  protected _follow(): Disposer {
    const stop = this.source.followList(this.target.workspace, {
      onMessage: message => {
        this._take(message);
      },
      onConnection: connection => {
        this.connection = connection;
        this._changed();
      }
    });
    const timer = setInterval(() => {
      if (this.rows?.some(row => !TERMINAL.has(row.state))) {
        this._loadSoon();
      }
    }, REFRESH);
    return () => {
      stop();
      clearInterval(timer);
      clearTimeout(this._timer);
      this._timer = undefined;
    };
  }

  private _take(message: ListMessage): void {
    if (message.error !== undefined) {
      this.error = message.error;
      this._changed();
      return;
    }
    if (message.page?.path === this.path) {
      this._show(message.page.answer);
      return;
    }
    const { changes } = message;
    if (changes !== undefined) {
      this._patch(changes.runs, new Set(changes.gone));
    }
    const concerned = changes === undefined || changes.reload || changes.changed_runs.length > 0;
    if (this.rows === null) {
      void this._load();
    } else if (concerned) {
      this._loadSoon();
    }
  }

  /** Show at once what is new about runs that are in sight; whether they still belong there, the server says. */
  private _patch(changed: readonly RunRow[], gone: ReadonlySet<string>): void {
    const known = new Map(changed.map(row => [row.id, row]));
    const rows = this.rows?.filter(row => !gone.has(row.id)).map(row => known.get(row.id) ?? row);
    if (rows !== undefined) {
      this.rows = rows;
      this._changed();
    }
  }

  private _show(answer: RunsDocument): void {
    this.rows = answer.runs;
    this.more = answer.more;
    this.error = null;
    for (const row of answer.runs) {
      for (const name of Object.keys(row.metrics)) {
        this.metrics.add(name);
      }
    }
    this._changed();
  }

  private _loadSoon(): void {
    if (this._timer === undefined) {
      this._timer = setTimeout(() => {
        this._timer = undefined;
        void this._load();
      }, PAUSE);
    }
  }

  /** Ask for the page; while an answer is waited for, only once more for whatever has changed meanwhile. */
  private async _load(): Promise<void> {
    if (this._loading) {
      this._again = true;
      return;
    }
    this._loading = true;
    do {
      this._again = false;
      const { path } = this;
      try {
        const answer = await this.source.request<RunsDocument>(path);
        if (path === this.path) {
          answer.runs.forEach(row => {
            this.clock.learn(row);
          });
          this._show(answer);
        }
      } catch (error) {
        this._fail(error);
      }
    } while (this._again);
    this._loading = false;
  }

  private _fail(error: unknown): void {
    const known = error instanceof RequestError;
    this.error = {
      code: known ? error.code : 'unreachable',
      message: error instanceof Error ? error.message : String(error),
      advice: known ? error.advice : ''
    };
    this._changed();
  }

  private _loading = false;
  private _again = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

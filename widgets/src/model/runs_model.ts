import {
  type ErrorDocument,
  type ListMessage,
  type RunRow,
  type RunsDocument,
  TERMINAL,
  type Trouble
} from '../documents';
import { type Connection, type Disposer, errorDocument, query, type Source } from '../sources/source';
import { Asking } from './asking';
import { Observed } from './observed';
import { bestOf } from './series';
import { ServerClock } from './server_clock';

/** Rows of a page. */
const PAGE = 20;
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
  /** The metric whose best value orders; "" for the newest first. */
  metric: string;
  /** Whether the best come last. */
  reversed: boolean;
  offset: number;
}

const FIRST: IRunsQuery = { state: '', tag: '', metric: '', reversed: false, offset: 0 };

/** Return the statistic of a metric that is its best value, as its name tells; its last one where that does not. */
export function bestStatistic(metric: string): 'min' | 'max' | 'last' {
  return bestOf(metric) ?? 'last';
}

/** The metric that tells most: of validation if there is one, else one that has a best value. */
export function telling(names: readonly string[]): string | undefined {
  const judged = names.filter(name => bestOf(name) !== undefined);
  return (
    judged.find(name => /val/i.test(name) && bestOf(name) === 'max') ??
    judged.find(name => /val/i.test(name)) ??
    judged[0] ??
    names[0]
  );
}

/** Return what a server calls the order by a metric, be that called like another order. */
export function metricOrder(name: string): string {
  return `metric:${name}`;
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
  /** Why no run goes on, for want of a dispatcher; null where they do. */
  trouble: Trouble | null = null;
  connection: Connection = 'connecting';
  /** By which what runs take is counted on. */
  readonly clock = new ServerClock();
  /** Names of all metrics that were seen in any row. */
  readonly metrics = new Set<string>();

  /** The path that asks for the page. */
  get path(): string {
    const { state, tag, metric, reversed, offset } = this.query;
    const statistic = metric === '' ? undefined : bestStatistic(metric);
    const parameters = {
      experiment: this.target.experiment,
      state: state || undefined,
      tag: tag || undefined,
      order: metric === '' ? 'created' : metricOrder(metric),
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
    void this._asking.now();
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
        this.clock.heed(connection, this.source.reach);
        this._changed();
      }
    });
    const timer = setInterval(() => {
      if (this.rows?.some(row => !TERMINAL.has(row.state))) {
        this._asking.soon();
      }
    }, REFRESH);
    return () => {
      stop();
      clearInterval(timer);
      this._asking.stop();
    };
  }

  private _take(message: ListMessage): void {
    if (message.error !== undefined) {
      this.error = message.error;
      this._changed();
      return;
    }
    if (message.trouble !== undefined) {
      this.trouble = message.trouble;
      this._changed();
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
      void this._asking.now();
    } else if (concerned) {
      this._asking.soon();
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
    this.trouble = answer.trouble === undefined ? this.trouble : answer.trouble;
    for (const row of answer.runs) {
      for (const name of Object.keys(row.metrics)) {
        this.metrics.add(name);
      }
    }
    this._changed();
  }

  private readonly _asking = new Asking(async () => {
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
      this.error = errorDocument(error);
      this._changed();
    }
  });
}

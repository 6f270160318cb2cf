import {
  type ErrorDocument,
  type MetricRecord,
  type RunDocument,
  type RunMessage,
  type RunState,
  type RunStateDocument,
  type SeriesDocument,
  TERMINAL,
  type Trouble
} from '../documents';
import type { Connection, Disposer, FollowedRun, Source } from '../sources/source';
import { RequestError, runPath } from '../sources/source';
import { type ITrans, UNTRANSLATED } from '../translation';
import { bare, frameOf } from './ansi';
import { Asking } from './asking';
import { LogText } from './log_text';
import { Observed } from './observed';
import { epochsWanted, loggedBy, type Progress, stepsWanted } from './progress';
import { ProgressEstimator } from './progress_estimator';
import { numberedName } from './run_name';
import { mostOf, Series } from './series';
import { ServerClock } from './server_clock';

export const OUTPUT_LOG = 'logs/stdout.txt';
export const BUILD_LOG = 'logs/build.txt';

/** Records that a page keeps of what is no curve. */
const MOST_RECORDS = 500;

/** Milliseconds after which everything about a run that tells news is asked for again: nothing tells of values that it has lost. */
const OLD = 300_000;

/**
 * What a page knows of one run, kept up to date while anybody looks at it.
 *
 * Nothing of it is drawn here. Whoever draws is called after changes, once for each message.
 */
export class RunModel extends Observed {
  constructor(
    readonly source: Source,
    readonly target: FollowedRun
  ) {
    super();
    this._newLogs();
  }

  /** What may change, as last told; null until it was. */
  state: RunStateDocument | null = null;
  /** Everything; null until it was asked for. */
  run: RunDocument | null = null;
  /** Why it cannot be followed, or no more. */
  error: ErrorDocument | null = null;
  /** Why it does not go on, for want of a dispatcher; null where it does. */
  trouble: Trouble | null = null;
  connection: Connection = 'connecting';
  readonly series = new Map<string, Series>();
  /** What its job uses, by names of the server's; apart from what the script logs. */
  readonly resources = new Map<string, Series>();
  /** How many metrics a kernel has no room for. */
  seriesLeftOut = 0;
  readonly records: MetricRecord[] = [];
  /** The ends of its logs. */
  readonly logs = new Map<string, LogText>();
  /** By which what it takes is counted on. */
  readonly clock = new ServerClock();
  private _estimator = new ProgressEstimator();
  /** Rises with each change. */
  version = 0;

  /** What it is called; its id until more is known of it. */
  get name(): string {
    const named = this.state?.display_name || this.run?.display_name;
    return named || (this.run === null ? this.target.run : numberedName(this.run));
  }

  /** Whether nothing more comes. */
  get ended(): boolean {
    return this.state !== null && TERMINAL.has(this.state.state);
  }

  /** The log that tells most now: of the build until the script runs. */
  get spokenLog(): string {
    const early: RunState[] = ['NotStarted', 'Preparing', 'Queued'];
    const output = this.logs.get(OUTPUT_LOG) as LogText;
    const build = this.logs.get(BUILD_LOG) as LogText;
    const building = this.state !== null && early.includes(this.state.state);
    return output.empty && !build.empty && (building || this.ended) ? BUILD_LOG : OUTPUT_LOG;
  }

  /** How far it is at a time of the server, or was when it ended, if that can be told. */
  progress(now = this.clock.at(Date.now()), trans: ITrans = UNTRANSLATED): Progress | undefined {
    const state = this.state?.state;
    if (!this.ended && state !== 'Running') {
      return undefined;
    }
    const told = this._estimator.progress(this.seconds(now), trans, state === 'Completed');
    return told && this.ended ? { ...told, remaining: null } : told;
  }

  /** Look at how far it is. */
  private _estimate(): void {
    if (this.state === null || !(this.ended || this.state.state === 'Running')) {
      return;
    }
    const lines = (this.logs.get(OUTPUT_LOG) as LogText).lines.slice(-200).map(line => line.text);
    const given = (this.run?.spec as { arguments?: unknown[] } | undefined)?.arguments ?? [];
    const start = this.state.started === null ? 0 : Date.parse(this.state.started) / 1000;
    this._estimator.take(
      lines,
      loggedBy(this.series, stepsWanted(given), start),
      epochsWanted(given),
      this.seconds(this.clock.at(Date.now()))
    );
  }

  /** Seconds that the script has been running at a time of the server, or ran; null before it does. */
  seconds(now = this.clock.at(Date.now())): number | null {
    if (this.state === null || this.state.started === null) {
      return this.state?.seconds ?? null;
    }
    const running = this.state.state === 'Running' || this.state.state === 'CancelRequested';
    return running ? Math.max(0, (now - Date.parse(this.state.started)) / 1000) : this.state.seconds;
  }

  /**
   * Return the path in the run's snapshot of a file that a traceback names, or undefined where it is not of the snapshot.
   *
   * @param path - As in the traceback: relative to the working directory, or below it, wherever the workspace was.
   */
  sourcePath(path: string): string | undefined {
    if (!path.startsWith('/')) {
      return path.startsWith('<') ? undefined : path.replace(/^\.\//, ''); // `<string>` is no file
    }
    const folder = `/runs/${this.target.run}/work/`;
    const at = path.indexOf(folder);
    return at < 0 ? undefined : path.slice(at + folder.length);
  }

  /** Return a line of a log for people: of a file of the run's own, a traceback's line has the path in the source folder. */
  readable(line: string): string {
    const text = bare(line);
    const frame = frameOf(line);
    const path = frame && this.sourcePath(frame.path);
    return frame === undefined || path === undefined ? text : text.replace(frame.path, () => path);
  }

  /** Ask again for everything about the run; once for all who want it while an answer is waited for. */
  refresh(): Promise<void> {
    return this._asking.now();
  }

  /**
   * Return whether everything about the run is to be asked for again: it tells of environments that are found while a run
   * is prepared, and of losses that come with time. How it ended is told without being asked for.
   *
   * @param before - Its state as it was known before.
   */
  private _isDue(before: RunState | undefined): boolean {
    if (this.ended || this.state === null) {
      return false;
    }
    const old = Date.now() - this._asked > OLD && this.source.reach === 'now';
    return old || (before !== undefined && before !== this.state.state);
  }

  private async _ask(): Promise<void> {
    this._asked = Date.now();
    try {
      this._keep(await this.source.request<RunDocument>(runPath(this.target)));
    } catch (error) {
      // Whether a run can be followed is told by who follows it, unless there is nobody to do so.
      if (!(error instanceof RequestError) || error.code !== 'no_extension') {
        return;
      }
      const { code, message, advice } = error;
      this.error = { code, message, advice };
    }
    this._estimate(); // what it was asked for is known now
    this._changed();
  }

  /** Ask for the run to end. */
  async cancel(): Promise<void> {
    this._keep(await this.source.request<RunDocument>(runPath(this.target, '/cancel'), { method: 'POST' }));
    this._changed();
  }

  /** Take an answer. Of a run that has ended meanwhile it may be old, and how it ended is told once. */
  private _keep(answer: RunDocument): void {
    if (!this.ended || this.run === null || TERMINAL.has(answer.state)) {
      this.run = answer;
      this.clock.learn(answer);
    }
  }

  private _newLogs(): void {
    for (const name of [OUTPUT_LOG, BUILD_LOG]) {
      this.logs.set(name, new LogText(this.source.reach === 'now'));
    }
  }

  private _forget(): void {
    this.series.clear();
    this.resources.clear();
    this.records.length = 0;
    this.seriesLeftOut = 0;
    this._newLogs();
    this.error = null;
    this.trouble = null;
    this._estimator = new ProgressEstimator();
  }

  protected _follow(): Disposer {
    this._forget();
    const stop = this.source.follow(this.target, {
      onMessage: message => {
        this._take(message);
      },
      onConnection: connection => {
        const back = connection === 'connected' && this.connection === 'broken';
        this.connection = connection;
        this.clock.heed(connection, this.source.reach);
        this._changed();
        if (back) {
          void this._asking.now();
        }
      }
    });
    void this._asking.now();
    return () => {
      stop();
      this._asking.stop();
    };
  }

  private _take(message: RunMessage): void {
    if (message.whole) {
      this._forget();
    }
    this.error = message.error ?? null;
    this.trouble = message.trouble === undefined ? this.trouble : message.trouble;
    // What stands for all that came before may have waited for long, where a kernel sends it.
    if (message.state !== undefined && !message.whole) {
      this.clock.learn(message.state, this.state);
    }
    const before = this.state?.state;
    this.state = message.state ?? this.state;
    if (message.document !== undefined) {
      this._keep(message.document);
    } else if (this._isDue(before)) {
      void this._asking.now();
    }
    if (message.run !== undefined) {
      this.run = message.run;
      this.state = message.run;
    }
    this.seriesLeftOut = message.metrics?.series_left_out ?? this.seriesLeftOut;
    addTo(this.series, message.metrics?.series ?? []);
    addTo(this.resources, message.resources?.series ?? []);
    this.records.push(...(message.metrics?.records ?? []));
    this.records.splice(0, Math.max(0, this.records.length - MOST_RECORDS));
    for (const [name, part] of Object.entries(message.logs ?? {})) {
      this.logs.get(name)?.add(part);
    }
    this._estimate();
    this._changed();
  }

  private readonly _asking = new Asking(() => this._ask());
  /** When everything about it was asked for last, in milliseconds. */
  private _asked = 0;

  protected override _changed(): void {
    this.version++;
    super._changed();
  }
}

function addTo(known: Map<string, Series>, news: readonly SeriesDocument[]): void {
  for (const document of news) {
    let series = known.get(document.name);
    if (series === undefined) {
      series = new Series(document.name);
      known.set(document.name, series);
    }
    series.add(document);
  }
  for (const series of known.values()) {
    series.keep(mostOf(known.size));
  }
}

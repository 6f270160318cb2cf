import {
  type ErrorDocument,
  type MetricRecord,
  type RunDocument,
  type RunMessage,
  type RunState,
  type RunStateDocument,
  type SeriesDocument,
  TERMINAL
} from '../documents';
import type { Connection, Disposer, FollowedRun, Source } from '../sources/source';
import { RequestError, runPath } from '../sources/source';
import { bare, frameOf } from './ansi';
import { LogText } from './log_text';
import { Observed } from './observed';
import { epochsWanted, loggedBy, type Progress, progressOf, stepsWanted } from './progress';
import { Series } from './series';
import { ServerClock } from './server_clock';

export const OUTPUT_LOG = 'logs/stdout.txt';
export const BUILD_LOG = 'logs/build.txt';

/** Records that a page keeps of what is no curve. */
const MOST_RECORDS = 500;

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
  }

  /** What may change, as last told; null until it was. */
  state: RunStateDocument | null = null;
  /** Everything; null until it was asked for. */
  run: RunDocument | null = null;
  /** Why it cannot be followed, or no more. */
  error: ErrorDocument | null = null;
  connection: Connection = 'connecting';
  readonly series = new Map<string, Series>();
  /** What its job uses, by names of the server's; apart from what the script logs. */
  readonly resources = new Map<string, Series>();
  readonly records: MetricRecord[] = [];
  readonly logs = new Map<string, LogText>([
    [OUTPUT_LOG, new LogText()],
    [BUILD_LOG, new LogText()]
  ]);
  /** By which what it takes is counted on. */
  readonly clock = new ServerClock();
  /** Rises with each change. */
  version = 0;

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

  /** How far it is at a time of the server, if that can be told. */
  progress(now = this.clock.at(Date.now())): Progress | undefined {
    if (this.state?.state !== 'Running') {
      return undefined;
    }
    const lines = (this.logs.get(OUTPUT_LOG) as LogText).lines.slice(-200).map(line => line.text);
    const given = (this.run?.spec as { arguments?: unknown[] } | undefined)?.arguments ?? [];
    return progressOf(lines, loggedBy(this.series, stepsWanted(given)), epochsWanted(given), this.seconds(now));
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

  /** Ask again for everything about the run. */
  async refresh(): Promise<void> {
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

  private _forget(): void {
    this.series.clear();
    this.resources.clear();
    this.records.length = 0;
    for (const name of this.logs.keys()) {
      this.logs.set(name, new LogText());
    }
    this.error = null;
  }

  protected _follow(): Disposer {
    this._forget();
    const stop = this.source.follow(this.target, {
      onMessage: message => {
        this._take(message);
      },
      onConnection: connection => {
        this.connection = connection;
        this._changed();
      }
    });
    void this.refresh();
    return stop;
  }

  private _take(message: RunMessage): void {
    if (message.whole) {
      this._forget();
    }
    this.error = message.error ?? null;
    // What stands for all that came before may have waited for long, where a kernel sends it.
    if (message.state !== undefined && !message.whole) {
      this.clock.learn(message.state, this.state);
    }
    this.state = message.state ?? this.state;
    if (message.run !== undefined) {
      this.run = message.run;
      this.state = message.run;
    }
    addTo(this.series, message.metrics?.series ?? []);
    addTo(this.resources, message.resources?.series ?? []);
    this.records.push(...(message.metrics?.records ?? []));
    this.records.splice(0, Math.max(0, this.records.length - MOST_RECORDS));
    for (const [name, part] of Object.entries(message.logs ?? {})) {
      this.logs.get(name)?.add(part);
    }
    this._changed();
  }

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
}

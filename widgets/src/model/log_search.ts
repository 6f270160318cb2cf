import type { LogSearchDocument } from '../documents';
import { query, runPath, type Source } from '../sources/source';
import { bare } from './ansi';
import type { LogTarget } from './log_reader';
import type { LogText } from './log_text';

/** Lines that are found at most. */
export const MOST_HITS = 1000;
/** Milliseconds between two questions about what a log grew by. */
const PAUSE = 1000;

/** A line that was found. */
export interface LogHit {
  /** Its number, from 1; null where only the end of the log is known. */
  line: number | null;
  /** Where it begins in the log, in bytes. */
  offset: number;
}

/** A search for a text in all of a log, by the server, or in the lines that are here where there is none. */
export class LogSearch {
  /**
   * @param source - Who searches.
   * @param target - Which log.
   * @param tail - Gives what is known of its end.
   * @param changed - Called after each change.
   */
  constructor(
    private readonly source: Source,
    private readonly target: LogTarget,
    private readonly tail: () => LogText,
    private readonly changed: () => void
  ) {}

  /** What is looked for; empty where nothing is. */
  text = '';
  hits: LogHit[] = [];
  /** How far was searched, and how much there is, in bytes. */
  searched = 0;
  size = 0;
  /** Whether an answer is waited for. */
  busy = false;
  /** Whether all that was there when it began has been searched. */
  whole = false;
  /** Whether there may be more than those that were found. */
  cut = false;
  error: unknown = null;

  /** Look for another text; the search before it is given up. */
  find(text: string): void {
    this.stop();
    this.text = text;
    this.hits = [];
    this.searched = 0;
    this.size = this.tail().end;
    this.cut = false;
    this.whole = false;
    this.error = null;
    this._cursor = '';
    this._begin();
  }

  /** Search what the log grew by, if it did. */
  goOn(): void {
    const grown = this.tail().end > Math.max(this.searched, this._known);
    if (grown && this.text !== '' && !this.busy && !this.cut) {
      this._timer ??= setTimeout(() => {
        this._timer = undefined;
        this._begin();
      }, PAUSE);
    }
  }

  /** Give it up. */
  stop(): void {
    this._asking?.abort();
    this._asking = null;
    clearTimeout(this._timer);
    this._timer = undefined;
    this.busy = false;
  }

  private _begin(): void {
    this._known = this.tail().end;
    this.error = null;
    if (this.text === '') {
      this.changed();
    } else if (this.source.reach === 'now') {
      const asking = new AbortController();
      this._asking = asking;
      this.busy = true;
      this.changed();
      void this._ask(asking.signal);
    } else {
      this._look();
      this.changed();
    }
  }

  private async _ask(signal: AbortSignal): Promise<void> {
    let more = true;
    try {
      while (more && !this.cut) {
        const { name } = this.target;
        const limit = MOST_HITS - this.hits.length;
        const asked = query({ name, text: this.text, limit, cursor: this._cursor || undefined });
        const path = runPath(this.target, `/logs/search${asked}`);
        const answer = await this.source.request<LogSearchDocument>(path, { signal });
        if (signal.aborted) {
          return;
        }
        this.hits = [...this.hits, ...answer.hits];
        this.searched = answer.searched;
        this.size = answer.size;
        this._cursor = answer.cursor;
        more = answer.more;
        this.cut = this.hits.length >= MOST_HITS;
        this.busy = more && !this.cut;
        this.whole ||= !this.busy;
        this.changed();
      }
    } catch (error) {
      if (!signal.aborted) {
        this.busy = false;
        this.error = error;
        this.changed();
      }
    }
  }

  private _look(): void {
    const tail = this.tail();
    const sought = this.text.toLowerCase();
    this.hits = tail.lines
      .filter(line => bare(line.text).toLowerCase().includes(sought))
      .slice(-MOST_HITS)
      .map(line => ({ line: null, offset: line.offset }));
    this.searched = tail.end;
    this.size = tail.end;
    this.whole = true;
  }

  /** Where the log ended, as far as was known, when it was searched last. */
  private _known = 0;
  private _cursor = '';
  private _asking: AbortController | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

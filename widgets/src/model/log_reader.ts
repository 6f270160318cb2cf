import type { RunTarget, Source } from '../sources/source';
import { query, runPath } from '../sources/source';
import { LogText } from './log_text';
import { LINE_COST, type LogLine } from './terminal_line';

/** Bytes that are asked for at once. */
const PIECE = 256 << 10;
/** Bytes before a place that is jumped to, so that what led to it is seen. */
const BEFORE = 64 << 10;
/** Characters of what is read away from the end that a page holds; what is far from there is asked for again. */
const MOST_HELD = 2_000_000;
/** A shorter end is shown with what is before it. */
const FEW_LINES = 60;
/** Pieces that are asked for without anybody's doing. */
const MOST_UNASKED = 8;

/** Of which log something is asked for. */
export interface LogTarget extends RunTarget {
  name: string;
}

/**
 * What is seen of a log: its end as it is written, or any other part, which stays as it is while it is read.
 *
 * Of a log of any size it holds a bounded part without holes, that is moved by asking the server for what comes before or
 * after it. Where there is no server, all there is is the end.
 */
export class LogReader {
  /**
   * @param source - Where it is asked for.
   * @param target - Of which log.
   * @param tail - Gives what is known of its end.
   * @param changed - Called after each change that does not come from the end.
   */
  constructor(
    private readonly source: Source,
    private readonly target: LogTarget,
    private readonly tail: () => LogText,
    private readonly changed: () => void
  ) {}

  /** Why something could not be read. */
  error: unknown = null;

  /** Whether the end is shown as it is written. */
  get follows(): boolean {
    return this._held === null;
  }

  /** Whether an answer is waited for. */
  get busy(): boolean {
    return this._asking !== null;
  }

  /** Whether all of the log can be asked for, and at once. */
  get complete(): boolean {
    return this.source.reach === 'now';
  }

  /** The lines to be shown; without holes, unless only the end can be had. */
  get lines(): readonly LogLine[] {
    const tail = this.tail();
    if (this._held !== null) {
      return this._held;
    }
    return this._leads ? [...this._before, ...tail.lines] : tail.lines;
  }

  /** Where the first of them begins, in bytes. */
  get start(): number {
    return this.lines[0]?.offset ?? 0;
  }

  /** Where the last of them ends. */
  get end(): number {
    return this._held === null ? this.tail().end : this._stop;
  }

  /** Whether something comes before them that can be asked for. */
  get hasEarlier(): boolean {
    return this.complete && this.start > 0;
  }

  /** Stay with what is shown now. */
  hold(): void {
    if (this._held === null) {
      this._held = [...this.lines];
      this._stop = this.tail().end;
    }
  }

  /** Show the end again. */
  follow(): void {
    this._abandon();
    this._held = null;
    this.error = null;
    this.changed();
  }

  /** Where the end is short, show what comes before it as well, as far as a few pieces have it. */
  fill(): void {
    const short = this.follows && this.lines.length < FEW_LINES;
    if (short && this.hasEarlier && !this.busy && this.error === null && this._unasked < MOST_UNASKED) {
      this._unasked++;
      const [stop, before] = [this.start, this._leads ? this._before : []];
      this._ask(Math.max(0, stop - PIECE), stop, lines => {
        this._before = [...lines, ...before];
        this._leadsTo = this.tail().start;
      });
    }
  }

  /** Have what comes before the lines. */
  earlier(): void {
    if (this.hasEarlier && !this.busy) {
      this.hold();
      const stop = this.start;
      this._ask(Math.max(0, stop - PIECE), stop, lines => {
        this._held = [...lines, ...(this._held ?? [])];
        this._dropLast();
      });
    }
  }

  /** Have what comes after the lines; at the end of the log follow it again. */
  later(): void {
    if (this._held === null || this.busy) {
      return;
    }
    const tail = this.tail();
    if (this.complete && this._stop < tail.start) {
      this._ask(this._stop, this._stop + PIECE, (lines, stop) => {
        this._held = [...(this._held ?? []), ...lines];
        this._stop = stop;
        this._dropFirst();
      });
      return;
    }
    const rest = tail.lines.filter(line => line.offset >= this._stop);
    if (rest.length === 0) {
      this.follow();
    } else {
      this._held = [...this._held, ...rest];
      this._stop = tail.end;
      this._dropFirst();
      this.changed();
    }
  }

  /** Show the part with a byte of the log, and stay there. */
  open(offset: number): void {
    this._abandon();
    if (offset >= this.start && offset < this.end) {
      this.hold();
      this.changed();
    } else if (this.complete) {
      const start = Math.max(0, offset - BEFORE);
      this._ask(start, start + PIECE, (lines, stop) => {
        this._held = lines;
        this._stop = stop;
      });
    } else {
      // of what can be had it lies in what has come since
      this._held = null;
      this.hold();
      this.changed();
    }
  }

  /** Ask for nothing any more. */
  dispose(): void {
    this._abandon();
  }

  /** Whether what was asked for to come before the end still does: the end may have given up its beginning. */
  private get _leads(): boolean {
    return this._before.length > 0 && this._leadsTo === this.tail().start;
  }

  /** Ask for the bytes from `start` to `stop`; `take` is given the whole lines among them and where they end. */
  private _ask(start: number, stop: number, take: (lines: LogLine[], stop: number) => void): void {
    const asking = new AbortController();
    this._asking = asking;
    this.error = null;
    const { name } = this.target;
    const path = runPath(this.target, `/logs/content${query({ name, offset: start, limit: stop - start })}`);
    const settle = (act: () => void): void => {
      if (!asking.signal.aborted) {
        this._asking = null;
        act();
        this.changed();
      }
    };
    this.source.bytes(path, { signal: asking.signal }).then(
      answer =>
        settle(() => {
          const data = new Uint8Array(answer);
          const more = start + data.length < this.tail().end;
          // what goes on where the lines end begins with a line, and anything else somewhere within one
          const part = wholeLines(data, start, { within: start > 0 && start !== this._stop, more });
          take(part.lines, part.end);
        }),
      error =>
        settle(() => {
          this.error = error;
        })
    );
    this.changed();
  }

  private _abandon(): void {
    this._asking?.abort();
    this._asking = null;
  }

  private _dropLast(): void {
    const held = this._held as LogLine[];
    const kept = fitting(held);
    if (kept < held.length) {
      this._stop = (held[kept] as LogLine).offset;
      held.length = kept;
    }
  }

  private _dropFirst(): void {
    const held = this._held as LogLine[];
    held.splice(0, held.length - fitting([...held].reverse()));
  }

  /** What is read; null while the end is shown. */
  private _held: LogLine[] | null = null;
  /** Where that ends, in bytes. */
  private _stop = 0;
  /** What is shown before the end, and where that began when it was asked for. */
  private _before: LogLine[] = [];
  private _leadsTo = -1;
  private _unasked = 0;
  private _asking: AbortController | null = null;
}

/** Return how many of the lines, from the first on, a page may hold. */
function fitting(lines: readonly LogLine[]): number {
  let size = 0;
  const at = lines.findIndex(line => {
    size += line.text.length + LINE_COST;
    return size > MOST_HELD;
  });
  return at < 0 ? lines.length : Math.max(1, at);
}

const LINE_FEED = 10;

/**
 * Return the lines of some bytes of a log.
 *
 * @param data - The bytes.
 * @param start - Where they begin in the log.
 * @param cut - Whether they begin within a line, and whether there are more behind them: what is cut off is left out,
 * unless it is all there is.
 */
function wholeLines(data: Uint8Array<ArrayBuffer>, start: number, cut: { within: boolean; more: boolean }): LogText {
  const first = cut.within ? data.indexOf(LINE_FEED) + 1 : 0;
  const last = cut.more ? data.lastIndexOf(LINE_FEED) + 1 : data.length;
  const [begin, end] = first < last ? [first, last] : [0, data.length];
  const whole = data.subarray(begin, end);
  const text = new LogText();
  text.add({ offset: start + begin, gap: 0, text: new TextDecoder().decode(whole) }, whole);
  return text;
}

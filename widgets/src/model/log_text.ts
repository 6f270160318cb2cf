import type { LogPart } from '../documents';
import { type LogLine, TerminalLine } from './terminal_line';

/** Characters of a log that a page holds at most of its end. */
const MOST_CHARACTERS = 4_000_000;
/** So many lines above the last one a cursor can be moved, as on a large screen. */
const REACH = 100;

/** What moves the cursor, or erases; `\n` is the end of a line. Colours, and all else, are text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what terminals do with them
const CONTROLS = /[\r\n\b]|\u001b\[([0-9;?]*)([A-HJK])/g;
/** The beginning of one, whose rest comes with the next part. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const BEGUN = /\u001b(?:\[[0-9;?]{0,30})?$/;

const LINE_FEED = 10;

/**
 * A part of a log, that may grow at its end, as a terminal shows it: bars that draw over themselves are one line each.
 *
 * @param again - Whether what lies before it can be asked for: then nothing is left out in its middle.
 */
export class LogText {
  constructor(private readonly again = false) {}

  /** The lines, the oldest first; the last ones may be written to yet. */
  readonly lines: LogLine[] = [];
  /** How many lines were given up at the beginning. */
  dropped = 0;
  /** How many bytes are known to have been written. */
  end = 0;

  /** Whether nothing was written. */
  get empty(): boolean {
    return this._lines.length === 0;
  }

  /** Where its first line begins in the log, in bytes. */
  get start(): number {
    return this._lines[0]?.offset ?? this.end;
  }

  /**
   * Add what was appended.
   *
   * @param part - It.
   * @param data - The bytes of its text.
   */
  add(part: LogPart, data: Uint8Array<ArrayBuffer> = new TextEncoder().encode(part.text)): void {
    if (part.gap > 0) {
      this._leaveOut(part);
    } else if (this.empty) {
      this._begins = part.offset;
    }
    this.end = part.end ?? part.offset + data.length;
    const text = this._begun + part.text;
    this._begun = BEGUN.exec(text)?.[0] ?? '';
    this._write(text.slice(0, text.length - this._begun.length), part, data);
    this._settle();
    this._shrink();
  }

  private _leaveOut(part: LogPart): void {
    if (this.again) {
      this._lines.length = 0;
      this._settled = 0;
      this._size = 0;
    }
    this._begun = '';
    this._gap = this.again ? 0 : part.gap;
    this._begins = part.offset;
    this._row = this._lines.length;
    this._column = 0;
    this._highest = this._lines.length;
  }

  private _write(text: string, { offset, lines }: LogPart, data: Uint8Array<ArrayBuffer>): void {
    let begin = 0;
    let ended = 0;
    let count = 0;
    for (const found of text.matchAll(CONTROLS)) {
      if (found.index > begin) {
        this._put(text.slice(begin, found.index));
      }
      begin = found.index + found[0].length;
      if (found[0] === '\n') {
        ended = data.indexOf(LINE_FEED, ended) + 1;
        this._feed(lines?.[count++] ?? offset + ended);
      } else if (found[0] === '\r') {
        this._column = 0;
      } else if (found[0] === '\b') {
        this._column = Math.max(0, this._column - 1);
      } else {
        this._obey(found[2] as string, found[1] as string);
      }
    }
    if (begin < text.length) {
      this._put(text.slice(begin));
    }
  }

  private _put(text: string): void {
    this._column = this._line().write(text, this._column);
  }

  /** Return the line with the cursor, which is made where there is none yet. */
  private _line(): TerminalLine {
    if (this._row === this._lines.length) {
      this._lines.push(new TerminalLine(this._begins, this._gap));
      this._gap = 0;
    }
    return this._lines[this._row] as TerminalLine;
  }

  private _feed(begins: number): void {
    this._line();
    this._row++;
    this._column = 0;
    if (this._row === this._lines.length) {
      this._begins = begins;
    }
  }

  /** Do what an escape sequence says. */
  private _obey(letter: string, given: string): void {
    const first = Number.parseInt(given, 10);
    const count = Number.isNaN(first) ? 1 : Math.max(1, first);
    if (letter === 'A' || letter === 'F') {
      this._move(-count);
    } else if (letter === 'B' || letter === 'E') {
      this._move(count);
    } else if (letter === 'C') {
      this._column += count;
    } else if (letter === 'D') {
      this._column = Math.max(0, this._column - count);
    } else if (letter === 'G') {
      this._column = count - 1;
    } else if (letter === 'K') {
      this._eraseLine(Number.isNaN(first) ? 0 : first);
    } else if (letter === 'J' && (given === '' || given === '0')) {
      this._eraseLine(0);
      for (const line of this._lines.slice(this._row + 1)) {
        line.erase(0);
      }
    }
    if (letter === 'E' || letter === 'F') {
      this._column = 0;
    }
  }

  private _move(rows: number): void {
    const highest = Math.max(this._highest, this._lines.length - REACH);
    this._row = Math.max(Math.min(highest, this._lines.length), Math.min(this._lines.length, this._row + rows));
  }

  private _eraseLine(which: number): void {
    const line = this._lines[this._row];
    if (which === 0) {
      line?.erase(this._column);
    } else if (which === 1) {
      line?.erase(0, this._column + 1);
    } else {
      line?.erase(0);
    }
  }

  /** Count what no cursor reaches any more. */
  private _settle(): void {
    while (this._settled < this._lines.length - REACH) {
      const line = this._lines[this._settled] as TerminalLine;
      line.settle();
      this._size += line.size;
      this._settled++;
    }
  }

  private _shrink(): void {
    const written = this._lines.slice(this._settled).reduce((sum, line) => sum + line.size, 0);
    let count = 0;
    while (this._size + written > MOST_CHARACTERS && count < this._settled) {
      this._size -= (this._lines[count] as TerminalLine).size;
      count++;
    }
    if (count > 0) {
      this._lines.splice(0, count);
      this._settled -= count;
      this._row -= count;
      this._highest = Math.max(0, this._highest - count);
      this.dropped += count;
    }
  }

  private readonly _lines = this.lines as TerminalLine[];
  /** The line and column of the cursor; behind the last line where that has ended. */
  private _row = 0;
  private _column = 0;
  /** Where the line behind the last one begins in the log, and what was left out before it. */
  private _begins = 0;
  private _gap = 0;
  /** The first line that a cursor may be moved to: none before something that was left out. */
  private _highest = 0;
  private _begun = '';
  /** How many lines at the beginning are not written to any more, and how large they are. */
  private _settled = 0;
  private _size = 0;
}

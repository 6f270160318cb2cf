import type { LogPart } from '../documents';

/** Characters of a log that a page holds at most; what is older is asked for again when it is scrolled to. */
const MOST_CHARACTERS = 4_000_000;
/** A longer line is cut for display; it is whole in the file. */
const LONGEST_LINE = 10_000;

/** A line of a log, without its end. */
export interface LogLine {
  /** With its ANSI codes, but of what overwrote itself by carriage returns only what remained. */
  text: string;
  /** How many bytes were left out before it. */
  gap: number;
}

/** What a page holds of a log: its last lines. */
export class LogText {
  /** The lines, the oldest first; the last one may not have ended yet. */
  readonly lines: LogLine[] = [];
  /** How many lines were given up at the beginning. */
  dropped = 0;
  /** How many bytes are known to have been written. */
  end = 0;

  /** Whether nothing was written. */
  get empty(): boolean {
    return this.lines.length === 0;
  }

  /** Add what was appended. */
  add(part: LogPart): void {
    this.end = part.offset + new TextEncoder().encode(part.text).length;
    const pieces = part.text.split('\n');
    if (part.gap > 0 && !this.empty) {
      this._finish();
    }
    pieces.forEach((piece, at) => {
      if (at === 0 && this._open && part.gap === 0) {
        this._raw += piece;
        this._replaceLast();
      } else {
        this._raw = piece;
        this._push(at === 0 ? part.gap : 0);
      }
      this._open = at === pieces.length - 1;
    });
    if (this._raw === '' && this._open) {
      this._size -= (this.lines.pop() as LogLine).text.length;
      this._open = false;
    }
    this._shrink();
  }

  private _finish(): void {
    this._open = false;
    this._raw = '';
  }

  private _push(gap: number): void {
    const text = overwritten(this._raw);
    this.lines.push({ text, gap });
    this._size += text.length;
  }

  private _replaceLast(): void {
    const line = this.lines[this.lines.length - 1] as LogLine;
    this._size -= line.text.length;
    line.text = overwritten(this._raw);
    this._size += line.text.length;
    if (this._raw.length > LONGEST_LINE) {
      this._raw = line.text;
    }
  }

  private _shrink(): void {
    let count = 0;
    let size = this._size;
    while (size > MOST_CHARACTERS && count < this.lines.length - 1) {
      size -= (this.lines[count] as LogLine).text.length;
      count++;
    }
    if (count > 0) {
      this.lines.splice(0, count);
      this.dropped += count;
      this._size = size;
    }
  }

  private _raw = '';
  private _open = false;
  private _size = 0;
}

/** Return what a terminal shows of a line with carriage returns: the last piece, over what it did not cover. */
export function overwritten(line: string): string {
  if (!line.includes('\r')) {
    return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line;
  }
  const pieces = line.split('\r').filter(piece => piece !== '');
  return overwritten(pieces[pieces.length - 1] ?? '');
}

/** A longer line is cut for display; it is whole in the file. */
const LONGEST_LINE = 10_000;

/** What a line takes besides its characters, in characters: blank lines are not for nothing. */
export const LINE_COST = 50;

/** A line of a log, without its end. */
export interface LogLine {
  /** With its ANSI colours; of what was written over only what remained. */
  readonly text: string;
  /** Where it begins in the log, in bytes. */
  readonly offset: number;
  /** How many bytes were left out before it. */
  readonly gap: number;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const TOKENS = /\u001b(?:\[[0-9;?]*[A-Za-z]|[\]P^_X][^\u0007\u001b]*(?:\u0007|\u001b\\)|[^[]?)|[^\u001b]/gsu;
/** What is no single character in a column of its own. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const ODD = /[\u001b\ud800-\udfff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const COLOUR = /^\u001b\[([0-9;]*)m$/;
/** Characters of colours that one column may have. */
const MOST_COLOUR = 100;

/** What stands in each column: a character, and the colours that it has. */
interface IColumns {
  letters: string[];
  colours: string[];
}

/**
 * A line of a terminal, that may be written over.
 *
 * Most are written once, and are a text; only one that is changed in its middle is taken apart into columns.
 */
export class TerminalLine implements LogLine {
  constructor(
    readonly offset: number,
    readonly gap = 0
  ) {}

  get text(): string {
    this._text ??= textOf(this._columns as IColumns);
    return this._cut ? `${this._text}…` : this._text;
  }

  /** How much it takes to hold it, in characters. */
  get size(): number {
    return LINE_COST + (this._columns?.letters.length ?? (this._text as string).length) + (this._cut ? 1 : 0);
  }

  /** Write a text without line ends from a column on; return the column behind it. */
  write(text: string, column: number): number {
    const room = LONGEST_LINE - column;
    this._cut = text.length > room || (this._cut && column > 0);
    if (room <= 0) {
      return LONGEST_LINE;
    }
    const fitting = text.slice(0, room);
    const plain = !ODD.test(fitting);
    const columns = plain ? null : columnsOf(fitting);
    const width = columns === null ? fitting.length : columns.letters.length;
    if (this._columns === null && column === this._width) {
      this._text += fitting;
      this._width += width;
    } else if (column === 0 && width >= this._width) {
      this._text = fitting;
      this._columns = null;
      this._width = width;
    } else {
      this._overwrite(columns ?? columnsOf(fitting), column);
    }
    return column + width;
  }

  /** Blank the columns from `begin` to `end`; what is blank to the end is not there. */
  erase(begin: number, end = Number.POSITIVE_INFINITY): void {
    if (begin < this._width) {
      const { letters, colours } = this._takenApart();
      if (end >= this._width) {
        letters.length = begin;
        colours.length = begin;
        this._width = begin;
      } else {
        letters.fill(' ', begin, end);
        colours.fill('', begin, end);
      }
    }
  }

  /** It will not be written to any more. */
  settle(): void {
    this._text ??= textOf(this._columns as IColumns);
    this._columns = null;
  }

  private _overwrite({ letters, colours }: IColumns, column: number): void {
    const mine = this._takenApart();
    for (let at = this._width; at < column; at++) {
      mine.letters[at] = ' ';
      mine.colours[at] = '';
    }
    for (let at = 0; at < letters.length; at++) {
      mine.letters[column + at] = letters[at] as string;
      mine.colours[column + at] = colours[at] as string;
    }
    this._width = mine.letters.length;
  }

  /** Return its columns, which are changed then. */
  private _takenApart(): IColumns {
    this._columns ??= columnsOf(this._text as string);
    this._text = null;
    return this._columns;
  }

  /** As it is shown; null where only the columns are up to date. */
  private _text: string | null = '';
  private _columns: IColumns | null = null;
  private _width = 0;
  private _cut = false;
}

function columnsOf(text: string): IColumns {
  const letters: string[] = [];
  const colours: string[] = [];
  let colour = '';
  for (const [token] of text.matchAll(TOKENS)) {
    if (!token.startsWith('\u001b')) {
      letters.push(token);
      colours.push(colour);
      continue;
    }
    const codes = COLOUR.exec(token)?.[1];
    if (codes !== undefined) {
      const added = /^0*(;|$)/.test(codes) ? '' : colour;
      colour = codes === '' || /^0+$/.test(codes) ? '' : `${added}${token}`.slice(-MOST_COLOUR);
    }
  }
  return { letters, colours };
}

function textOf({ letters, colours }: IColumns): string {
  let colour = '';
  let text = '';
  for (let at = 0; at < letters.length; at++) {
    const next = colours[at] as string;
    if (next !== colour) {
      text += `${colour === '' ? '' : '\u001b[0m'}${next}`;
      colour = next;
    }
    text += letters[at];
  }
  return colour === '' ? text : `${text}\u001b[0m`;
}

/** A piece of a line, all of it of one look. */
export interface Piece {
  text: string;
  /** Names of classes, such as `td-ansi-red td-ansi-bold`. */
  looks: string;
  /** Colours that are no names of a theme's: those of a palette of 256, or any at all. */
  style?: { color?: string; backgroundColor?: string };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const OTHERS = /\u001b(?:\[[0-9;?]*[A-LN-Za-ln-z]|[\]P^_X][^\u0007\u001b]*(?:\u0007|\u001b\\)|[()][0-9A-B]|[=>78])/g;

/** Split a line by its ANSI colours; what moves cursors is left out. All of it is text: nothing of a log is ever HTML. */
export function pieces(line: string): Piece[] {
  if (!line.includes('\u001b')) {
    return [{ text: line, looks: '' }];
  }
  const found: Piece[] = [];
  const look: ILook = { ink: '', ground: '', marks: new Set() };
  line
    .replace(OTHERS, '')
    .split(COLOURS)
    .forEach((part, at) => {
      if (at % 2 === 1) {
        change(look, part.split(';').map(Number));
      } else if (part !== '') {
        found.push(pieceOf(part, look));
      }
    });
  return found;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const COLOURS = /\u001b\[([0-9;]*)m/;

/** How what is written looks: colours are names in the style sheet, or else values of CSS; empty where there is none. */
interface ILook {
  ink: string;
  ground: string;
  marks: Set<string>;
}

const COLOUR_NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
const MARKS: Record<number, string> = {
  1: 'bold',
  2: 'dim',
  3: 'italic',
  4: 'underline',
  7: 'reverse',
  9: 'strikethrough'
};

/** Change a look as the codes of an escape sequence say. */
function change(look: ILook, codes: number[]): void {
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] as number;
    const [kind, tens] = [code % 10, code - (code % 10)];
    const [side, name] =
      tens % 100 === 40 || tens === 100 ? (['ground', tens - 40] as const) : (['ink', tens - 30] as const);
    if (code === 0) {
      Object.assign(look, { ink: '', ground: '' });
      look.marks.clear();
    } else if (code < 10) {
      look.marks.add(MARKS[code] ?? '');
    } else if (code < 30) {
      look.marks.delete(MARKS[kind] ?? '');
      look.marks.delete(code === 22 ? 'bold' : '');
    } else if (kind === 8 && code < 60) {
      const mixed = codes[at + 1] === 2;
      const colour = mixed ? rgb(codes.slice(at + 2, at + 5)) : numbered(codes[at + 2] ?? 0);
      look[side] = code === 58 ? look[side] : colour; // 58 is that of the line below it
      at += mixed ? 4 : 2;
    } else if (code < 50 || (code >= 90 && code < 108)) {
      look[side] = kind === 9 ? '' : numbered(name > 0 ? kind + 8 : kind);
    }
  }
}

function pieceOf(text: string, { marks, ...colours }: ILook): Piece {
  const [ink, ground] = marks.has('reverse') ? [colours.ground, colours.ink] : [colours.ink, colours.ground];
  const isValue = (colour: string): boolean => colour.startsWith('rgb');
  const looks = [isValue(ink) ? '' : ink, ground && !isValue(ground) ? `on-${ground}` : '', ...marks];
  const style = {
    ...(isValue(ink) ? { color: ink } : {}),
    ...(isValue(ground) ? { backgroundColor: ground } : {})
  };
  const named = looks
    .filter(Boolean)
    .map(look => `td-${look}`)
    .join(' ');
  return Object.keys(style).length === 0 ? { text, looks: named } : { text, looks: named, style };
}

/** Return a colour of the palette of 256. */
function numbered(number: number): string {
  // a theme has one of each, and its grey is what others call bright black
  return number > 15 ? rgb(ofPalette(number)) : `ansi-${number === 8 ? 'white' : COLOUR_NAMES[number % 8]}`;
}

function rgb(parts: readonly number[]): string {
  return `rgb(${parts.join(', ')})`;
}

/** Steps of red, green and blue in the palette of 256 colours. */
const LEVELS = [0, 95, 135, 175, 215, 255];

/** Return red, green and blue of a colour of the palette from 16 on: a cube of 6 by 6 by 6, then greys. */
function ofPalette(number: number): number[] {
  if (number >= 232) {
    return new Array<number>(3).fill(8 + 10 * (number - 232));
  }
  const place = number - 16;
  return [Math.floor(place / 36), Math.floor(place / 6) % 6, place % 6].map(level => LEVELS[level] as number);
}

/** Return a line without any colours. */
export function bare(line: string): string {
  return pieces(line)
    .map(piece => piece.text)
    .join('');
}

const FRAME = /^\s*File "(.+)", line (\d+)(?:, in .*)?$/;

/** Return the file and line that a line of a traceback names, or undefined for any other line. */
export function frameOf(line: string): { path: string; line: number } | undefined {
  const found = FRAME.exec(bare(line));
  return found === null ? undefined : { path: found[1] as string, line: Number(found[2]) };
}

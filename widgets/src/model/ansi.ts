import Anser from 'anser';

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
  const found = Anser.ansiToJson(line.replace(OTHERS, ''), { use_classes: true, remove_empty: true });
  return found.map(one => {
    const [fg, bg] = [colourOf(one.fg, one.fg_truecolor), colourOf(one.bg, one.bg_truecolor)];
    const looks = [fg.name, bg.name && `on-${bg.name}`, ...one.decorations]
      .filter(Boolean)
      .map(name => `td-${name}`)
      .join(' ');
    const style = {
      ...(fg.value === undefined ? {} : { color: fg.value }),
      ...(bg.value === undefined ? {} : { backgroundColor: bg.value })
    };
    return Object.keys(style).length === 0 ? { text: one.content, looks } : { text: one.content, looks, style };
  });
}

/** Return the name that a colour has in the style sheet, or else what it is made of. */
function colourOf(name: string | null, mixed: string | null): { name?: string; value?: string } {
  if (name === null) {
    return {};
  }
  if (name === 'ansi-truecolor') {
    return { value: `rgb(${mixed})` };
  }
  const number = /^ansi-palette-(\d+)$/.exec(name)?.[1];
  if (number !== undefined) {
    return { value: `rgb(${ofPalette(Number(number)).join(', ')})` };
  }
  // a theme has one of each, and its grey is what others call bright black
  return { name: name === 'ansi-bright-black' ? 'ansi-white' : name.replace('bright-', '') };
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

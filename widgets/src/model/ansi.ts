import Anser from 'anser';

/** A piece of a line, all of it of one look. */
export interface Piece {
  text: string;
  /** Names of classes, such as `td-ansi-red td-ansi-bold`. */
  looks: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const OTHERS = /\u001b(?:\[[0-9;?]*[A-LN-Za-ln-z]|\][^\u0007]*\u0007|[()][0-9A-B]|[=>78])/g;

/** Split a line by its ANSI colours; what moves cursors is left out. All of it is text: nothing of a log is ever HTML. */
export function pieces(line: string): Piece[] {
  if (!line.includes('\u001b')) {
    return [{ text: line, looks: '' }];
  }
  const found = Anser.ansiToJson(line.replace(OTHERS, ''), { use_classes: true, remove_empty: true });
  return found.map(one => ({
    text: one.content,
    looks: [one.fg, one.bg && `on-${one.bg}`, ...one.decorations]
      .filter(Boolean)
      .map(name => `td-${name}`)
      .join(' ')
  }));
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

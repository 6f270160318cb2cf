import { bare, frameOf } from './ansi';

/** A line of a file that an exception went through. */
export interface IFrame {
  /** Path of the file in the run's snapshot. */
  path: string;
  line: number;
  /** What stands there, as far as the traceback says so. */
  code: string;
}

/** What of a traceback tells a script's author most. */
export interface ITraceback {
  /** The frames in files of the run's own, the outermost first. */
  frames: IFrame[];
  /** The exception, its message if it has one, and what was printed after it, in lines. */
  exception: string;
}

const BEGIN = /^\s*Traceback \(most recent call last\):$/;

/**
 * Return what the last traceback in some lines of a log tells, or undefined where there is none.
 *
 * @param lines - With colours or without.
 * @param own - Returns the path in the snapshot of a file that a traceback names; undefined for one of a library.
 */
export function tracebackOf(
  lines: readonly string[],
  own: (path: string) => string | undefined
): ITraceback | undefined {
  const texts = lines.map(bare);
  const begin = texts.map(text => BEGIN.test(text)).lastIndexOf(true);
  // where it is longer than what there is of the log its first line is not among them
  const from = begin >= 0 ? begin + 1 : texts.findIndex(text => frameOf(text) !== undefined);
  if (from < 0) {
    return undefined;
  }
  const margin = /^\s*/.exec(texts[begin] ?? '')?.[0].length ?? 0;
  const end = texts.findIndex((text, at) => at >= from && text.trim() !== '' && !/^\s/.test(text.slice(margin)));
  const frames = texts.slice(from, end < 0 ? undefined : end).flatMap((text, at, all): IFrame[] => {
    const frame = frameOf(text);
    const path = frame && own(frame.path);
    const next = all[at + 1] ?? '';
    const code = frameOf(next) === undefined ? next.trim() : '';
    return frame && path ? [{ path, line: frame.line, code }] : [];
  });
  return { frames, exception: end < 0 ? '' : texts.slice(end).join('\n').trim() };
}

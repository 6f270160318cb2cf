import { shortened } from '../format';

/** What a run is called by. */
export interface INamed {
  /** "" where it was given none. */
  display_name: string;
  experiment: string;
  /** Its number in the experiment. */
  number: number;
}

/** Return what a run is called wherever it is shown: its display name, or its number in its experiment. */
export function runName(run: INamed): string {
  return run.display_name || numberedName(run);
}

/** Return a run's number in its experiment, as in `insects #7`. */
export function numberedName({ experiment, number }: Pick<INamed, 'experiment' | 'number'>): string {
  return `${experiment} #${number}`;
}

/** Return a run's name in at most so many characters: its number, by which it is told from the next, is never cut off. */
export function briefName(name: string, most: number): string {
  const number = / #\d+$/.exec(name)?.[0] ?? '';
  return shortened(name.slice(0, name.length - number.length), most - number.length) + number;
}

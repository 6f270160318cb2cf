/** That so many units, such as epochs, were done at a time; `at` is in seconds since the script began. */
export interface IMoment {
  done: number;
  at: number;
}

/** Seconds that a unit takes and when the last one was done. */
export interface IPace {
  seconds: number;
  last: IMoment;
}

/** The begin of a script that does all units itself. */
export const BEGIN: IMoment = { done: 0, at: 0 };

/**
 * Return how quickly units are done, or undefined while that cannot be told.
 *
 * What comes before the first unit, such as imports, is no part of the others, and neither are units that an earlier run
 * has done, where this one goes on with its checkpoint.
 *
 * @param first - The first time that is known.
 * @param last - The last one.
 */
export function paceOf(first: IMoment, last: IMoment): IPace | undefined {
  const [units, seconds] = [last.done - first.done, last.at - first.at];
  return units > 0 && seconds > 0 ? { seconds: seconds / units, last } : undefined;
}

/**
 * Return the seconds that remain.
 *
 * They only become fewer until more is done: what takes longer than before holds them, and a clock that goes on is no
 * reason for more.
 *
 * @param now - Seconds since the script began.
 * @param most - So many units are counted on before the next ones are done.
 */
export function remainingOf({ seconds, last }: IPace, total: number, now: number, most = 1): number {
  const units = Math.max(0, total - last.done);
  const counted = Math.min(Math.max(0, now - last.at), Math.min(units, most) * seconds);
  return units * seconds - counted;
}

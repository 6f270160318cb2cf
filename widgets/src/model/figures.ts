import type { RunModel } from './run_model';

/** Milliseconds for which a run that goes on is given time to log a second value. */
const PATIENCE = 10_000;

/**
 * Return what says of a metric, by its name, that it has no more than a single value in each of some runs: there is no
 * line to draw then.
 *
 * While a run goes on that is only said some time after its first value, so that nothing jumps where lines begin.
 */
export function isFigureIn(runs: readonly RunModel[], now = Date.now()): (name: string) => boolean {
  return name =>
    runs.every(run => {
      const { count = 0, times = [] } = run.series.get(name) ?? {};
      return count === 0 || (count === 1 && (run.ended || run.clock.at(now) - 1000 * (times[0] as number) > PATIENCE));
    });
}

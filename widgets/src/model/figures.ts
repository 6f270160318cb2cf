import type { RunModel } from './run_model';

/**
 * Return what says of a metric, by its name, that it has no more than a single value in each of some runs: there is no
 * line to draw then.
 *
 * While a run goes on that is said of none it has logged, however long a second value takes: charts stay where they are.
 */
export function isFigureIn(runs: readonly RunModel[]): (name: string) => boolean {
  return name =>
    runs.every(run => {
      const { count = 0 } = run.series.get(name) ?? {};
      return count === 0 || (count === 1 && run.ended);
    });
}

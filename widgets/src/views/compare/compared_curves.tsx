import { isFigureIn } from '../../model/figures';
import type { RunModel } from '../../model/run_model';
import { useTrans } from '../../translation';
import { Charts } from '../charts';
import { startOf } from '../lines_chart';

/** A chart for each metric, with a line for each run that logged it. */
export function ComparedCurves({ runs, labels }: { runs: readonly RunModel[]; labels: readonly string[] }) {
  const trans = useTrans();
  const found = metricsOf(runs).map(name => ({
    title: name,
    parts: runs.map((model, colour) => ({
      model,
      name,
      label: labels[colour] as string,
      start: startOf(model),
      colour
    }))
  }));
  if (found.length === 0) {
    return (
      <p class="td-empty">
        {runs.every(run => run.ended) ? trans.__('None of these runs logged numbers.') : trans.__('No numbers yet.')}
      </p>
    );
  }
  const isFigure = isFigureIn(runs);
  return (
    <Charts
      charts={found.filter(({ title }) => !isFigure(title))}
      figures={found.filter(({ title }) => isFigure(title))}
      brief={true}
    />
  );
}

/** Names of the metrics, those that most runs logged first. */
function metricsOf(runs: readonly RunModel[]): string[] {
  const counts = new Map<string, number>();
  for (const name of runs.flatMap(run => [...run.series.keys()])) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort(([, one], [, other]) => other - one).map(([name]) => name);
}

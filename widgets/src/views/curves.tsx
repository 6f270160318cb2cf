import { isFigureIn } from '../model/figures';
import { lossesOf } from '../model/losses';
import type { RunModel } from '../model/run_model';
import { charts } from '../model/series';
import { Charts, type IChart } from './charts';
import { useClock } from './hooks';
import { startOf } from './lines_chart';

/** All scalar metrics of a run, those of one kind on one chart. */
export function Curves({ model }: { model: RunModel }) {
  const losses = lossesOf(model.run);
  return (
    <>
      {losses !== '' && (
        <p class="td-notice" role="status">
          {losses}
        </p>
      )}
      <Drawn model={model} />
    </>
  );
}

function Drawn({ model }: { model: RunModel }) {
  const now = useClock(!model.ended && [...model.series.values()].some(series => series.count === 1));
  if (model.series.size === 0) {
    return <NoCurves model={model} />;
  }
  const start = startOf(model);
  const isFigure = isFigureIn([model], now);
  const names = [...model.series.keys()];
  const chart = ([title, group]: [string, string[]]): IChart => ({
    title,
    parts: group.map((name, colour) => ({ model, name, label: name, start, colour }))
  });
  const lines = charts(names.filter(name => !isFigure(name)));
  return <Charts charts={[...lines].map(chart)} figures={names.filter(isFigure).map(name => chart([name, [name]]))} />;
}

function NoCurves({ model }: { model: RunModel }) {
  return (
    <p class="td-empty">
      {model.ended ? (
        'This run logged no numbers.'
      ) : (
        <>
          No numbers yet. A script sends them by <code>run.log("loss", value)</code>.
        </>
      )}
    </p>
  );
}

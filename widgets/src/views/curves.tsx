import { lossesOf } from '../model/losses';
import type { RunModel } from '../model/run_model';
import { charts } from '../model/series';
import { Charts } from './charts';
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
  if (model.series.size === 0) {
    return <NoCurves model={model} />;
  }
  const start = startOf(model);
  const found = [...charts(model.series.keys())].map(([title, names]) => ({
    title,
    parts: names.map((name, colour) => ({ model, name, label: name, start, colour }))
  }));
  return <Charts charts={found} />;
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

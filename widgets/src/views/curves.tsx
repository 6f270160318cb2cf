import { isFigureIn } from '../model/figures';
import { lossesOf } from '../model/losses';
import type { RunModel } from '../model/run_model';
import { charts } from '../model/series';
import { PLACE, Sentence, useTrans } from '../translation';
import { Charts, type IChart } from './charts';
import { startOf } from './lines_chart';

/** All scalar metrics of a run, those of one kind on one chart. */
export function Curves({ model }: { model: RunModel }) {
  const trans = useTrans();
  const losses = lossesOf(model.run, trans);
  return (
    <>
      {losses !== '' && (
        <p class="td-notice" role="status">
          {losses}
        </p>
      )}
      {model.seriesLeftOut > 0 && (
        <p class="td-notice" role="status">
          {trans._n(
            '%1 metric is not shown here, or not from its beginning: a kernel keeps no more.',
            '%1 metrics are not shown here, or not from their beginning: a kernel keeps no more.',
            model.seriesLeftOut
          )}
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
  const isFigure = isFigureIn([model]);
  const names = [...model.series.keys()];
  const chart = ([title, group]: [string, string[]]): IChart => ({
    title,
    parts: group.map((name, colour) => ({ model, name, label: name, start, colour }))
  });
  const lines = charts(names.filter(name => !isFigure(name)));
  return <Charts charts={[...lines].map(chart)} figures={names.filter(isFigure).map(name => chart([name, [name]]))} />;
}

function NoCurves({ model }: { model: RunModel }) {
  const trans = useTrans();
  return (
    <p class="td-empty">
      {model.ended ? (
        trans.__('This run logged no numbers.')
      ) : (
        <Sentence text={trans.__('No numbers yet. A script sends them by %1.', PLACE)}>
          <code>run.log("loss", value)</code>
        </Sentence>
      )}
    </p>
  );
}

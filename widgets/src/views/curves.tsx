import { useEffect, useRef, useState } from 'preact/hooks';
import type { BucketColumns } from '../documents';
import { shortened } from '../format';
import type { IChartOptions, ILine } from '../model/chart_data';
import type { RunModel } from '../model/run_model';
import { type Axis, charts, Series } from '../model/series';
import { query, runPath } from '../sources/source';
import { Chart, type Range } from './chart';

/** Charts that are shown at once; more are found by their names. */
const MOST_CHARTS = 12;
const LONGEST_NAME = 80;
/** Buckets that a closer look asks for. */
const DETAIL = 800;

/** All scalar metrics of a run, those of one kind on one chart. */
export function Curves({ model }: { model: RunModel }) {
  const [axis, setAxis] = useState<Axis>('step');
  const [smoothing, setSmoothing] = useState(0);
  const [logarithmic, setLogarithmic] = useState(false);
  const [wanted, setWanted] = useState('');
  const [most, setMost] = useState(MOST_CHARTS);
  const found = [...charts(model.series.keys())].filter(
    ([title, names]) =>
      wanted === '' || [title, ...names].some(name => name.toLowerCase().includes(wanted.toLowerCase()))
  );
  if (model.series.size === 0) {
    return <NoCurves model={model} />;
  }
  const options: IChartOptions = { axis, smoothing, logarithmic };
  return (
    <section class="td-curves" aria-label="Curves">
      <div class="td-tools">
        <label>
          x
          <select value={axis} onChange={event => setAxis(event.currentTarget.value as Axis)}>
            <option value="step">step</option>
            <option value="time">time</option>
            <option value="index">count</option>
          </select>
        </label>
        <label>
          Smoothing
          <input
            type="range"
            min="0"
            max="0.99"
            step="0.01"
            value={smoothing}
            onInput={event => setSmoothing(Number(event.currentTarget.value))}
          />
          <output class="td-number">{smoothing.toFixed(2)}</output>
        </label>
        <label>
          <input
            type="checkbox"
            checked={logarithmic}
            onChange={event => setLogarithmic(event.currentTarget.checked)}
          />
          log y
        </label>
        {model.series.size > 4 && (
          <input
            type="search"
            placeholder={`Filter ${model.series.size} metrics`}
            aria-label="Filter metrics"
            value={wanted}
            onInput={event => setWanted(event.currentTarget.value)}
          />
        )}
      </div>
      <div class="td-charts">
        {found.slice(0, most).map(([title, names]) => (
          <RunChart key={title} model={model} title={title} names={names} options={options} />
        ))}
      </div>
      {found.length === 0 && <p class="td-muted">No metric has “{shortened(wanted, LONGEST_NAME)}” in its name.</p>}
      {found.length > most && (
        <button type="button" onClick={() => setMost(most + MOST_CHARTS)}>
          Show {Math.min(MOST_CHARTS, found.length - most)} more of {found.length} charts
        </button>
      )}
    </section>
  );
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

function RunChart({
  model,
  title,
  names,
  options
}: {
  model: RunModel;
  title: string;
  names: string[];
  options: IChartOptions;
}) {
  const [range, setRange] = useState<Range>(null);
  const start = model.state?.started ? Date.parse(model.state.started) / 1000 : 0;
  const detailed = useDetail(model, names, options.axis, range, start);
  const lines: ILine[] = names.map((name, at) => ({
    label: shortened(name, LONGEST_NAME),
    series: detailed?.[at] ?? (model.series.get(name) as Series)
  }));
  return (
    <Chart
      title={shortened(title, LONGEST_NAME)}
      lines={lines}
      options={options}
      version={model.version + (detailed === null ? 0 : 0.5)}
      start={start}
      onRange={setRange}
    />
  );
}

/** Return the series as they are within `range`, from all points there are; null while all of them are looked at. */
function useDetail(model: RunModel, names: string[], axis: Axis, range: Range, start: number): Series[] | null {
  const [detail, setDetail] = useState<Series[] | null>(null);
  const gone = useRef<AbortController | null>(null);
  const key = range === null ? '' : `${axis} ${range[0]} ${range[1]}`;
  // `key` stands for axis and range; names stay
  useEffect(() => {
    gone.current?.abort();
    // What was logged is whole in the page as long as it is little.
    const whole = names.every(name => {
      const series = model.series.get(name);
      return series !== undefined && series.count === series.last.length;
    });
    if (range === null || whole) {
      setDetail(null);
      return;
    }
    const asked = new AbortController();
    gone.current = asked;
    const shift = axis === 'time' ? start : 0;
    const wanted = query({ name: names, axis, from: range[0] + shift, to: range[1] + shift, buckets: DETAIL });
    model.source
      .request<IBucketsAnswer>(runPath(model.target, `/metrics/buckets${wanted}`), { signal: asked.signal })
      .then(
        answer => {
          if (!asked.signal.aborted) {
            setDetail(answer.series.map(seriesOf));
          }
        },
        () => {
          // what is there already is shown on
        }
      );
    return () => {
      asked.abort();
    };
  }, [key]);
  return range === null ? null : detail;
}

/** The answer of `/metrics/buckets`. */
interface IBucketsAnswer {
  series: {
    name: string;
    axis: Axis;
    buckets: Omit<BucketColumns, 'first_step' | 'final_step'>;
  }[];
}

/** Turn buckets into a series whose x is the last place in each. */
function seriesOf({ name, axis, buckets }: IBucketsAnswer['series'][number]): Series {
  const steps = axis === 'step';
  const columns: BucketColumns = {
    ...buckets,
    first_step: steps ? buckets.first : null,
    final_step: steps ? buckets.final : null
  };
  const series = new Series(name);
  series.add({ name, buckets: columns });
  if (axis === 'index') {
    series.indices.splice(0, series.indices.length, ...buckets.final);
  }
  return series;
}

import { useState } from 'preact/hooks';
import { shortened } from '../format';
import type { IChartOptions } from '../model/chart_data';
import type { Range } from '../model/range';
import type { Axis } from '../model/series';
import { useTrans } from '../translation';
import { Figures } from './figures';
import { useName } from './hooks';
import { type IPart, LinesChart } from './lines_chart';

/** Charts that are shown at once; more are found by their names. */
const MOST_CHARTS = 12;
const LONGEST_NAME = 80;

/** A chart, and what is on it. */
export interface IChart {
  title: string;
  parts: readonly IPart[];
}

/** Charts with what is chosen for all of them: their axes, how smooth their lines are, and which are shown. */
export function Charts({
  charts,
  figures,
  brief = false
}: {
  charts: readonly IChart[];
  /** What has no line to draw. */
  figures: readonly IChart[];
  brief?: boolean;
}) {
  const trans = useTrans();
  const [options, setOptions] = useState<IChartOptions>({ axis: 'step', smoothing: 0, logarithmic: false });
  const id = useName();
  const [range, setRange] = useState<Range>(null);
  const change = (to: IChartOptions): void => {
    setOptions(to);
    if (to.axis !== options.axis) {
      setRange(null); // a part of one axis is none of another
    }
  };
  const [wanted, setWanted] = useState('');
  const [most, setMost] = useState(MOST_CHARTS);
  const sought = wanted.toLowerCase();
  const isSought = ({ title, parts }: IChart): boolean =>
    [title, ...parts.map(part => part.name)].some(name => name.toLowerCase().includes(sought));
  const found = charts.filter(isSought);
  const shown = figures.filter(isSought);
  const metrics = new Set([...charts, ...figures].flatMap(({ parts }) => parts.map(part => part.name))).size;
  return (
    <div class="td-curves">
      {shown.length > 0 && <Figures figures={shown} brief={brief} />}
      <div class="td-tools">
        {charts.length > 0 && <Tools options={options} change={change} />}
        {range !== null && (
          <button type="button" onClick={() => setRange(null)}>
            {trans.__('Show all')}
          </button>
        )}
        {metrics > 4 && (
          <input
            type="search"
            placeholder={trans._n('Filter %1 metric', 'Filter %1 metrics', metrics)}
            aria-label={trans.__('Filter metrics')}
            value={wanted}
            onInput={event => setWanted(event.currentTarget.value)}
          />
        )}
      </div>
      <div class="td-charts">
        {found.slice(0, most).map(({ title, parts }) => (
          <LinesChart
            key={title}
            title={title}
            options={options}
            parts={parts}
            brief={brief}
            group={`${id} ${options.axis}`}
            range={range}
            onRange={setRange}
          />
        ))}
      </div>
      {found.length + shown.length === 0 && (
        <p class="td-muted">{trans.__('No metric has “%1” in its name.', shortened(wanted, LONGEST_NAME))}</p>
      )}
      {found.length > most && (
        <button type="button" onClick={() => setMost(most + MOST_CHARTS)}>
          {trans.__('Show %1 more of %2 charts', Math.min(MOST_CHARTS, found.length - most), found.length)}
        </button>
      )}
    </div>
  );
}

function Tools({ options, change }: { options: IChartOptions; change: (to: IChartOptions) => void }) {
  const trans = useTrans();
  return (
    <>
      <label>
        {trans._p('axis of charts', 'x')}
        <select
          value={options.axis}
          onChange={event => change({ ...options, axis: event.currentTarget.value as Axis })}
        >
          <option value="step">{trans._p('axis of charts', 'step')}</option>
          <option value="time">{trans._p('axis of charts', 'time since the start')}</option>
          <option value="index">{trans._p('axis of charts', 'count')}</option>
        </select>
      </label>
      <label>
        {trans.__('Smoothing')}
        <input
          type="range"
          min="0"
          max="0.99"
          step="0.01"
          value={options.smoothing}
          onInput={event => change({ ...options, smoothing: Number(event.currentTarget.value) })}
        />
        <output class="td-number">{options.smoothing.toFixed(2)}</output>
      </label>
      <label>
        <input
          type="checkbox"
          checked={options.logarithmic}
          onChange={event => change({ ...options, logarithmic: event.currentTarget.checked })}
        />
        {trans.__('log y')}
      </label>
    </>
  );
}

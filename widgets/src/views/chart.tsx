import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { grouped, metric } from '../format';
import { chartData, type IChartData, type IChartOptions, type ILine } from '../model/chart_data';
import { type Range, rangeAfter } from '../model/range';
import { pointAfter, readingsAt } from '../model/reading';
import { bestOf } from '../model/series';
import { type ITrans, useTrans } from '../translation';
import { COLOURS, columnsOf, isWithin, plotOptions } from './chart_plot';
import { ChartReading, spokenReading } from './chart_reading';

const HEIGHT = 180;
const NOTHING: IChartData = { x: [], lines: [], oddities: { nans: [], above: [], below: [] } };

interface IChartProps {
  title: string;
  lines: readonly ILine[];
  options: IChartOptions;
  /** Rises with each change of the lines. */
  version: number;
  /** Whether the lines are named elsewhere: the legend has their colours and values alone then. */
  brief?: boolean;
  /** Charts of one group show where the mouse is on any of them. */
  group: string;
  /** What of the axis is looked at. */
  range: Range;
  /** First and last place that lines have on the axis; null while they have none. */
  extent: readonly [number, number] | null;
  /** What is to be said of what it shows, such as that it has no point where others are looked at; empty for nothing. */
  note?: string;
  /** Called when another part of the axis is chosen, or all of it again. */
  onRange(range: Range): void;
}

/** Where the cursor is: a place of the axis, and in which half of the chart. */
interface ICursor {
  place: number;
  side: 'left' | 'right';
  /** Whether keys brought it there: then its values are spoken. */
  byKey: boolean;
}

/**
 * Curves over one axis, with last and best values named, and those where the mouse is.
 *
 * Drag to look closer, double click to see all again; or by keys, see {@link rangeAfter}. Keys move the cursor, too, see
 * {@link pointAfter}; with Shift, arrows move what is looked at.
 */
export function Chart(props: IChartProps) {
  const { title, lines, options, version, brief = false, group, range, extent, note, onRange } = props;
  const trans = useTrans();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = useRef(NOTHING);
  const smooth = useRef(false);
  const byKey = useRef(false);
  const [cursor, setCursor] = useState<ICursor | null>(null);
  const labels = lines.map(line => `${line.colour} ${line.label}`).join('\n');

  // a chart is made anew where its lines or axes are others; data comes below
  useEffect(() => {
    const element = place.current as HTMLDivElement;
    const surroundings = {
      oddities: () => data.current.oddities,
      isSmoothed: () => smooth.current,
      onRange,
      onCursor: (from: uPlot) => {
        const at = cursorOf(from, byKey.current);
        setCursor(before => (at?.place === before?.place && at?.side === before?.side ? before : at));
      }
    };
    const made = new uPlot(plotOptions(element, HEIGHT, lines, options, group, surroundings), [[]], element);
    plot.current = made;
    const resized = new ResizeObserver(() => {
      if (element.clientWidth > 0) {
        made.setSize({ width: element.clientWidth, height: HEIGHT }); // and not while its tab is hidden
      }
    });
    resized.observe(element);
    const recoloured = new MutationObserver(() => {
      made.redraw(false);
    });
    recoloured.observe(document.body, {
      attributes: true,
      attributeFilter: ['data-jp-theme-light', 'data-jp-theme-name', 'class']
    });
    return () => {
      resized.disconnect();
      recoloured.disconnect();
      made.destroy();
      plot.current = null;
      setCursor(null);
    };
  }, [labels, options.axis, options.logarithmic]);

  // `version` says when lines have changed
  useEffect(() => {
    const drawn = chartData(lines, options);
    data.current = drawn;
    smooth.current = options.smoothing > 0;
    const made = plot.current;
    if (made !== null) {
      made.setData([drawn.x, ...drawn.lines.flatMap(columnsOf)] as uPlot.AlignedData, range === null);
      if (range !== null) {
        made.setScale('x', { min: range[0], max: range[1] });
      }
    }
  }, [version, labels, options.axis, options.logarithmic, options.smoothing, range]);

  const look = (event: KeyboardEvent): boolean => {
    const moves = event.key.startsWith('Arrow');
    const next = extent === null || (moves && !event.shiftKey) ? undefined : rangeAfter(event.key, range, extent);
    if (next !== undefined) {
      onRange(next);
    }
    return next !== undefined;
  };
  const point = ({ key }: KeyboardEvent): boolean => {
    const made = plot.current;
    const { x } = data.current;
    if (made === null) {
      return false;
    }
    const seen = x.flatMap((one, at) => (isWithin(made, one) ? [at] : []));
    const [first, last] = [seen[0], seen[seen.length - 1]];
    if (key === 'Escape') {
      moveCursor(made, undefined);
      return cursor !== null;
    }
    const at = cursor === null ? -1 : x.indexOf(cursor.place);
    const next =
      first === undefined || last === undefined ? undefined : pointAfter(key, at < 0 ? undefined : at, first, last);
    if (next !== undefined) {
      byKey.current = true;
      moveCursor(made, x[next]);
      byKey.current = false;
    }
    return next !== undefined;
  };
  const turn = (event: KeyboardEvent): void => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && (look(event) || point(event))) {
      event.preventDefault(); // arrows would scroll the page
    }
  };
  const readings = cursor === null ? [] : readingsAt(data.current, cursor.place);
  const summary = lines.map(line => summaryOf(line, trans)).join(', ');
  return (
    <figure class="td-chart">
      <figcaption>
        <span class="td-chart-title" title={title}>
          {title}
        </span>
        <ul class={`td-legend ${brief ? 'td-brief' : ''}`}>
          {lines.map(line => (
            <Legend
              key={line.label}
              line={line}
              alone={lines.length === 1 && !brief}
              brief={brief}
              logarithmic={options.logarithmic}
            />
          ))}
        </ul>
      </figcaption>
      <div class="td-plot-frame">
        <div
          ref={place}
          class="td-plot"
          role="img"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what can be looked at closer has to be reached by the keyboard
          tabIndex={0}
          aria-label={trans.__('Chart of %1: %2', title, summary)}
          aria-keyshortcuts="+ - 0 ArrowLeft ArrowRight Shift+ArrowLeft Shift+ArrowRight Home End PageUp PageDown Escape"
          onKeyDown={turn}
          onBlur={() => moveCursor(plot.current, undefined)}
          style={{ height: `${HEIGHT}px` }}
        />
        {note && <p class="td-plot-note td-muted">{note}</p>}
        {cursor !== null && (
          <ChartReading lines={lines} readings={readings} axis={options.axis} place={cursor.place} side={cursor.side} />
        )}
      </div>
      <p class="td-hidden" aria-live="polite">
        {cursor?.byKey && spokenReading(lines, readings, cursor.place, options.axis, trans)}
      </p>
    </figure>
  );
}

/** Return where a plot's cursor is; null while it is not over the plot, or over nothing. */
function cursorOf(plot: uPlot, byKey: boolean): ICursor | null {
  const { left = -1, idx } = plot.cursor;
  const place = idx === null || idx === undefined ? undefined : plot.data[0][idx];
  if (place === undefined || left < 0 || !isWithin(plot, plot.posToVal(left, 'x'))) {
    return null;
  }
  const { min = place, max = place } = plot.scales.x as uPlot.Scale;
  return { place, side: place < (min + max) / 2 ? 'left' : 'right', byKey };
}

/** What uPlot's types leave out: with a third argument the cursor moves in all plots of the group. */
interface IGroupedPlot extends uPlot {
  setCursor(to: { left: number; top: number }, tells?: boolean, publishes?: boolean): void;
}

/** Have the cursor of a plot, and of all of its group, be at a place of the axis, or at none. */
function moveCursor(plot: IGroupedPlot | null, place: number | undefined): void {
  const nowhere = { left: -10, top: -10 };
  plot?.setCursor(place === undefined ? nowhere : { left: plot.valToPos(place, 'x'), top: 0 }, true, true);
}

function Legend({
  line,
  alone,
  brief,
  logarithmic
}: {
  line: ILine;
  alone: boolean;
  brief: boolean;
  logarithmic: boolean;
}) {
  const trans = useTrans();
  const { series } = line;
  const best = bestOf(series.name);
  const bestValue = best === 'min' ? series.lowest : series.highest;
  const nans = series.notNumbers;
  const [above, below] = series.infinities;
  const hidden = logarithmic ? series.notAboveZero : 0;
  const infinities = (count: number, sign: string): string =>
    series.moreInfinities ? trans.__('at least %1 %2', count, sign) : `${count} ${sign}`;
  return (
    <li title={line.label} class={alone ? 'td-alone' : undefined}>
      {!alone && (
        <span class="td-legend-line">
          <span class={`td-swatch td-line-${line.colour % COLOURS}`} aria-hidden="true" />
          <span class={brief ? 'td-hidden' : 'td-legend-name'}>{line.label}</span>
        </span>
      )}
      <span class="td-number">{metric(series.latest)}</span>
      {best !== undefined && !brief && Number.isFinite(bestValue) && (
        <span class="td-number td-muted">{trans.__('best %1', metric(bestValue))}</span>
      )}
      {nans + above + below + hidden > 0 && (
        <span class="td-unseen">
          {nans > 0 && <span class="td-warning">{trans.__('%1 NaN', nans)}</span>}
          {above > 0 && <span class="td-infinite">{infinities(above, '∞')}</span>}
          {below > 0 && <span class="td-infinite">{infinities(below, '−∞')}</span>}
          {hidden > 0 && (
            <span class="td-warning" title={trans.__('A logarithmic axis has no place for them')}>
              {series.count > series.last.length
                ? trans.__('at least %1 ≤ 0 not shown', grouped(hidden))
                : trans.__('%1 ≤ 0 not shown', grouped(hidden))}
            </span>
          )}
        </span>
      )}
    </li>
  );
}

/** A line in words, for those who do not see it. */
function summaryOf({ label, series }: ILine, trans: ITrans): string {
  return trans._n(
    '%2 %3 after %4 point',
    '%2 %3 after %4 points',
    series.count,
    label,
    metric(series.latest),
    grouped(series.count)
  );
}

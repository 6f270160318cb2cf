import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { metric, ticks } from '../format';
import { chartData, type IChartOptions, type ILine } from '../model/chart_data';
import { type Range, rangeAfter } from '../model/range';
import { bestOf } from '../model/series';

const HEIGHT = 180;
/** Colours of lines, as the style sheet has them. */
const COLOURS = 10;

/** Between the lines of a grid over steps, of which there are no halves: 1, 2, 5, 10 and so on. */
const WHOLE = Array.from({ length: 45 }, (_, at) => ([1, 2, 5][at % 3] as number) * 10 ** Math.floor(at / 3));

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
  /** Called when another part of the axis is chosen, or all of it again. */
  onRange(range: Range): void;
}

/**
 * Curves over one axis, with last and best values named.
 *
 * Drag to look closer, double click to see all again; or by keys, see {@link rangeAfter}.
 */
export function Chart({ title, lines, options, version, brief = false, group, range, onRange }: IChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const odd = useRef<number[]>([]);
  const labels = lines.map(line => `${line.colour} ${line.label}`).join('\n');

  // a chart is made anew where its lines or axes are others; data comes below
  useEffect(() => {
    const element = place.current as HTMLDivElement;
    const made = new uPlot(optionsOf(element, lines, options, group, odd, onRange), [[]], element);
    plot.current = made;
    const resized = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: HEIGHT });
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
    };
  }, [labels, options.axis, options.logarithmic]);

  // `version` says when lines have changed
  useEffect(() => {
    const data = chartData(lines, options);
    odd.current = data.oddities;
    const columns = data.lines.flatMap(line => [line.high, line.low, line.course]);
    const made = plot.current;
    if (made !== null) {
      made.setData([data.x, ...columns] as uPlot.AlignedData, range === null);
      if (range !== null) {
        made.setScale('x', { min: range[0], max: range[1] });
      }
    }
  }, [version, labels, options.axis, options.logarithmic, options.smoothing, range]);

  const turn = (event: KeyboardEvent): void => {
    const x = plot.current?.data[0] ?? [];
    const [first, last] = [x[0], x[x.length - 1]];
    const alone = event.ctrlKey || event.metaKey || event.altKey || first === undefined || last === undefined;
    const next = alone ? undefined : rangeAfter(event.key, range, [first, last]);
    if (next !== undefined) {
      event.preventDefault(); // arrows would scroll the page
      onRange(next);
    }
  };
  const summary = lines.map(summaryOf).join(', ');
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
      <div
        ref={place}
        class="td-plot"
        role="img"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what can be looked at closer has to be reached by the keyboard
        tabIndex={0}
        aria-label={`Chart of ${title}: ${summary}`}
        aria-keyshortcuts="+ - ArrowLeft ArrowRight 0"
        onKeyDown={turn}
        style={{ height: `${HEIGHT}px` }}
      />
    </figure>
  );
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
  const { series } = line;
  const best = bestOf(series.name);
  const odd = series.notNumbers;
  const hidden = logarithmic ? series.notAboveZero : 0;
  return (
    <li title={line.label}>
      {!alone && (
        <span class="td-legend-line">
          <span class={`td-swatch td-line-${line.colour % COLOURS}`} aria-hidden="true" />
          <span class={brief ? 'td-hidden' : 'td-legend-name'}>{line.label}</span>
        </span>
      )}
      <span class="td-number">{metric(series.latest)}</span>
      {best !== undefined && !brief && (
        <span class="td-number td-muted">best {metric(best === 'min' ? series.lowest : series.highest)}</span>
      )}
      {odd > 0 && <span class="td-warning">{`${odd} NaN`}</span>}
      {hidden > 0 && (
        <span class="td-warning" title="A logarithmic axis has no place for them">
          {`${series.count > series.last.length ? 'at least ' : ''}${hidden.toLocaleString('en')} ≤ 0 not shown`}
        </span>
      )}
    </li>
  );
}

/** A line in words, for those who do not see it. */
function summaryOf({ label, series }: ILine): string {
  return `${label} ${metric(series.latest)} after ${series.count.toLocaleString('en')} points`;
}

function optionsOf(
  element: HTMLElement,
  lines: readonly ILine[],
  options: IChartOptions,
  group: string,
  odd: { current: number[] },
  onRange: (range: Range) => void
): uPlot.Options {
  const colour = (name: string) => () => getComputedStyle(element).getPropertyValue(name).trim() || 'currentColor';
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  lines.forEach((line, index) => {
    const stroke = colour(`--td-line-${line.colour % COLOURS}`);
    const edge: uPlot.Series = { show: true, width: 0, points: { show: false }, spanGaps: true };
    series.push(
      edge,
      { ...edge },
      { label: line.label, stroke, width: 1.5, spanGaps: true, points: { show: few, fill: stroke, size: 4 } }
    );
    const first = 1 + 3 * index;
    bands.push({ series: [first, first + 1], fill: () => faint(stroke()) });
  });
  const axis: uPlot.Axis = {
    stroke: colour('--td-muted'),
    grid: { stroke: colour('--td-border'), width: 1 },
    ticks: { stroke: colour('--td-border'), width: 1, size: 4 },
    font: '11px system-ui, sans-serif'
  };
  return {
    width: element.clientWidth || 320,
    height: HEIGHT,
    padding: [8, null, null, null],
    legend: { show: false },
    cursor: {
      // what is chosen comes back as the range, which outlives new points and another look
      drag: { x: true, y: false, setScale: false, dist: 5 },
      bind: {
        dblclick: () => () => {
          onRange(null);
          return null;
        }
      },
      sync: { key: group, filters: { sub: type => type === 'mousemove' || type === 'mouseleave' } },
      points: { size: 5 }
    },
    scales: { x: { time: false }, y: { distr: options.logarithmic ? 3 : 1 } },
    series,
    bands,
    axes: [
      {
        ...axis,
        size: 26,
        gap: 2,
        incrs: options.axis === 'time' ? undefined : WHOLE,
        values: (_, places) => ticks(places, options.axis === 'time' ? shortTime : shortNumber)
      },
      {
        ...axis,
        size: (_, labels) => widthOf(labels),
        space: 26,
        values: (_, places) => ticks(places)
      }
    ],
    hooks: {
      draw: [
        plot => {
          markOddities(plot, odd.current, colour('--td-error')());
        }
      ],
      setSelect: [
        plot => {
          const { left, width } = plot.select;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          if (width > 0) {
            onRange([plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')]);
          }
        }
      ]
    }
  };
}

/** Return how wide an axis is, in pixels, so that the longest of its labels has room; there are none at first. */
function widthOf(labels: readonly string[] | null): number {
  return Math.max(54, 14 + 7 * Math.max(0, ...(labels ?? []).map(label => label.length)));
}

/** Points are drawn as such only where they are few. */
function few(plot: uPlot, index: number): boolean {
  const column = plot.data[index];
  return column !== undefined && column.length <= 40;
}

/** Mark on the axis where something was logged that no curve can show. */
function markOddities(plot: uPlot, places: readonly number[], colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = colour;
  for (const place of places) {
    const x = plot.valToPos(place, 'x', true);
    if (x >= bbox.left && x <= bbox.left + bbox.width) {
      ctx.beginPath();
      ctx.moveTo(x - 4, bbox.top + bbox.height);
      ctx.lineTo(x + 4, bbox.top + bbox.height);
      ctx.lineTo(x, bbox.top + bbox.height - 8);
      ctx.fill();
    }
  }
  ctx.restore();
}

function faint(colour: string): string {
  return `color-mix(in srgb, ${colour} 18%, transparent)`;
}

function shortNumber(value: number, digits?: number): string {
  if (digits !== undefined) {
    return value.toLocaleString('en', { maximumSignificantDigits: digits });
  }
  return Math.abs(value) >= 1e4
    ? value.toLocaleString('en', { notation: 'compact' })
    : String(Number(value.toPrecision(6)));
}

function shortTime(seconds: number, digits = 3): string {
  const short = (value: number, unit: string): string => `${Number(value.toPrecision(digits))} ${unit}`;
  if (Math.abs(seconds) < 120) {
    return short(seconds, 's');
  }
  return seconds < 7200 ? short(seconds / 60, 'min') : short(seconds / 3600, 'h');
}

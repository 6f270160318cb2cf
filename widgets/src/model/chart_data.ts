import { type Axis, greater, lesser, type Series, smoothed } from './series';

/** One line of a chart. */
export interface ILine {
  /** As the legend has it. */
  label: string;
  series: Series;
  /** What is drawn in its place, where a part of it is looked at closer. */
  closeUp?: Series;
  /** Seconds since 1970 at which its time begins; 0 for time that is relative already. */
  start: number;
  /** Number of its colour. */
  colour: number;
}

/** What a chart draws: x, and for each line its smoothed course and the band between its smallest and largest values. */
export interface IChartData {
  x: number[];
  /** In the order of the lines; null where a line has no point at that x. */
  lines: { course: (number | null)[]; low: (number | null)[]; high: (number | null)[] }[];
  /** x of points that are no finite numbers, of all lines. */
  oddities: number[];
}

/** How a chart is drawn. */
export interface IChartOptions {
  axis: Axis;
  /** From 0 to less than 1. */
  smoothing: number;
  /** Whether y is logarithmic: what is not above zero is left out then. */
  logarithmic: boolean;
}

/**
 * Return what a chart draws. With `time`, x is seconds since each line's own `start`.
 *
 * Lines have points at different places: x is all of them in order, as uPlot wants it.
 */
export function chartData(lines: readonly ILine[], options: IChartOptions): IChartData {
  const places = new Set<number>();
  const columns = lines.map(line => {
    const { start } = line;
    const x = drawnOf(line)
      .x(options.axis)
      .map(value => (options.axis === 'time' ? value - start : value));
    for (const value of x) {
      if (Number.isFinite(value)) {
        places.add(value);
      }
    }
    return x;
  });
  const x = [...places].sort((one, other) => one - other);
  const at = new Map(x.map((value, index) => [value, index]));
  const oddities = new Set<number>();
  const empty = (): (number | null)[] => new Array<number | null>(x.length).fill(null);
  const drawn = lines.map((line, number) => {
    const series = drawnOf(line);
    const found = { course: empty(), low: empty(), high: empty() };
    const course = smoothed(series.last, options.smoothing);
    (columns[number] as number[]).forEach((place, index) => {
      const to = at.get(place);
      if (to === undefined) {
        return;
      }
      found.course[to] = drawable(course[index] as number, options.logarithmic);
      // of several points at one place the last is drawn through, and none is lost of the band
      const [low, high] = [found.low[to] ?? Number.NaN, found.high[to] ?? Number.NaN];
      found.low[to] = drawable(lesser(low, series.min[index] as number), options.logarithmic);
      found.high[to] = drawable(greater(high, series.max[index] as number), options.logarithmic);
      const odd =
        (series.nans[index] as number) > 0 ||
        !Number.isFinite(series.min[index]) ||
        !Number.isFinite(series.max[index]);
      if (odd) {
        oddities.add(place);
      }
    });
    return found;
  });
  return { x, lines: drawn, oddities: [...oddities] };
}

function drawnOf({ series, closeUp }: ILine): Series {
  return closeUp ?? series;
}

function drawable(value: number, logarithmic: boolean): number | null {
  return Number.isFinite(value) && !(logarithmic && value <= 0) ? value : null;
}

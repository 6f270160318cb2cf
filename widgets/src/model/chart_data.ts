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

/**
 * What a line has at each x of a chart: undefined where it has no point, over which it goes on, and null where it has one
 * that cannot be drawn and leaves a gap.
 */
export type Column = (number | null | undefined)[];

/** What is drawn of a line: its course, which may be smoothed, and the smallest and largest values that it stands for. */
export interface IDrawnLine {
  course: Column;
  low: Column;
  high: Column;
  /** The values themselves, be they drawn or not. */
  values: (number | undefined)[];
}

/** x of points that are no finite numbers. */
export interface IOddities {
  nans: number[];
  above: number[];
  below: number[];
}

/** What a chart draws. */
export interface IChartData {
  x: number[];
  /** In the order of the lines. */
  lines: IDrawnLine[];
  /** Of all lines. */
  oddities: IOddities;
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
  const columns = lines.map(line => placesOf(line, drawnOf(line), options.axis));
  const x = [...new Set(columns.flat().filter(Number.isFinite))].sort((one, other) => one - other);
  const at = new Map(x.map((value, index) => [value, index]));
  const nans = new Set<number>();
  const above = new Set<number>();
  const below = new Set<number>();
  const drawn = lines.map((line, number) => {
    const series = drawnOf(line);
    const found = { course: empty(x), low: empty(x), high: empty(x), values: empty(x) as (number | undefined)[] };
    const course = smoothed(series.last, options.smoothing);
    (columns[number] as number[]).forEach((place, index) => {
      const to = at.get(place);
      if (to === undefined) {
        return;
      }
      found.values[to] = series.last[index] as number;
      found.course[to] = drawable(course[index] as number, options.logarithmic);
      // of several points at one place the last is drawn through, and none is lost of the band
      const [low, high] = [found.low[to] ?? Number.NaN, found.high[to] ?? Number.NaN];
      found.low[to] = drawable(lesser(low, series.min[index] as number), options.logarithmic);
      found.high[to] = drawable(greater(high, series.max[index] as number), options.logarithmic);
      for (const [places, counts] of [
        [nans, series.nans],
        [above, series.above],
        [below, series.below]
      ] as const) {
        if ((counts[index] as number) > 0) {
          places.add(place);
        }
      }
    });
    for (const column of [found.course, found.low, found.high]) {
      widenGaps(column);
    }
    return found;
  });
  return { x, lines: drawn, oddities: { nans: [...nans], above: [...above], below: [...below] } };
}

/** Return the first and the last place on an axis where lines have points, whatever is looked at; null without any. */
export function extentOf(lines: readonly ILine[], axis: Axis): readonly [number, number] | null {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const place of lines.flatMap(line => placesOf(line, line.series, axis))) {
    if (Number.isFinite(place)) {
      [first, last] = [Math.min(first, place), Math.max(last, place)];
    }
  }
  return first > last ? null : [first, last];
}

/** Whether a line has a point in a part of an axis, or, of one whose points were merged, may have one there. */
export function hasPointIn(line: ILine, axis: Axis, [from, to]: readonly [number, number]): boolean {
  const places = placesOf(line, line.series, axis).filter(Number.isFinite);
  if (line.series.count === line.series.last.length) {
    return places.some(place => place >= from && place <= to);
  }
  // each place is where a bucket ends: the first one begins before, about as far as from there to the second
  const [first = Number.NaN, second = first] = places;
  return to >= 2 * first - second && from <= (places[places.length - 1] ?? Number.NaN);
}

/** Return x of each bucket of a line; NaN where one has none. */
function placesOf(line: ILine, series: Series, axis: Axis): readonly number[] {
  const places = series.x(axis);
  return axis === 'time' ? places.map(time => time - line.start) : places;
}

function drawnOf({ series, closeUp }: ILine): Series {
  return closeUp ?? series;
}

function empty(x: readonly number[]): Column {
  return new Array<undefined>(x.length).fill(undefined);
}

function drawable(value: number, logarithmic: boolean): number | null {
  return Number.isFinite(value) && !(logarithmic && value <= 0) ? value : null;
}

/** Have gaps reach up to the points beside them, however many places other lines have in between. */
function widenGaps(column: Column): void {
  const widen = (from: number, step: 1 | -1): void => {
    for (let at = from + step; at in column && column[at] === undefined; at += step) {
      column[at] = null;
    }
  };
  for (let at = 0; at < column.length; at++) {
    if (column[at] === null) {
      widen(at, -1);
      widen(at, 1);
    }
  }
}

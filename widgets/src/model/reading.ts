import type { IChartData } from './chart_data';

/** What a line has where the cursor is. */
export interface IReading {
  value: number;
  /** x of the point that is read, the nearest one of the line. */
  place: number;
  /** The smallest and largest of the values that the point stands for; undefined where it is one alone. */
  span?: readonly [low: number, high: number];
}

/** Return what each line of a chart has nearest to a place of its axis; undefined for a line without any point. */
export function readingsAt({ x, lines }: IChartData, place: number): (IReading | undefined)[] {
  return lines.map(({ values, low, high }) => {
    let nearest = -1;
    values.forEach((value, at) => {
      const distance = Math.abs((x[at] as number) - place);
      if (value !== undefined && (nearest < 0 || distance < Math.abs((x[nearest] as number) - place))) {
        nearest = at;
      }
    });
    if (nearest < 0) {
      return undefined;
    }
    const [least, most] = [low[nearest] ?? Number.NaN, high[nearest] ?? Number.NaN];
    return {
      value: values[nearest] as number,
      place: x[nearest] as number,
      ...(least < most ? { span: [least, most] as const } : {})
    };
  });
}

/**
 * Return the index of the point to which a key moves the cursor, or undefined where that key does nothing: arrows move by
 * a point, the keys of pages by a tenth of them, Home and End to the first and the last one.
 *
 * @param at - Index of the point where it is; undefined while it is nowhere.
 * @param first - Index of the first point in sight.
 * @param last - Index of the last one.
 */
export function pointAfter(key: string, at: number | undefined, first: number, last: number): number | undefined {
  const page = Math.max(1, Math.round((last - first) / 10));
  const moved = (by: number): number => {
    const from = at ?? (by > 0 ? first - by : last - by);
    return Math.min(Math.max(from + by, first), last);
  };
  switch (key) {
    case 'ArrowLeft':
      return moved(-1);
    case 'ArrowRight':
      return moved(1);
    case 'PageDown':
      return moved(-page);
    case 'PageUp':
      return moved(page);
    case 'Home':
      return first;
    case 'End':
      return last;
    default:
      return undefined;
  }
}

import { describe, expect, it } from 'vitest';
import { chartData, extentOf, hasPointIn, type ILine } from '../../widgets/src/model/chart_data';
import { pointAfter, readingsAt } from '../../widgets/src/model/reading';
import { Series } from '../../widgets/src/model/series';
import { logarithmicGrid, writtenLines } from '../../widgets/src/views/chart_axes';

const OPTIONS = { axis: 'step', smoothing: 0.5, logarithmic: false } as const;

/** A line with a value of twice its step at each step. */
function line(...steps: number[]): ILine {
  const series = new Series('loss');
  series.add({ name: 'loss', times: steps, values: steps.map(step => 2 * step), steps });
  return { label: 'loss', series, start: 0, colour: 0 };
}

/** A line of buckets that end at these steps, of ten points each. */
function merged(...ends: number[]): ILine {
  const series = new Series('loss');
  const each = (value: number) => ends.map(() => value);
  series.add({
    name: 'loss',
    buckets: {
      first: ends,
      final: ends,
      first_step: ends,
      final_step: ends,
      min: each(1),
      max: each(100),
      last: each(2),
      count: each(10),
      nans: each(0)
    }
  });
  return { label: 'loss', series, start: 0, colour: 0 };
}

describe('what is read at the cursor', () => {
  it('is the value of each line as it was logged, at its nearest point', () => {
    const data = chartData([line(0, 1, 2, 3, 4), line(0, 4)], OPTIONS);
    expect(readingsAt(data, 3)).toEqual([
      { value: 6, place: 3 },
      { value: 8, place: 4 }
    ]);
  });

  it('has the smallest and the largest value of a point that stands for several', () => {
    const [reading] = readingsAt(chartData([merged(9, 19)], OPTIONS), 9);
    expect(reading).toEqual({ value: 2, place: 9, span: [1, 100] });
  });

  it('is nothing of a line without points', () => {
    expect(readingsAt(chartData([line()], OPTIONS), 3)).toEqual([undefined]);
  });
});

describe('keys', () => {
  it('move the cursor by a point, by a tenth, and to both ends of what is in sight', () => {
    const moved = (key: string, at?: number) => pointAfter(key, at, 100, 200);
    expect([moved('ArrowRight', 150), moved('ArrowLeft', 150)]).toEqual([151, 149]);
    expect([moved('PageUp', 150), moved('PageDown', 150)]).toEqual([160, 140]);
    expect([moved('Home', 150), moved('End', 150)]).toEqual([100, 200]);
    expect([moved('ArrowRight', 200), moved('ArrowLeft', 100), moved('PageUp', 195)]).toEqual([200, 100, 200]);
    expect(moved('d', 150)).toBeUndefined();
  });

  it('bring it to an end of what is in sight where it is not there yet', () => {
    expect([pointAfter('ArrowRight', undefined, 100, 200), pointAfter('ArrowLeft', undefined, 100, 200)]).toEqual([
      100, 200
    ]);
  });
});

describe('a part of an axis', () => {
  it('has points of a line that was merged wherever that may have some, of others where they are', () => {
    expect([hasPointIn(line(0, 10), 'step', [4, 6]), hasPointIn(line(0, 5, 10), 'step', [4, 6])]).toEqual([
      false,
      true
    ]);
    const buckets = merged(9, 19, 29);
    expect(hasPointIn(buckets, 'step', [12, 14])).toBe(true);
    expect(hasPointIn(buckets, 'step', [2, 4])).toBe(true);
    expect(hasPointIn(buckets, 'step', [30, 40])).toBe(false);
  });

  it('is one of all that lines have', () => {
    expect(extentOf([line(3, 4), line(1, 2)], 'step')).toEqual([1, 4]);
    expect(extentOf([line()], 'step')).toBeNull();
  });
});

describe('a logarithmic grid', () => {
  it('has all digits between few powers of ten, and some of many powers', () => {
    expect(logarithmicGrid(0.5, 20)).toEqual([0.5, 0.6, 0.7, 0.8, 0.9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20]);
    expect(logarithmicGrid(1, 1e40)).toEqual([1, 1e7, 1e14, 1e21, 1e28, 1e35]);
  });

  it('is written at powers of ten, and between them where there is room', () => {
    expect(writtenLines([0.1, 0.2, 1, 2, 10])).toEqual([0.1, null, 1, null, 10]);
    expect(writtenLines([0.1, 0.2, 0.3, 1])).toEqual([0.1, 0.2, null, 1]);
    expect(writtenLines([2, 3])).toEqual([2, 3]);
  });
});

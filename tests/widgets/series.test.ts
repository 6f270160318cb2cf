import { describe, expect, it } from 'vitest';
import { chartData, type ILine } from '../../widgets/src/model/chart_data';
import { bestOf, charts, Series, smoothed } from '../../widgets/src/model/series';

function points(
  name: string,
  values: (number | 'NaN' | 'Infinity' | '-Infinity')[],
  steps: number[] | null = null
): Series {
  const series = new Series(name);
  series.add({ name, times: values.map((_, at) => 1000 + at), values, steps });
  return series;
}

describe('a series', () => {
  it('keeps what was logged as it was', () => {
    const loss = points('loss', [3, 1, 2], [10, 20, 30]);
    expect([loss.latest, loss.lowest, loss.highest, loss.count]).toEqual([2, 1, 3, 3]);
    expect(loss.x('step')).toEqual([10, 20, 30]);
    expect(loss.x('time')).toEqual([1000, 1001, 1002]);
  });

  it('has the count for x where no point has a step', () => {
    expect(points('loss', [5, 6]).x('step')).toEqual([0, 1]);
  });

  it('counts what is no finite number, and knows the extremes of the others', () => {
    const loss = points('loss', [1, 'NaN', 'Infinity', 4, '-Infinity', 'Infinity']);
    expect([loss.notNumbers, loss.infinities, loss.moreInfinities]).toEqual([1, [2, 1], false]);
    expect([loss.lowest, loss.highest]).toEqual([1, 4]);
  });

  it('knows of buckets with infinities that there may be more of them, and what is finite of their values', () => {
    const loss = new Series('loss');
    const [one, two] = [
      [1, 1],
      [5, 5]
    ];
    loss.add({
      name: 'loss',
      buckets: {
        first: one,
        final: one,
        first_step: null,
        final_step: null,
        min: [2, '-Infinity'],
        max: ['Infinity', 9],
        last: [3, 'NaN'],
        count: two,
        nans: [0, 1]
      }
    });
    expect([loss.infinities, loss.moreInfinities]).toEqual([[1, 1], true]);
    expect([loss.min, loss.max]).toEqual([
      [2, 9],
      [3, 9]
    ]);
  });

  it('stays small however much comes, and loses no spike', () => {
    const loss = new Series('loss');
    for (let round = 0; round < 100; round++) {
      const values = Array.from({ length: 1000 }, (_, at) => (round === 40 && at === 7 ? 1e6 : 1));
      loss.add({ name: 'loss', times: values.map((_, at) => round * 1000 + at), values, steps: null });
    }
    expect(loss.last.length).toBeLessThanOrEqual(4096);
    expect(loss.count).toBe(100_000);
    expect([loss.times[0], loss.indices[0]]).toEqual([0, 0]);
    expect(Math.max(...loss.max)).toBe(1e6);
    expect(loss.x('index').at(-1)).toBe(99_999);
    expect([...loss.times]).toEqual([...loss.times].sort((one, other) => one - other));
  });

  it('loses no dip, and no point that is no number, where it merges neighbours', () => {
    const values = Array.from({ length: 5000 }, (): number | 'NaN' => 1);
    const odd = new Map<number, number | 'NaN'>([
      [10, -7],
      [21, -8],
      [100, 'NaN'],
      [201, 'NaN'],
      [299, 'NaN'],
      [300, 'NaN']
    ]);
    odd.forEach((value, at) => {
      values[at] = value;
    });
    const loss = points('loss', values);
    expect(loss.last.length).toBe(2501);
    expect(loss.min.filter(one => one < 1)).toEqual([-7, -8]);
    expect(loss.min.filter(Number.isNaN)).toHaveLength(1);
    expect(loss.notNumbers).toBe(4);
  });

  it('takes buckets as they come', () => {
    const loss = new Series('loss');
    loss.add({
      name: 'loss',
      buckets: {
        first: [1, 5],
        final: [4, 9],
        first_step: null,
        final_step: null,
        min: [0.5, 'NaN'],
        max: [2, 'NaN'],
        last: [1, 'NaN'],
        count: [4, 2],
        nans: [0, 2]
      }
    });
    expect([loss.count, loss.notNumbers, loss.lowest, loss.highest]).toEqual([6, 2, 0.5, 2]);
    expect(loss.x('index')).toEqual([3, 5]);
  });
});

describe('smoothing', () => {
  it('leaves a constant as it is, from its first point on', () => {
    expect(smoothed([4, 4, 4], 0.9).map(value => Number(value.toFixed(9)))).toEqual([4, 4, 4]);
  });

  it('passes over what is no number', () => {
    const [first, second, third] = smoothed([1, Number.NaN, 1], 0.5);
    expect([first, third]).toEqual([1, 1]);
    expect(second).toBeNaN();
  });
});

describe('charts', () => {
  it('have training and validation of one metric together', () => {
    expect([...charts(['train_loss', 'val_loss', 'loss/test', 'acc', 'val/acc', 'lr'])]).toEqual([
      ['loss', ['train_loss', 'val_loss', 'loss/test']],
      ['acc', ['acc', 'val/acc']],
      ['lr', ['lr']]
    ]);
  });

  it('begin with what tells how good a model is, however early other things were logged', () => {
    expect([...charts(['lr', 'momentum', 'train_loss', 'val_acc', 'val_loss'])].map(([title]) => title)).toEqual([
      'loss',
      'val_acc',
      'lr',
      'momentum'
    ]);
  });

  it('leave words that only contain such a name alone', () => {
    expect([...charts(['trainable_parameters', 'interval'])].map(([title]) => title)).toEqual([
      'trainable_parameters',
      'interval'
    ]);
  });

  it('lose none of them where the name of one is that of another chart', () => {
    const names = ['test_loss', 'train_test_loss', 'val_test_loss'];
    expect([...charts(names)]).toEqual([
      ['loss', ['test_loss']],
      ['test_loss', ['train_test_loss', 'val_test_loss']]
    ]);
  });

  it('know what is best by whole words of a name, the last of them', () => {
    const large = ['cancer_auc', 'terrain_iou', 'answer_accuracy', 'tower_1/accuracy', 'mAP', 'valAccuracy', 'r2'];
    const small = ['trainLoss', 'score_loss', 'accuracy/error', 'eval_rmse', 'CrossEntropyLoss', 'wer'];
    const neither = ['bitmap', 'terrain', 'certainty', 'power', 'learning_rate', 'accum_steps', 'override'];
    expect(large.map(bestOf)).toEqual(large.map(() => 'max'));
    expect(small.map(bestOf)).toEqual(small.map(() => 'min'));
    expect(neither.map(bestOf)).toEqual(neither.map(() => undefined));
  });

  it('know what is best by name', () => {
    expect(['val_loss', 'val_acc', 'lr'].map(bestOf)).toEqual(['min', 'max', undefined]);
  });
});

describe('the data of a chart', () => {
  const options = { axis: 'step', smoothing: 0, logarithmic: false } as const;
  const line = (series: Series, start = 0): ILine => ({ label: series.name, series, start, colour: 0 });

  it('has all places of all lines, and gaps where a line has no point', () => {
    const data = chartData([line(points('train', [3, 2, 1], [1, 2, 3])), line(points('val', [5], [2]))], options);
    expect(data.x).toEqual([1, 2, 3]);
    expect(data.lines.map(line => line.course)).toEqual([
      [3, 2, 1],
      [undefined, 5, undefined]
    ]);
  });

  it('has the smallest and largest of several points at one place', () => {
    const data = chartData([line(points('loss', [1, 500, 'NaN', 2], [7, 7, 7, 7]))], options);
    expect([data.x, data.lines]).toEqual([[7], [{ course: [2], low: [1], high: [500], values: [2] }]]);
  });

  it('marks what cannot be drawn', () => {
    const loss = points('loss', [1, 'NaN', 'Infinity', '-Infinity'], [1, 2, 3, 4]);
    const data = chartData([line(loss)], options);
    expect(data.oddities).toEqual({ nans: [2], above: [3], below: [4] });
    expect(data.lines[0]?.course).toEqual([1, null, null, null]);
  });

  it('leaves a gap where a line has no number, up to its points beside it, and none where it just has no point', () => {
    const other = points('other', [0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5]);
    const loss = points('loss', [9, 'NaN', 7, 6], [0, 2, 4, 6]);
    const [, drawn] = chartData([line(other), line(loss)], options).lines;
    const [none, gap] = [undefined, null];
    expect(drawn?.course).toEqual([9, gap, gap, gap, 7, none, 6]);
    expect(drawn?.high).toEqual(drawn?.course);
  });

  it('keeps values as they were behind smoothed ones', () => {
    const [drawn] = chartData([line(points('loss', [0, 10, 0]))], { ...options, smoothing: 0.9 }).lines;
    expect(drawn?.high).toEqual([0, 10, 0]);
    expect(drawn?.course[1]).toBeLessThan(6);
  });

  it('leaves out what a logarithm cannot show', () => {
    const lines = [line(points('loss', [10, 0, -1], [1, 2, 3]))];
    expect(chartData(lines, { ...options, logarithmic: true }).lines[0]?.course).toEqual([10, null, null]);
  });

  it('counts time from the start of each line', () => {
    const lines = [line(points('loss', [1, 2]), 990), line(points('loss', [1, 2]), 995)];
    expect(chartData(lines, { ...options, axis: 'time' }).x).toEqual([5, 6, 10, 11]);
  });
});

import { describe, expect, it } from 'vitest';
import { epochsWanted, loggedBy, type Progress } from '../../widgets/src/model/progress';
import { ProgressEstimator } from '../../widgets/src/model/progress_estimator';
import { Series } from '../../widgets/src/model/series';

/** What a script does at a time, in seconds since it began. */
interface IHappening {
  at: number;
  line?: string;
  logs?: Record<string, number>;
  /** The step that it logs with. */
  step?: number;
}

/** A run as a card shows it, second by second, to somebody who looks from a time on. */
class Watched {
  constructor(
    private readonly script: readonly IHappening[],
    private readonly args: readonly string[] = []
  ) {}

  /** Return what is shown at each second, from one to another. */
  from(begin: number, end: number): { at: number; shown: Progress | undefined }[] {
    const estimator = new ProgressEstimator();
    const lines: string[] = [];
    const series = new Map<string, Series>();
    const found = [];
    let next = 0;
    for (let now = begin; now <= end; now++) {
      let isNews = now === begin;
      for (; next < this.script.length && (this.script[next] as IHappening).at <= now; next++) {
        const { at, line, logs = {}, step } = this.script[next] as IHappening;
        isNews = true;
        if (line !== undefined) {
          lines.push(line);
        }
        for (const [name, value] of Object.entries(logs)) {
          const known = series.get(name) ?? new Series(name);
          series.set(name, known);
          known.add({ name, times: [START + at], values: [value], steps: step === undefined ? null : [step] });
        }
      }
      if (isNews) {
        estimator.take(lines, loggedBy(series, undefined, START), epochsWanted(this.args), now);
      }
      found.push({ at: now, shown: estimator.progress(now) });
    }
    return found;
  }
}

const START = 1_800_000_000;
/** Seconds of imports before the first epoch, seconds that each takes, and how many there are. */
const [IMPORTS, EPOCH, COUNT] = [4, 10, 6];
const END = IMPORTS + EPOCH * COUNT;
const epochs = Array.from({ length: COUNT }, (_, at) => at + 1);
const begin = (epoch: number): number => IMPORTS + EPOCH * (epoch - 1);

/** Expect that what remains is right within a share of an epoch, from a time on, and grows nowhere. */
function expectRight(shown: { at: number; shown: Progress | undefined }[], from: number, within = 0.6): void {
  let before = Number.POSITIVE_INFINITY;
  for (const { at, shown: progress } of shown) {
    const remaining = progress?.remaining ?? null;
    if (remaining !== null) {
      expect(remaining, `at ${at}, after ${before}`).toBeLessThanOrEqual(before + 0.001);
      before = remaining;
    }
    if (at >= from && at < END) {
      expect(Math.abs((remaining as number) - (END - at)), `at ${at}: ${remaining}`).toBeLessThanOrEqual(
        within * EPOCH
      );
    }
  }
}

/** How many epochs are done at a time, as the bar shows it. */
function doneAt(shown: { at: number; shown: Progress | undefined }[], time: number): number {
  return Math.round(100 * COUNT * (shown.find(({ at }) => at === time)?.shown?.fraction ?? 0)) / 100;
}

describe('the progress of a run that prints a line after each epoch', () => {
  const results = epochs.map(epoch => ({
    at: begin(epoch + 1),
    line: `epoch ${epoch}/${COUNT}: train loss 0.31, val acc 0.9`
  }));
  const bare = epochs.map(epoch => ({ at: begin(epoch + 1), line: `Epoch ${epoch}/${COUNT}` }));

  it('counts the epoch of the line as done, with its results in the line', () => {
    const shown = new Watched(results).from(0, END);
    expectRight(shown, begin(3));
    expect([doneAt(shown, begin(2)), doneAt(shown, begin(3) + 5), doneAt(shown, END)]).toEqual([1, 2, COUNT]);
    expect(shown[shown.length - 1]?.shown?.remaining).toBeNull();
  });

  it('knows from when the first ones came that they are no begin, where they say nothing else', () => {
    const shown = new Watched(bare).from(0, END);
    expectRight(shown, begin(3));
    expect([doneAt(shown, begin(3) + 5), doneAt(shown, END)]).toEqual([2, COUNT]);
  });

  it('is told by what is logged once an epoch to somebody who looks later, too, with its times', () => {
    const logged = bare.map((one, at) => ({ ...one, logs: { loss: 1 / (at + 1) } }));
    const shown = new Watched(logged).from(begin(4) + 7, END);
    expectRight(shown, begin(4) + 7, 0.1);
    expect(doneAt(shown, begin(4) + 7)).toBe(3);
  });

  it('is the most that is left, until a second epoch tells how long one takes without the imports', () => {
    const slow = results.map(one => ({ ...one, at: one.at + 100 }));
    const shown = new Watched(slow).from(0, begin(4) + 100);
    const saidAt = (time: number): [number | null, boolean] => {
      const { remaining = null, isMost = false } = shown.find(({ at }) => at === time)?.shown ?? {};
      return [remaining, isMost];
    };
    const [early, isMost] = saidAt(begin(2) + 105);
    expect(isMost).toBe(true);
    expect(early).toBeGreaterThan(EPOCH * COUNT);
    expect(saidAt(begin(4) + 100)).toEqual([EPOCH * (COUNT - 3), false]);
  });

  it('finds epochs that are printed in colours, and the bar within one is no end of the run', () => {
    const coloured = epochs.flatMap(epoch => [
      { at: begin(epoch) + 5, line: ' 50%|##  | 50/100 [00:05<00:05, 10it/s]' },
      { at: begin(epoch + 1), line: `\u001b[1mepoch\u001b[0m \u001b[32m${epoch}\u001b[0m/${COUNT} loss 0.3` }
    ]);
    const shown = new Watched(coloured, ['--epochs', String(COUNT)]).from(0, END);
    expectRight(shown, begin(3));
    expect(doneAt(shown, begin(3) + 6)).toBe(2.5);
    expect(shown.find(({ at }) => at === begin(1) + 6)?.shown?.remaining).toBeNull();
  });
});

describe('the progress of a run that prints a line before each epoch', () => {
  const bare = epochs.map(epoch => ({ at: begin(epoch), line: `Epoch ${epoch}/${COUNT}` }));

  it('counts the epoch of the line as begun', () => {
    const shown = new Watched(bare).from(0, END);
    expectRight(shown, begin(2));
    expect([doneAt(shown, begin(1)), doneAt(shown, begin(3) + 5), doneAt(shown, END - 1)]).toEqual([0, 2, COUNT - 1]);
  });

  it('counts from 0 as well', () => {
    const zero = epochs.map(epoch => ({ at: begin(epoch), line: `Epoch ${epoch - 1}/${COUNT - 1}` }));
    const shown = new Watched(zero, [`--num_epochs=${COUNT}`]).from(0, END);
    expectRight(shown, begin(2));
    expect(doneAt(shown, begin(3) + 5)).toBe(2);
  });

  it('is told by what is logged at an epoch’s end, which the epoch that goes on has not', () => {
    const logged = epochs.flatMap(epoch => [
      { at: begin(epoch), line: `Epoch ${epoch}/${COUNT}` },
      { at: begin(epoch + 1) - 1, logs: { val_loss: 1 / epoch } }
    ]);
    const shown = new Watched(logged).from(begin(4) + 3, END);
    expect(doneAt(shown, begin(4) + 3)).toBe(3);
    expectRight(shown, begin(4) + 3);
  });

  it('has the bars of training and of validation as a part of an epoch that never goes back', () => {
    const bar = (percent: number) => `${percent}%|##  | ${percent}/100 [00:01<00:01, 5it/s]`;
    const script = epochs.flatMap(epoch => [
      { at: begin(epoch), line: `Epoch ${epoch}/${COUNT}` },
      ...[20, 60, 100].map((percent, at) => ({ at: begin(epoch) + 2 * at + 2, line: bar(percent) })),
      { at: begin(epoch) + 8, line: bar(10) }
    ]);
    const shown = new Watched(script).from(0, END);
    expectRight(
      shown.filter(({ at }) => at >= begin(2)), // until then the bar is all that is known
      begin(2)
    );
    let fraction = 0;
    for (const { shown: progress } of shown) {
      expect(progress?.fraction ?? 0).toBeGreaterThanOrEqual(fraction);
      fraction = progress?.fraction ?? 0;
    }
  });
});

describe('the progress of a run that logs its epoch', () => {
  const wanted = ['--epochs', String(COUNT)];

  it.each([
    [0, 'after', 1],
    [1, 'after', 1],
    [0, 'before', 0],
    [1, 'before', 0]
  ])('counts from %i, when it does so %s the work of each', (base, _, late) => {
    const script = epochs.map((epoch, at) => ({ at: begin(epoch + late), logs: { epoch: at + base } }));
    const shown = new Watched(script, wanted).from(0, END);
    expectRight(shown, begin(3));
    expect(doneAt(shown, begin(3) + 5)).toBe(2);
  });

  it('is within an epoch that it logs with each of its batches', () => {
    const script = epochs.flatMap((epoch, at) =>
      [1, 4, 7].map(part => ({ at: begin(epoch) + part, logs: { epoch: at } }))
    );
    expect(doneAt(new Watched(script, wanted).from(0, END), begin(3) + 5)).toBe(2);
  });
});

describe('the time that remains to a run that an earlier one has begun', () => {
  /** What is said to remain at a time; null where nothing is. */
  const remainingAt = (script: readonly IHappening[], at: number, args: readonly string[] = [], from = 0) =>
    new Watched(script, args).from(from, at)[at - from]?.shown?.remaining ?? null;
  const times = (every: number, end: number) =>
    Array.from({ length: Math.floor(end / every) }, (_, at) => (at + 1) * every);

  it('is that of the steps which are left, however many there were before', () => {
    const script = times(5, 100).map(at => ({ at, logs: { loss: 1, max_steps: 100_000 }, step: 50_000 + 10 * at }));
    expect(remainingAt(script, 5)).toBeNull();
    expect(remainingAt(script, 100)).toBeCloseTo(4900, 3);
    const counted = script.map(({ at, step }) => ({ at, logs: { global_step: step, max_steps: 100_000 } }));
    expect(remainingAt(counted, 100)).toBeCloseTo(4900, 3);
  });

  it('has no time in it that the first step waited for data', () => {
    const script = times(1, 60).map(at => ({ at: 600 + at, logs: { loss: 1, max_steps: 10_000 }, step: 10 * at }));
    expect(remainingAt(script, 660)).toBeCloseTo(940, 3);
  });

  it('is told by the metric that was logged more than once, where another has come further', () => {
    const script = times(1, 60).map(at => ({ at, logs: { loss: 1, max_steps: 1000 }, step: 5 * at }));
    expect(remainingAt([...script, { at: 60, logs: { eval_loss: 1 }, step: 301 }], 60)).toBeCloseTo(140, 3);
  });

  it('is told by printed steps from the second on that somebody has seen', () => {
    const script = times(10, 200).map(at => ({ at, line: `step ${5000 + at}/6000 loss 0.1` }));
    expect(remainingAt(script, 15)).toBeNull();
    expect(remainingAt(script, 100)).toBeCloseTo(900, 3);
    expect([remainingAt(script, 105, [], 95), remainingAt(script, 120, [], 95)]).toEqual([null, 880]);
    const again = script.map(({ at }) => ({ at, line: `step ${at % 100}/6000` }));
    expect([remainingAt(again, 101), remainingAt(again, 120)]).toEqual([null, 5980]);
  });

  it('is that of parts of epochs', () => {
    const script = [1, 2, 3, 4].map(part => ({ at: 30 * part, logs: { epoch: 10 + part / 4 } }));
    expect(remainingAt(script, 30, ['--epochs', '20'])).toBeNull();
    expect(remainingAt(script, 120, ['--epochs', '20'])).toBeCloseTo(9 * 120, 3);
  });

  it('is not known before the second epoch that is printed, or that a bar counts', () => {
    const printed = [30, 31, 32].map((epoch, at) => ({ at: 5 + 100 * at, line: `Epoch ${epoch}/90` }));
    expect(remainingAt(printed, 50)).toBeNull();
    expect(remainingAt(printed, 105)).toBeCloseTo(60 * 100, 3);
    const drawn = [30, 31, 32].map((done, at) => ({
      at: 5 + 100 * at,
      line: `Epochs:  33%|## | ${done}/90 [0:1<0:1]`
    }));
    expect(remainingAt(drawn, 50)).toBeNull();
    expect(remainingAt(drawn, 105)).toBeCloseTo(59 * 100, 3);
  });

  it('is told to somebody who looks later by two epochs that come then', () => {
    const script = [30, 31, 32, 33].map((epoch, at) => ({ at: 5 + 100 * at, line: `Epoch ${epoch}/90` }));
    expect([remainingAt(script, 150, [], 50), remainingAt(script, 205, [], 50)]).toEqual([null, 5900]);
  });

  it('is that of epochs that are logged with each batch', () => {
    const script = times(5, 250).map(at => ({ at, logs: { epoch: 30 + Math.floor(at / 100) } }));
    const remaining = remainingAt(script, 200, ['--epochs', '90']) as number;
    expect(Math.abs(remaining - 5900)).toBeLessThan(300);
  });
});

import { describe, expect, it } from 'vitest';
import { epochsWanted, loggedBy, type Progress } from '../../widgets/src/model/progress';
import { ProgressEstimator } from '../../widgets/src/model/progress_estimator';
import { Series } from '../../widgets/src/model/series';

/** What a script does at a time, in seconds since it began. */
interface IHappening {
  at: number;
  line?: string;
  logs?: Record<string, number>;
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
        const { at, line, logs = {} } = this.script[next] as IHappening;
        isNews = true;
        if (line !== undefined) {
          lines.push(line);
        }
        for (const [name, value] of Object.entries(logs)) {
          const known = series.get(name) ?? new Series(name);
          series.set(name, known);
          known.add({ name, times: [START + at], values: [value], steps: null });
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

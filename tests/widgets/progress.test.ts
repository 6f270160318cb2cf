import { describe, expect, it } from 'vitest';
import {
  barOf,
  epochOf,
  epochsWanted,
  type ILogged,
  loggedBy,
  type Progress,
  stepsWanted
} from '../../widgets/src/model/progress';
import { ProgressEstimator } from '../../widgets/src/model/progress_estimator';
import { Series } from '../../widgets/src/model/series';
import { type ITrans, UNTRANSLATED } from '../../widgets/src/translation';

function metrics(values: Record<string, number[]>, steps: number[] | null = null): Map<string, Series> {
  return new Map(
    Object.entries(values).map(([name, logged]) => {
      const series = new Series(name);
      series.add({ name, times: logged.map((_, at) => at * 100), values: logged, steps });
      return [name, series];
    })
  );
}

/** How far a run is that somebody begins to look at. */
function progressOf(
  lines: readonly string[],
  logged: ILogged,
  wanted: number | undefined,
  now: number | null
): Progress | undefined {
  const estimator = new ProgressEstimator();
  estimator.take(lines, logged, wanted, now);
  return estimator.progress(now);
}

/** How far a run is by what it logs, where it was asked for that many epochs or steps. */
function byMetrics(logged: Map<string, Series>, wanted: { epochs?: number; steps?: number }) {
  return progressOf([], loggedBy(logged, wanted.steps), wanted.epochs, 100);
}

const BAR = '100%|####| 10/10 [00:10<00:00, 1it/s]';

describe('progress', () => {
  it('is looked for in a line of blanks no longer than in any other', () => {
    const begun = performance.now();
    const blanks = ' '.repeat(3000);
    expect(epochOf(`epoch${blanks}x`)).toBeUndefined();
    expect(epochOf(`${'epoch '.repeat(1500)}x`)).toBeUndefined();
    expect(barOf(`${blanks}${blanks}${blanks}`)).toBeUndefined();
    expect(performance.now() - begun).toBeLessThan(500);
  });

  it('is read from a bar of tqdm', () => {
    expect(progressOf(['train:  45%|####5     | 45/100 [00:12<01:15,  3.60it/s]'], {}, undefined, null)).toEqual({
      label: 'train 45 of 100',
      fraction: 0.45,
      remaining: 75
    });
    expect(barOf('45% of all')).toBeUndefined();
  });

  it('is told in the words of the page', () => {
    const german: ITrans = {
      ...UNTRANSLATED,
      __: (text, ...values) => UNTRANSLATED.__(text.replace(' of ', ' von ').replace('Step', 'Schritt'), ...values)
    };
    const told = (line: string): string | undefined => {
      const estimator = new ProgressEstimator();
      estimator.take([line], {}, undefined, null);
      return estimator.progress(null, german)?.label;
    };
    expect(told('Epoch 3/10')).toBe('Epoch 3 von 10');
    expect(told('step 50/200')).toBe('Schritt 50 von 200');
    expect(told(`val: ${BAR}`)).toBe('val 10 von 10');
    expect(told('epochs: 100%|####| 10/10 [00:10<00:00, 1it/s]')).toBe('Epoch 10 von 10');
  });

  it('is that of the epochs where they are told, with the bar as a part of one', () => {
    const lines = ['Epoch 1/10', 'Epoch 2/10', 'Epoch 3/10', ' 50%|##   | 5/10 [00:01<00:01, 5it/s]'];
    expect(progressOf(lines, {}, undefined, 50)).toEqual({
      label: 'Epoch 3 of 10',
      fraction: 0.25,
      remaining: 150
    });
  });

  it('is that of a logged epoch where the arguments tell how many there are', () => {
    expect(progressOf([], { epoch: 5 }, epochsWanted(['--lr', 0.1, '--num_epochs', 20]), null)?.fraction).toBe(0.25);
    expect(epochsWanted(['--epochs=7'])).toBe(7);
    expect(epochsWanted(['--epochs', 'many'])).toBeUndefined();
  });

  it('is nothing where nothing tells of it', () => {
    expect(progressOf(['loading data'], {}, 20, 5)).toBeUndefined();
  });

  it('has no part of an epoch by a bar that was drawn before it', () => {
    expect(progressOf(['Epoch 3/10', BAR, 'Epoch 4/10'], {}, undefined, null)?.fraction).toBe(0.3);
    expect(progressOf([`Epoch 3/10: ${BAR}`], {}, undefined, null)?.fraction).toBe(0.3);
  });

  it('is as far as parts of epochs say that are logged, between whole ones, too', () => {
    expect(byMetrics(metrics({ epoch: [0.5, 2.5] }), { epochs: 4 })).toEqual({
      label: 'Epoch 2.5 of 4',
      fraction: 0.625,
      remaining: 75
    });
    expect(byMetrics(metrics({ epoch: [0.5, 1, 1.5, 2] }), { epochs: 4 })?.fraction).toBe(0.5);
    expect(byMetrics(metrics({ epoch: [1, 2] }), { epochs: 4 })?.fraction).toBe(0.25);
  });

  it.each(['step', 'global_step', 'train/global_step'])(
    'is that of a metric %s, of as many as were asked for',
    name => {
      expect(byMetrics(metrics({ [name]: [250, 1250] }), { steps: 5000 })).toEqual({
        label: 'Step 1,250 of 5,000',
        fraction: 0.25,
        remaining: 375
      });
    }
  );

  it('is that of the step which came with any metric', () => {
    expect(byMetrics(metrics({ loss: [3, 2] }, [0, 40]), { steps: 80 })?.fraction).toBe(0.5);
  });

  it('is of as many steps as a metric says, where no argument does', () => {
    expect(byMetrics(metrics({ step: [30], total_steps: [120] }), {})?.label).toBe('Step 30 of 120');
  });

  it('is none by steps that nobody knows the end of, or that is passed', () => {
    expect(byMetrics(metrics({ step: [30] }), {})).toBeUndefined();
    expect(byMetrics(metrics({ step: [36] }), { steps: 35 })).toBeUndefined();
  });

  it('is that of steps in the output, within an epoch where it tells of epochs', () => {
    const steps = ['step 40/200 loss 0.3', 'step: 50 of 200'];
    expect(progressOf(steps, {}, undefined, null)).toEqual({
      label: 'Step 50 of 200',
      fraction: 0.25,
      remaining: null
    });
    expect(progressOf(['Epoch [2/4], Step [50/200], Loss: 1'], {}, undefined, null)?.fraction).toBe(0.3125);
  });

  it.each([
    [['--max_steps', '5000'], 5000],
    [['--total-steps=70'], 70],
    [['--max_train_steps', 30], 30],
    [['--total_timesteps', '1000'], 1000],
    [['--num_iterations', '8'], 8],
    [['--steps_per_epoch', '8'], undefined],
    [['--warmup_steps', '8'], undefined],
    [['--max_steps', '-1'], undefined]
  ])('is told by arguments %j of how many steps there are', (words, wanted) => {
    expect(stepsWanted(words)).toBe(wanted);
  });
});

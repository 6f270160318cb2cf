import { describe, expect, it } from 'vitest';
import { barOf, epochOf, loggedBy, progressOf, stepsWanted } from '../../widgets/src/model/progress';
import { Series } from '../../widgets/src/model/series';

function metrics(values: Record<string, number[]>, steps: number[] | null = null): Map<string, Series> {
  return new Map(
    Object.entries(values).map(([name, logged]) => {
      const series = new Series(name);
      series.add({ name, times: logged.map((_, at) => at), values: logged, steps });
      return [name, series];
    })
  );
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

  it('has no part of an epoch by a bar that was drawn before it', () => {
    expect(progressOf(['Epoch 3/10', BAR, 'Epoch 4/10'], {}, undefined, null)?.fraction).toBe(0.3);
    expect(progressOf([`Epoch 3/10: ${BAR}`], {}, undefined, null)?.fraction).toBe(0.3);
  });

  it('is as far as parts of epochs say that are logged, between whole ones, too', () => {
    expect(byMetrics(metrics({ epoch: [0.5, 2.5] }), { epochs: 4 })).toEqual({
      label: 'Epoch 2.5 of 4',
      fraction: 0.625,
      remaining: 60
    });
    expect(byMetrics(metrics({ epoch: [0.5, 1, 1.5, 2] }), { epochs: 4 })?.fraction).toBe(0.5);
    expect(byMetrics(metrics({ epoch: [1, 2] }), { epochs: 4 })?.fraction).toBe(0.25);
  });

  it.each(['step', 'global_step', 'train/global_step'])(
    'is that of a metric %s, of as many as were asked for',
    name => {
      expect(byMetrics(metrics({ [name]: [100, 1250] }), { steps: 5000 })).toEqual({
        label: 'Step 1,250 of 5,000',
        fraction: 0.25,
        remaining: 300
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

import { describe, expect, it } from 'vitest';
import type { RunState, StateChange } from '../../widgets/src/documents';
import { bytes, clock, duration, metric, ticks } from '../../widgets/src/format';
import { isData, parameters } from '../../widgets/src/model/parameters';
import { cells } from '../../widgets/src/views/files';
import { stagesOf } from '../../widgets/src/views/stages';

/** A history whose states follow each other after so many seconds. */
function history(...states: [state: RunState, seconds: number][]): StateChange[] {
  let time = Date.parse('2026-01-01T00:00:00Z');
  return states.map(([state, seconds]) => {
    const change = { state, time: new Date(time).toISOString(), reason: null, detail: '' };
    time += seconds * 1000;
    return change;
  });
}

describe('the stages of a run', () => {
  const now = Date.parse('2026-01-01T00:01:00Z');

  it('tell how long it was in each, and where it is', () => {
    const stages = stagesOf(history(['NotStarted', 1], ['Preparing', 9], ['Queued', 20], ['Running', 0]), now);
    expect(stages.map(stage => stage.seconds)).toEqual([9, 20, 30, null]);
    expect(stages.map(stage => stage.current)).toEqual([false, false, true, false]);
  });

  it('add up where it was queued twice', () => {
    const stages = stagesOf(history(['Queued', 5], ['Running', 1], ['Queued', 7], ['Running', 0]), now);
    expect(stages[1]?.seconds).toBe(12);
  });

  it('go on while it is asked to stop', () => {
    const stages = stagesOf(history(['Queued', 5], ['Running', 20], ['CancelRequested', 0]), now);
    expect(stages.map(stage => stage.current)).toEqual([false, false, true, false]);
    expect(stages[2]?.seconds).toBe(55);
  });

  it('have of the script the time that is told elsewhere', () => {
    expect(stagesOf(history(['Queued', 5], ['Running', 0]), now, 54.2)[2]?.seconds).toBe(54.2);
  });

  it('name the one in which it failed, which is never the sealing after it', () => {
    const stages = stagesOf(
      history(['Preparing', 1], ['Queued', 1], ['Running', 1], ['Finalizing', 1], ['Failed', 0]),
      now
    );
    expect(stages.filter(stage => stage.failed).map(stage => stage.name)).toEqual(['Running']);
    const early = stagesOf(history(['Preparing', 1], ['Failed', 0]), now);
    expect(early.filter(stage => stage.failed).map(stage => stage.name)).toEqual(['Preparing']);
  });
});

describe('values', () => {
  it('are written as people read them', () => {
    expect([7, 65, 3725, 90_000, null].map(duration)).toEqual(['7 s', '1:05', '1:02:05', '1 d 01:00', '–']);
    expect([12, 1500, 23_456_789, null].map(bytes)).toEqual(['12 B', '1.5 kB', '23 MB', '–']);
    expect([0.92834, 3, 1.234e-7, Number.NaN, Number.NEGATIVE_INFINITY].map(metric)).toEqual([
      '0.9283',
      '3',
      '1.23e-7',
      'NaN',
      '−∞'
    ]);
  });

  it('of an axis differ where they are near each other', () => {
    expect(ticks([2.30251, 2.30252, 2.30253])).toEqual(['2.30251', '2.30252', '2.30253']);
    expect(ticks([5_000_100.5, null, 5_000_200.5])).toEqual(['5.0001e+6', '', '5.0002e+6']);
    expect(ticks([0, 0.05, 0.1, null])).toEqual(['0', '0.05', '0.1', '']);
    expect(ticks([])).toEqual([]);
  });

  it('are no sixty seconds, and no hour 24', () => {
    expect([59.4, 59.96, 9.96].map(duration)).toEqual(['59 s', '1:00', '10 s']);
    const midnight = new Date(2026, 0, 1, 0, 5, 9);
    expect(clock(midnight.toISOString(), midnight)).toMatch(/^0?0:05:09$/);
  });

  it('of a command line have names', () => {
    expect(parameters(['data.csv', '--lr', -0.1, '--quiet', '--name=a b'])).toEqual([
      ['argument 1', 'data.csv'],
      ['lr', '-0.1'],
      ['quiet', 'yes'],
      ['name', 'a b']
    ]);
  });

  it('of a command line tell by their names what is data', () => {
    const data = ['data', 'data_dir', 'data-folder', 'train_data', 'dataset', 'traindata', 'input', 'corpus'];
    const others = ['input_size', 'input-dim', 'data_parallel', 'dataset_workers', 'update', 'metadata_type', 'lr'];
    expect([...data, ...others].filter(isData)).toEqual(data);
  });

  it('of a table are split as RFC 4180 has it', () => {
    expect(cells('a,b\r\n"x, ""y""",2\n,\n', ',')).toEqual([
      ['a', 'b'],
      ['x, "y"', '2'],
      ['', '']
    ]);
  });
});

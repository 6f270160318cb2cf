import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunDocument, RunRow, StateChange } from '../../widgets/src/documents';
import { results } from '../../widgets/src/model/comparison';
import { RunModel } from '../../widgets/src/model/run_model';
import { RunsModel } from '../../widgets/src/model/runs_model';
import { FakeSource } from './sources';

/** What the server's clock shows while the browser's is seven minutes behind it. */
const SERVER = Date.parse('2026-01-01T12:00:00Z');
const BEHIND = 7 * 60_000;
const time = (seconds: number) => new Date(SERVER + seconds * 1000).toISOString();
const change = (state: StateChange['state'], seconds: number): StateChange => ({
  state,
  time: time(seconds),
  reason: null,
  detail: ''
});

/** A run whose script has been running for a minute. */
const RUNNING = {
  id: 'r',
  state: 'Running',
  started: time(-60),
  ended: null,
  seconds: 60,
  history: [change('Running', -60)],
  tags: {},
  spec: {},
  metrics: {}
} as unknown as RunDocument;

const WAITING = { ...RUNNING, state: 'Queued', started: null, seconds: null } as RunDocument;

describe('what a run takes', () => {
  let source: FakeSource;
  let model: RunModel;
  let stop: () => void;

  beforeEach(() => {
    vi.useFakeTimers({ now: SERVER - BEHIND });
    source = new FakeSource();
    source.answers.set('/workspaces/w/runs/r', WAITING);
    model = new RunModel(source, { workspace: 'w', run: 'r' });
    stop = model.observe(() => undefined);
  });

  afterEach(() => {
    stop();
    vi.useRealTimers();
  });

  it('is counted by the server’s clock, which a message about a run that goes on tells', () => {
    source.tell('r', { state: RUNNING });
    vi.advanceTimersByTime(5000);
    expect(model.seconds()).toBe(65);
    expect(results([model]).flatMap(section => section.rows)).toContainEqual(
      expect.objectContaining({ name: 'duration', values: ['1:05'] })
    );
  });

  it('is counted by it where an answer tells it', async () => {
    source.answers.set('/workspaces/w/runs/r', RUNNING);
    await model.refresh();
    expect(model.clock.at(Date.now())).toBe(SERVER);
  });

  it('is counted by it before the script runs, from the first change of state on', () => {
    source.tell('r', { state: { ...WAITING, history: [change('Preparing', -100)] } });
    expect(model.clock.at(Date.now())).toBe(SERVER - BEHIND); // which may have been long ago
    source.tell('r', { state: { ...WAITING, history: [change('Preparing', -100), change('Queued', 0)] } });
    expect(model.clock.at(Date.now())).toBe(SERVER);
  });

  it('is not counted by what may have waited to be told, nor by what ended', () => {
    source.tell('r', { state: RUNNING, whole: true });
    source.tell('r', { state: { ...RUNNING, state: 'Completed', ended: time(0) } });
    expect(model.clock.at(Date.now())).toBe(SERVER - BEHIND);
  });

  it('is left as it is where clocks agree but for the way of a message', () => {
    vi.setSystemTime(SERVER + 1500);
    source.tell('r', { state: RUNNING });
    expect(model.clock.at(Date.now())).toBe(SERVER + 1500);
  });

  it('is counted by it in a list of runs', async () => {
    source.answers.set('/workspaces/w/runs', { runs: [RUNNING as unknown as RunRow], more: false });
    const runs = new RunsModel(source, { workspace: 'w', experiment: 'e' });
    const end = runs.observe(() => undefined);
    source.tellList({});
    await vi.advanceTimersByTimeAsync(0);
    expect(runs.clock.at(Date.now())).toBe(SERVER);
    end();
  });
});

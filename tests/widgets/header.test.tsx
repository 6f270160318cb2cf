import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunMessage, RunStateDocument } from '../../widgets/src/documents';
import { clock } from '../../widgets/src/format';
import { RunModel } from '../../widgets/src/model/run_model';
import { Header } from '../../widgets/src/views/header';
import { FakeSource } from './sources';

const STARTED = '2026-01-01T00:00:01Z';

describe('the line below the name of a run', () => {
  let place: HTMLElement;
  const line = () => place.querySelector('.td-detail')?.textContent;

  let source: FakeSource;
  let model: RunModel;

  function stateOf(state: Partial<RunStateDocument>): RunStateDocument {
    const all = { state: 'Running', reason: null, detail: '', display_name: '', started: null, history: [], ...state };
    return all as unknown as RunStateDocument;
  }

  async function show(state: Partial<RunStateDocument>, from = new FakeSource()): Promise<void> {
    source = from;
    model = new RunModel(source, { workspace: 'w', run: 'bees_1' });
    model.observe(() => undefined);
    await tell({ state: stateOf(state) });
  }

  async function tell(message: RunMessage): Promise<void> {
    source.tell('bees_1', message);
    await act(() => {
      render(<Header model={model} host={{}} />, place);
    });
  }

  beforeEach(() => {
    place = document.createElement('div');
  });

  afterEach(() => {
    render(null, place);
  });

  it('says what the run waits for', async () => {
    await show({ state: 'Queued', detail: 'waiting for a node' });
    expect(line()).toBe('Waiting for a node');
  });

  it('names the runs that it waits for, as far as they can be asked for', async () => {
    const answering = new FakeSource();
    answering.answers.set('/workspaces/w/runs/look_1795988361_11111111', { display_name: 'long one' });
    answering.answers.set('/workspaces/w/runs/look_1795988362_4d9744ef', {
      display_name: '',
      experiment: 'look',
      number: 7
    });
    answering.answers.set('/workspaces/w/runs/look_1795988363_00000000', () => {
      throw new Error('deleted');
    });
    const detail = 'held by look_1795988361_11111111 and look_1795988362_4d9744ef, after look_1795988363_00000000';
    await show({ state: 'Queued', detail }, answering);
    await vi.waitFor(() => expect(line()).toBe('Held by “long one” and “look #7”, after look_1795988363_00000000'));
  });

  it('says why it has failed, the word for it first and marked', async () => {
    await show({ state: 'Failed', reason: 'out_of_memory', detail: 'it used more than 2 GiB' });
    expect(line()).toBe('Out of memory: it used more than 2 GiB');
    expect(place.querySelector('.td-detail strong')?.className).toContain('td-state-Failed');
  });

  it('has the word alone where nothing more is known', async () => {
    await show({ state: 'Failed', reason: 'lost' });
    expect(line()).toBe('Lost');
  });

  it('says before all else that no dispatcher gets to work, until one does or the run has ended', async () => {
    await show({ state: 'Queued', detail: 'waiting for a node' });
    await tell({ trouble: { message: 'no run goes on, since the dispatcher ends', advice: 'Ask the doctor.' } });
    expect(line()).toBe('No dispatcher: no run goes on, since the dispatcher ends. Ask the doctor.');
    await tell({ state: stateOf({ state: 'Queued', detail: 'waiting for two nodes' }) });
    expect(line()).toContain('No dispatcher');
    await tell({ trouble: null });
    expect(line()).toBe('Waiting for two nodes');
    await tell({ trouble: { message: 'no run goes on', advice: '' } });
    await tell({ state: stateOf({ state: 'Canceled', detail: 'by you' }) });
    expect(line()).toBe('By you');
  });

  it('says which run it is, and since when, where there is nothing to explain', async () => {
    await show({ display_name: 'bees', started: STARTED });
    expect(line()).toBe(`bees_1 · started ${clock(STARTED)}`);
    await show({ state: 'Completed', reason: 'finished', started: STARTED });
    expect(line()).toBe(`Started ${clock(STARTED)}`);
  });
});

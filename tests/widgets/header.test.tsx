import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunStateDocument } from '../../widgets/src/documents';
import { clock } from '../../widgets/src/format';
import { RunModel } from '../../widgets/src/model/run_model';
import { Header } from '../../widgets/src/views/header';
import { FakeSource } from './sources';

const STARTED = '2026-01-01T00:00:01Z';

describe('the line below the name of a run', () => {
  let place: HTMLElement;
  const line = () => place.querySelector('.td-detail')?.textContent;

  async function show(state: Partial<RunStateDocument>): Promise<void> {
    const source = new FakeSource();
    const model = new RunModel(source, { workspace: 'w', run: 'bees_1' });
    model.observe(() => undefined);
    const all = { state: 'Running', reason: null, detail: '', display_name: '', started: null, history: [], ...state };
    source.tell('bees_1', { state: all as unknown as RunStateDocument });
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

  it('says why it has failed, the word for it first and marked', async () => {
    await show({ state: 'Failed', reason: 'out_of_memory', detail: 'it used more than 2 GiB' });
    expect(line()).toBe('Out of memory: it used more than 2 GiB');
    expect(place.querySelector('.td-detail strong')?.className).toContain('td-state-Failed');
  });

  it('has the word alone where nothing more is known', async () => {
    await show({ state: 'Failed', reason: 'lost' });
    expect(line()).toBe('Lost');
  });

  it('says which run it is, and since when, where there is nothing to explain', async () => {
    await show({ display_name: 'bees', started: STARTED });
    expect(line()).toBe(`bees_1 · started ${clock(STARTED)}`);
    await show({ state: 'Completed', reason: 'finished', started: STARTED });
    expect(line()).toBe(`Started ${clock(STARTED)}`);
  });
});

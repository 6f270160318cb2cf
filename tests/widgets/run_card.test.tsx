import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunDocument, RunStateDocument } from '../../widgets/src/documents';
import { RunModel } from '../../widgets/src/model/run_model';
import { RunCard } from '../../widgets/src/views/card';
import { Guard } from '../../widgets/src/views/guard';
import { FakeSource } from './sources';

const STATE: RunStateDocument = {
  state: 'Completed',
  reason: 'completed',
  detail: '',
  display_name: 'bees',
  description: '',
  tags: {},
  cancel_requested_by: null,
  created: '2026-01-01T00:00:00Z',
  started: '2026-01-01T00:00:01Z',
  ended: '2026-01-01T00:00:03Z',
  seconds: 2,
  warnings: [],
  history: []
};

const RUN: RunDocument = {
  ...STATE,
  id: 'a',
  experiment: 'insects',
  number: 1,
  type: 'traindock.scriptrun',
  compute_target: 'local',
  user: 'ann',
  parent: null,
  signed: true,
  properties: {},
  metrics: {},
  signature: 'valid',
  folder: 'runs/a',
  spec: { script: 'train.py' },
  environment: {},
  exit: {},
  failure: null,
  files: []
};

describe('the card of a run', () => {
  let source: FakeSource;
  let place: HTMLElement;
  const text = () => place.textContent ?? '';
  const buttons = () => [...place.querySelectorAll('.td-buttons button')].map(one => one.textContent);

  async function show(run: Partial<RunDocument> = {}): Promise<void> {
    const document = { ...RUN, ...run };
    source.answers.set('/workspaces/w/runs/a', document);
    const host = { openFolder: () => undefined };
    await act(async () => {
      render(<RunCard model={new RunModel(source, { workspace: 'w', run: 'a' })} host={host} />, place);
    });
    await act(async () => {
      source.tell('a', { state: document });
      source.tell('a', { run: document });
    });
  }

  async function press(name: string): Promise<void> {
    const button = [...place.querySelectorAll('button')].find(one => one.textContent === name);
    await act(async () => {
      button?.click();
    });
  }

  beforeEach(() => {
    source = new FakeSource();
    place = document.createElement('div');
    document.body.append(place);
  });

  afterEach(() => {
    render(null, place);
    place.remove();
  });

  it('says at once that its run was deleted, shows what was known, and offers nothing that cannot be done', async () => {
    await show();
    expect(buttons()).toEqual(['Resubmit', 'Copy id', 'Open folder']);
    await act(async () => {
      source.tell('a', { error: { code: 'run_not_found', message: 'there is no run a', advice: '' } });
    });
    expect(text()).toContain('This run was deleted. This is what was known before.');
    expect(text()).toContain('bees');
    expect(buttons()).toEqual(['Copy id']);
  });

  it('says how much of its metrics cannot be read, above those that can', async () => {
    await show({ metric_losses: { lost: 1200, damaged: 1 } });
    await press('Curves');
    expect(text()).toContain('A record of its metrics cannot be read');
    expect(text()).toContain('1,200 values were not written, because the disk was full.');
  });

  it('says nothing of that where nothing is missing, or the server is older', async () => {
    await show({ metric_losses: { lost: 0, damaged: 0 } });
    await press('Curves');
    expect(text()).not.toContain('cannot be read');
    await show({ metric_losses: undefined });
    expect(text()).not.toContain('cannot be read');
  });
});

describe('a view that cannot be drawn', () => {
  it('says so, and is drawn again when that is asked for', async () => {
    const place = document.createElement('div');
    let broken = true;
    const View = () => {
      if (broken) {
        throw new TypeError('history is undefined');
      }
      return <p>drawn</p>;
    };
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await act(() => {
      render(
        <Guard>
          <View />
        </Guard>,
        place
      );
    });
    expect(place.querySelector('[role=alert]')?.textContent).toContain('history is undefined');
    broken = false;
    await act(() => {
      place.querySelector('button')?.click();
    });
    expect(place.textContent).toBe('drawn');
    vi.restoreAllMocks();
  });
});

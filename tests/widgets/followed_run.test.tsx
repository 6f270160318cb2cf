import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunDocument } from '../../widgets/src/documents';
import { RunModel } from '../../widgets/src/model/run_model';
import { Facts } from '../../widgets/src/views/facts';
import { useRun } from '../../widgets/src/views/hooks';
import { FakeSource } from './sources';

const RUN = {
  id: 'r',
  state: 'Running',
  experiment: 'insects',
  tags: {},
  warnings: [],
  history: [],
  properties: {},
  parent: null,
  spec: {},
  environment: {},
  failure: null,
  created: '2026-01-01T00:00:00Z'
} as unknown as RunDocument;

describe('a run that goes on', () => {
  let source: FakeSource;
  let model: RunModel;
  let place: HTMLElement;

  beforeEach(() => {
    source = new FakeSource();
    model = new RunModel(source, { workspace: 'w', run: 'r' });
    place = document.createElement('div');
  });

  afterEach(() => {
    render(null, place);
  });

  it.each(['refresh', 'cancel'] as const)(
    'has ended as was told, though an older answer to %s comes later',
    async ask => {
      let answer: (run: RunDocument) => void = () => undefined;
      const late = new Promise<RunDocument>(resolve => {
        answer = resolve;
      });
      source.answers.set('/workspaces/w/runs/r', RUN);
      const stop = model.observe(() => undefined);
      source.answers.set('/workspaces/w/runs/r', () => late);
      const asked = model[ask]();
      const failure = { log: '', log_tail: [], hint: 'Use a smaller batch.' };
      source.tell('r', { run: { ...RUN, state: 'Failed', failure } });
      answer(RUN);
      await asked;
      expect([model.run?.failure?.hint, model.run?.state]).toEqual(['Use a smaller batch.', 'Failed']);
      stop();
    }
  );

  it('has everything that is answered about it until then, and of one that has ended what no message told', async () => {
    source.answers.set('/workspaces/w/runs/r', { ...RUN, state: 'Running' });
    const stop = model.observe(() => undefined);
    source.tell('r', { state: { ...RUN, state: 'Completed' } });
    await model.refresh();
    expect(model.run?.experiment).toBe('insects');
    source.answers.set('/workspaces/w/runs/r', { ...RUN, state: 'Completed', experiment: 'again' });
    await model.refresh();
    expect(model.run?.experiment).toBe('again');
    stop();
  });

  it('has its workspace, and the tags and warnings that it got meanwhile, among its details', async () => {
    const View = () => {
      useRun(model);
      return <Facts model={model} host={{}} openModel={() => undefined} />;
    };
    source.answers.set('/workspaces/w/runs', { runs: [], more: false });
    source.answers.set('/workspaces/w/models', { models: [], more: false });
    source.answers.set('/workspaces/w/runs/r', { ...RUN, workspace_name: 'bees' });
    await act(async () => {
      render(<View />, place);
    });
    await act(async () => {
      source.tell('r', { state: RUN });
    });
    expect(place.textContent).toContain('No tags.');
    expect(place.textContent).toContain('workspacebees');
    await act(async () => {
      source.tell('r', { state: { ...RUN, tags: { stage: 'warm-up' }, warnings: ['the disk is nearly full'] } });
    });
    expect(place.textContent).toContain('stagewarm-up');
    expect(place.textContent).toContain('the disk is nearly full');
  });

  it.each([
    ['train.py', 'train.py'],
    ['./nets/dnn.py', 'nets/dnn.py'],
    ['/home/jovyan/work/ws/runs/r/work/train.py', 'train.py'],
    ['/ws/runs/r/work/nets/work/dnn.py', 'nets/work/dnn.py'],
    ['/ws/runs/other/work/train.py', undefined],
    ['/opt/work/venv/lib/python3.12/site-packages/torch/nn.py', undefined],
    ['<frozen importlib._bootstrap>', undefined],
    ['<string>', undefined]
  ])('has of %s in a traceback the source file %s', (path, file) => {
    expect(model.sourcePath(path)).toBe(file);
  });
});

import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RunDocument, TERMINAL } from '../../widgets/src/documents';
import { RunModel } from '../../widgets/src/model/run_model';
import { RequestError } from '../../widgets/src/sources/source';
import { RunCard } from '../../widgets/src/views/card';
import { Guard } from '../../widgets/src/views/guard';
import type { IHost } from '../../widgets/src/views/header';
import { partsHere } from '../../widgets/src/views/parts';
import { MODEL, RUN } from './documents';
import { FakeSource } from './sources';

const drawn = vi.hoisted(() => ({ charts: 0 }));

// happy-dom has no canvas
vi.mock('../../widgets/src/views/chart', () => ({
  Chart: ({ title, lines }: { title: string; lines: { label: string }[] }) => {
    drawn.charts++;
    return <figure>{`${title}: ${lines.map(line => line.label).join(', ')}`}</figure>;
  }
}));

describe('the card of a run', () => {
  let source: FakeSource;
  let place: HTMLElement;
  const text = () => place.textContent ?? '';
  const buttons = () => [...place.querySelectorAll('.td-buttons button')].map(one => one.textContent);

  async function show(run: Partial<RunDocument> = {}, host: IHost = { openFolder: () => undefined }): Promise<void> {
    const document = { ...RUN, ...run };
    source.answers.set('/workspaces/w/runs/a', document);
    await act(async () => {
      render(
        <RunCard parts={partsHere} model={new RunModel(source, { workspace: 'w', run: 'a' })} host={host} />,
        place
      );
    });
    await act(async () => {
      source.tell('a', { state: document });
      if (TERMINAL.has(document.state)) {
        source.tell('a', { run: document });
      }
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

  it('offers TensorBoard once its run has something for it, where the page can show that', async () => {
    const tensorboard = { url: 'traindock/tensorboard/w/a/' };
    const asked: string[] = [];
    const host = { openTensorBoard: (workspace: string, run: string) => asked.push(`${workspace}/${run}`) };
    await show({ state: 'Running', tensorboard: null }, host);
    expect(buttons()).not.toContain('TensorBoard');
    await act(async () => {
      source.tell('a', { state: { ...RUN, state: 'Running', tensorboard } });
    });
    await press('TensorBoard');
    expect(asked).toEqual(['w/a']);
    await show({ tensorboard }, {});
    expect(buttons()).not.toContain('TensorBoard');
  });

  it('says why its run failed, with the last lines of its log, and what to do', async () => {
    const log_tail = [
      'old',
      ...Array.from({ length: 7 }, (_, at) => `frame ${at}`),
      '\u001b[31mOutOfMemoryError\u001b[0m'
    ];
    await show({ state: 'Failed', failure: { log: 'logs/stdout.txt', log_tail, hint: 'Use smaller batches.' } });
    const [hint, log] = [...place.querySelectorAll('.td-problem > *')].map(one => one.textContent);
    expect(hint).toBe('Use smaller batches.');
    expect(log?.split('\n')).toEqual([...log_tail.slice(1, -1), 'OutOfMemoryError']);
  });

  it('points at the build log where an environment failed, which has its text', async () => {
    const failure = { log: 'logs/build.txt', log_tail: ['no such package'], hint: 'The build log below says why.' };
    await show({ state: 'Failed', reason: 'environment_failed', failure });
    expect(place.querySelector('.td-problem')?.textContent).toBe('The build log below says why.');
  });

  it('has beside “Resubmit” what its host adds, once the run has ended', async () => {
    const host = { beside: ({ run }: { run: string }) => <button type="button">{`Change ${run}`}</button> };
    await show({ state: 'Running' }, host);
    expect(buttons()).not.toContain('Change a');
    render(null, place);
    await show({}, host);
    expect(buttons()).toEqual(expect.arrayContaining(['Resubmit', 'Change a']));
    expect(buttons().indexOf('Change a')).toBe(buttons().indexOf('Resubmit') + 1);
  });

  describe('of a run whose script raised an exception', () => {
    const library = Array.from({ length: 12 }, (_, at) => [
      `  File "/usr/lib/python3.11/json/decoder.py", line ${300 + at}, in decode`,
      '    obj, end = self.raw_decode(s)',
      '               ^^^^^^^^^^^^^^^^^^'
    ]).flat();
    const raised = `json.decoder.JSONDecodeError: ${'x'.repeat(3000)}`;
    const log_tail = [
      'Traceback (most recent call last):',
      '  File "/w/runs/a/work/train.py", line 10, in <module>',
      '    json.loads(text)',
      ...library,
      raised
    ];
    const opened = vi.fn();
    const failed = (tail: string[]) =>
      show(
        { state: 'Failed', failure: { log: 'logs/stdout.txt', log_tail: tail, hint: 'Mend the script.' } },
        { openSource: opened }
      );
    const frames = () => [...place.querySelectorAll('.td-frames li')].map(one => one.textContent);

    it('shows what it was, cut where it is long, and the lines of its own files, which a click opens', async () => {
      await failed(log_tail);
      expect(frames()).toEqual(['train.py:10json.loads(text)']);
      expect(place.querySelector('.td-exception')?.textContent).toMatch(/^json.decoder.JSONDecodeError: x{300,400}…$/);
      await press('train.py:10');
      expect(opened.mock.calls).toEqual([['w', 'a', 'train.py', 10]]);
    });

    it('finds them in the log where its end has lines of libraries alone', async () => {
      await failed(log_tail.slice(-20));
      expect(frames()).toEqual([]);
      await act(async () => {
        const text = `${log_tail.join('\n').replace('JSONDecodeError', 'JSONDecodeError: token s3cret')}\n`;
        source.tell('a', { logs: { 'logs/stdout.txt': { offset: 0, gap: 0, text } } });
      });
      expect(frames()).toEqual(['train.py:10json.loads(text)']);
      expect(place.querySelector('.td-problem')?.textContent).not.toContain('s3cret'); // as the server tells it
    });

    it('has no line that fills the card where there is no traceback either', async () => {
      await failed(['x'.repeat(3000)]);
      expect(place.querySelector('.td-problem pre')?.textContent).toMatch(/^x{300,400}…$/);
    });
  });

  it('shows its curves once it logs numbers, unless somebody reads the log', async () => {
    const chosen = () => place.querySelector('[aria-selected="true"]')?.textContent;
    const log = async () => {
      await act(async () => {
        const loss = { name: 'loss', times: [1], values: [1], steps: null };
        source.tell('a', { metrics: { series: [loss], records: [], records_left_out: 0 } });
      });
    };
    await show({ state: 'Running' });
    expect(chosen()).toBe('Log');
    await log();
    expect(chosen()).toBe('Curves');
    render(null, place);
    await show({ state: 'Running' });
    await act(async () => {
      place.querySelector('.td-panel .td-log')?.dispatchEvent(new Event('wheel', { bubbles: true }));
    });
    await log();
    expect(chosen()).toBe('Log');
  });

  it('keeps the place of its progress when the run ends while somebody looks on', async () => {
    await show({ state: 'Running' });
    await act(async () => {
      source.tell('a', { logs: { 'logs/stdout.txt': { offset: 0, gap: 0, text: 'epoch 2/2 loss 0.1\n' } } });
    });
    expect(place.querySelector('.td-progress')?.textContent).toBe('Epoch 2 of 2');
    await act(async () => {
      source.tell('a', { run: RUN });
    });
    expect(place.querySelector('.td-progress')?.textContent).toBe('Epoch 2 of 2');
    render(null, place);
    await show();
    expect(place.querySelector('.td-progress')).toBeNull();
  });

  describe('of a run whose server was gone at its end', () => {
    const progress = () => place.querySelector('.td-progress');
    const log = (text: string, offset = 0) => ({ logs: { 'logs/stdout.txt': { offset, gap: 0, text } } });

    beforeEach(async () => {
      await show({ state: 'Running' });
      await act(async () => {
        source.tell('a', log('epoch 31/40\n'));
      });
    });

    it('is as far as its log tells at last', async () => {
      await act(async () => {
        source.tell('a', { ...log('epoch 40/40\n', 12), run: RUN });
      });
      expect(progress()?.textContent).toBe('Epoch 40 of 40');
      expect(progress()?.querySelector('progress')?.value).toBe(1);
    });

    it('has no bar that is filled in part, but its place, until the log is there', async () => {
      await act(async () => {
        source.tell('a', { run: RUN });
      });
      expect(progress()?.innerHTML).toBe('');
      await act(async () => {
        source.tell('a', log('epoch 40/40\n', 12));
      });
      expect(progress()?.textContent).toBe('Epoch 40 of 40');
    });
  });

  describe('of which another tab is looked at and then the first again', () => {
    const field = (label: string) => place.querySelector<HTMLInputElement>(`[aria-label="${label}"]`);
    const described = () => place.querySelector<HTMLTextAreaElement>('textarea');
    const type = (element: HTMLInputElement | HTMLTextAreaElement | null, value: string) =>
      act(async () => {
        (element as HTMLInputElement).value = value;
        element?.dispatchEvent(new Event('input', { bubbles: true }));
      });
    const tell = (from: number) =>
      act(async () => {
        const series = ['a', 'b', 'c', 'd', 'e'].map(name => {
          return { name, times: [from, from + 1], values: [1, 2], steps: [from, from + 1] };
        });
        const text = `line ${from}\n`;
        source.tell('a', {
          metrics: { series, records: [], records_left_out: 0 },
          logs: { 'logs/stdout.txt': { offset: 100 * from, gap: 0, text } }
        });
      });

    beforeEach(async () => {
      source.answers.set('/workspaces/w/models?', { models: [], more: false });
      await show({ state: 'Running' });
      const files = [{ name: 'outputs/model.pt', size: 7, modified: '2026-01-01T00:00:00Z' }];
      source.answers.set('/workspaces/w/runs/a/files', { files, total: 1, more: false });
      await tell(1);
    });

    it('has kept what was typed into the registration panel', async () => {
      await press('Model');
      await type(described(), 'the best so far');
      await press('Files');
      expect(described()?.closest('[role=tabpanel]')?.hasAttribute('hidden')).toBe(true);
      await press('Model');
      expect(described()?.value).toBe('the best so far');
      expect(described()?.closest('[role=tabpanel]')?.hasAttribute('hidden')).toBe(false);
    });

    it('offers no registration a second time while the first is on its way', async () => {
      let register: (made: unknown) => void = () => undefined;
      const answers = new Map(source.answers);
      source.answers.clear();
      source.answers.set('/workspaces/w/models', () => new Promise(done => (register = done)));
      for (const [start, answer] of answers) {
        source.answers.set(start, answer);
      }
      await press('Model');
      await type(place.querySelector('input[required]'), 'bees');
      await press('Register');
      await press('Curves');
      await press('Model');
      expect(place.querySelector('.td-primary')?.textContent).toBe('Registering…');
      expect(place.querySelector<HTMLButtonElement>('.td-primary')?.disabled).toBe(true);
      await press('Curves');
      await act(async () => register({ ...MODEL, id: 'bees:1', aliases: [] }));
      await press('Model');
      expect(text()).toContain('Registered as bees:1.');
      expect(source.asked.filter(path => path === '/workspaces/w/models')).toHaveLength(1);
    });

    it('has kept which metrics are shown, and what is searched for in the log', async () => {
      await press('Curves');
      await type(field('Filter metrics'), 'b');
      await press('Log');
      await type(field('Search the log'), 'line');
      await press('Curves');
      expect(field('Filter metrics')?.value).toBe('b');
      expect([...place.querySelectorAll('figure')].map(one => one.textContent)).toEqual(['b: b']);
      await press('Log');
      expect(field('Search the log')?.value).toBe('line');
    });

    it('draws nothing of what is hidden, and all that has come meanwhile when it is shown again', async () => {
      const lines = () => [...place.querySelectorAll('.td-log-line')].map(one => one.textContent);
      await press('Log');
      await press('Curves');
      await press('Files');
      const before = drawn.charts;
      await tell(3);
      await tell(5);
      expect(drawn.charts).toBe(before);
      expect(lines()).toEqual(['line 1']);
      await press('Curves');
      expect(drawn.charts).toBeGreaterThan(before);
      await press('Log');
      expect(lines()).toEqual(['line 1', 'line 3', 'line 5']);
    });
  });

  it('says nothing of a failure while its run goes on', async () => {
    await show({ state: 'Running', failure: { log: '', log_tail: [], hint: 'Use smaller batches.' } });
    expect(text()).not.toContain('Use smaller batches.');
  });

  it('says that the connection is broken as long as it is, and only where more is to come', async () => {
    const connection = (state: 'broken' | 'connected') => act(() => source.connection(state));
    const said = () => place.querySelector('.td-notice')?.textContent ?? '';
    await show({ state: 'Running' });
    expect(said()).toBe('');
    await connection('broken');
    expect(said()).toMatch(/^The connection is broken; the run goes on/);
    await connection('connected');
    expect(said()).toBe('');
    await act(() => source.tell('a', { run: RUN }));
    await connection('broken');
    expect(said()).toBe('');
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

  describe('of a run that has ended', () => {
    const note = () => place.querySelector('.td-detail')?.textContent;

    it('submits it once more by a click, and opens the new one', async () => {
      const opened = vi.fn();
      await show({}, { openRun: opened });
      source.answers.set('/workspaces/w/runs/a/resubmit', { run: { id: 'b' } });
      await press('Resubmit');
      await vi.waitFor(() => expect(note()).toBe('Resubmitted as b.'));
      expect(opened.mock.calls).toEqual([['w', 'b']]);
    });

    const path = '/workspaces/w/runs/a/resubmit';
    /** Return what tells the names of the wishes that are sent from now on. */
    const wishes = () => {
      const request = vi.spyOn(source, 'request');
      return () =>
        request.mock.calls
          .filter(([asked]) => asked === path)
          .map(([, options]) => (options?.body as { request_id: string } | undefined)?.request_id);
    };

    it('asks for the same run where no answer came to a click, and then for another one', async () => {
      await show();
      const sent = wishes();
      source.answers.set(path, () => {
        throw new RequestError('unreachable', 'no answer', 'Is it still running?');
      });
      await press('Resubmit');
      await vi.waitFor(() => expect(note()).toContain('does not answer'));
      source.answers.set(path, { run: { id: 'b' } });
      for (const asked of [2, 3]) {
        await press('Resubmit');
        await vi.waitFor(() => expect([sent().length, note()]).toEqual([asked, 'Resubmitted as b.']));
      }
      const [first, again, next] = sent();
      expect([again === first, next === first]).toEqual([true, false]);
    });

    it('asks for another run where no answer came, and nobody has asked again for ten minutes', async () => {
      await show();
      const sent = wishes();
      source.answers.set(path, () => {
        throw new RequestError('unreachable', 'no answer', '');
      });
      const began = Date.now();
      const now = vi.spyOn(Date, 'now');
      for (const [clicks, minute] of [0, 9, 11].entries()) {
        now.mockReturnValue(began + minute * 60_000);
        await press('Resubmit');
        await vi.waitFor(() => expect(sent()).toHaveLength(clicks + 1));
        await vi.waitFor(() => expect(place.querySelector('.td-buttons button:disabled')).toBeNull());
      }
      now.mockRestore();
      const [first, again, next] = sent();
      expect([again === first, next === first]).toEqual([true, false]);
    });

    it('says why it was refused', async () => {
      await show();
      source.answers.set('/workspaces/w/runs/a/resubmit', () => {
        throw new RequestError('snapshot_gone', 'its files are gone', 'Submit it from its folder.');
      });
      await press('Resubmit');
      await vi.waitFor(() => expect(note()).toBe('its files are gone. Submit it from its folder.'));
    });
  });

  describe('of a run that goes on', () => {
    const focused = () => document.activeElement?.textContent;
    const stop = () => place.querySelector<HTMLButtonElement>('.td-buttons button');
    const canceled = () => source.asked.includes('/workspaces/w/runs/a/cancel');

    it('asks in the place of the button whether to stop it, and stops it then', async () => {
      await show({ state: 'Running' });
      source.answers.set('/workspaces/w/runs/a/cancel', { ...RUN, state: 'CancelRequested' });
      await press('Stop');
      expect([buttons(), focused(), canceled()]).toEqual([
        ['Stop the run', 'Keep it running', 'Copy id', 'Open folder'],
        'Keep it running',
        false
      ]);
      await press('Stop the run');
      expect(canceled()).toBe(true);
      expect(text()).toContain('Asked it to stop.');
    });

    it('offers no stop once it was deleted', async () => {
      await show({ state: 'Running' });
      await act(() => source.tell('a', { error: { code: 'run_not_found', message: 'there is no run a', advice: '' } }));
      expect(buttons()).toEqual(['Copy id']);
    });

    it('cannot be stopped a second time while it stops', async () => {
      await show({ state: 'Running' });
      expect([stop()?.textContent, stop()?.disabled]).toEqual(['Stop', false]);
      await act(() => source.tell('a', { state: { ...RUN, state: 'CancelRequested' } }));
      expect([stop()?.textContent, stop()?.disabled]).toEqual(['Stopping…', true]);
    });

    it('cannot be stopped a second time before the first is answered', async () => {
      let answer: (run: RunDocument) => void = () => undefined;
      await show({ state: 'Running' });
      source.answers.set('/workspaces/w/runs/a/cancel', () => new Promise(done => (answer = done)));
      await press('Stop');
      await press('Stop the run');
      expect([stop()?.textContent, stop()?.disabled]).toEqual(['Stop', true]);
      answer({ ...RUN, state: 'Running' });
      await vi.waitFor(() => expect(stop()?.disabled).toBe(false));
    });

    it.each(['Escape', 'Keep it running'])('leaves it running by %s, and has the focus where it was', async way => {
      await show({ state: 'Running' });
      await press('Stop');
      const outside = vi.fn();
      place.addEventListener('keydown', outside);
      await act(async () => {
        const key = new KeyboardEvent('keydown', { key: 'Escape', bubbles: true });
        way === 'Escape' ? document.activeElement?.dispatchEvent(key) : (document.activeElement as HTMLElement).click();
      });
      expect([buttons()[0], focused(), canceled()]).toEqual(['Stop', 'Stop', false]);
      expect(outside).not.toHaveBeenCalled();
    });
  });

  describe('of metrics with one value', () => {
    const log = (time: number, ...names: string[]) =>
      act(async () => {
        const series = names.map(name => ({ name, times: [time], values: [0.5], steps: null }));
        source.tell('a', { metrics: { series, records: [], records_left_out: 0 } });
      });
    const figures = () => [...place.querySelectorAll('.td-figures li')].map(one => one.textContent);
    const charts = () => [...place.querySelectorAll('figure')].map(one => one.textContent);

    it('has figures in a row, and charts of the others, once the run has ended', async () => {
      await show({ state: 'Running' });
      const now = Date.now() / 1000;
      await log(now, 'train_loss', 'test_loss', 'lr');
      await log(now, 'train_loss');
      expect([figures(), charts()]).toEqual([[], ['loss: train_loss, test_loss', 'lr: lr']]);
      await act(async () => {
        source.tell('a', { run: RUN });
      });
      expect([figures(), charts()]).toEqual([['test_loss0.5', 'lr0.5'], ['train_loss: train_loss']]);
    });

    it('keeps their charts, and what is on one together, while it goes on: however long a second value takes', async () => {
      await show({ state: 'Running' });
      await log(Date.now() / 1000 - 60, 'train_loss', 'val_loss', 'epochs');
      await log(Date.now() / 1000, 'train_loss');
      expect([figures(), charts()]).toEqual([[], ['loss: train_loss, val_loss', 'epochs: epochs']]);
    });

    it('has a bounded number of them until all are asked for', async () => {
      await show();
      await log(1, ...Array.from({ length: 500 }, (_, at) => `parameter ${at}`));
      expect(figures()).toHaveLength(48);
      await press('Show all 500 values');
      expect(figures()).toHaveLength(500);
    });
  });

  describe('says under lineage', () => {
    const lineage = () =>
      [...place.querySelectorAll('.td-facts h4')].find(one => one.textContent === 'Lineage')?.parentElement;
    const opened = vi.fn();
    const host: IHost = { openRun: (...ids) => opened(...ids), openSource: (...place) => opened(...place) };
    const child = { id: 'kid', display_name: 'fold 1', state: 'Failed', reason: 'out_of_memory' };
    const made = { id: 'pt-dnn:3', name: 'pt-dnn', version: 3, aliases: ['production'] };
    const come: Partial<RunDocument> = {
      parent: 'sweep',
      properties: { 'traindock.resubmitted_from': 'before' },
      spec: {
        script: 'train.py',
        snapshot: 'f'.repeat(64),
        arguments: ['--data_dir', './ants', '--lr', '1', '--csv', '/d/a.csv'],
        environment_name: 'pytorch'
      },
      data: [
        { name: 'csv', path: '/d/a.csv', kind: 'file', in_source: false, size: 12, modified: '2024-01-01T10:00:00Z' }
      ],
      environment: { key: 'e'.repeat(64), image: 'traindock/env:1' }
    };

    beforeEach(async () => {
      opened.mockClear();
      source.answers.set('/workspaces/w/runs?parent=a', { runs: [child], more: false });
      source.answers.set('/workspaces/w/models?run=a', { models: [made], more: false });
    });

    it('what it comes from and what has come of it', async () => {
      await show(come, host);
      await press('Details');
      const facts = [...(lineage()?.querySelectorAll('dl > div') ?? [])].map(one => one.textContent);
      expect(facts).toEqual([
        'part ofsweep',
        'resubmitted frombefore',
        'childrenfold 1 out of memory',
        `source${'f'.repeat(12)} train.py all files`,
        `environmentpytorch ${'e'.repeat(12)}image traindock/env:1`,
        'data_dir./ants',
        expect.stringMatching(/^csv\/d\/a\.csv 12 B, changed .*2024/),
        'modelspt-dnn version 3 production'
      ]);
    });

    it('has of its environment words instead of what programs call it', async () => {
      const environment = { action: 'user_managed', why: '…/python is used as it is', seconds: 0 };
      await show({ environment, spec: { environment: { python: '…/python', user_managed: true } } }, host);
      await press('Details');
      const section = [...place.querySelectorAll('.td-facts > div')].find(one =>
        one.textContent?.startsWith('Environment')
      );
      expect([...(section?.querySelectorAll('dl > div') ?? [])].map(one => one.textContent)).toEqual([
        'python…/python',
        'came froma Python that was named, as it is',
        'because…/python is used as it is'
      ]);
    });

    it('links to what the host can open', async () => {
      await show(come, host);
      await press('Details');
      for (const name of ['sweep', 'before', 'fold 1']) {
        await press(name);
      }
      await press('train.py');
      expect(opened.mock.calls).toEqual([
        ['w', 'sweep'],
        ['w', 'before'],
        ['w', 'kid'],
        ['w', 'a', 'train.py', 1]
      ]);
    });

    it('the files that it was submitted with, when they are asked for', async () => {
      const entries = ['nets/dnn.py', 'train.py'].map(path => ({ path, kind: 'file', size: 1000 }));
      await show(come, host);
      source.answers.set('/workspaces/w/runs/a/snapshot', { id: 'f', entries, total: 2, more: false });
      await press('Details');
      expect(source.asked).not.toContain('/workspaces/w/runs/a/snapshot?limit=1000&offset=0');
      await press('all files');
      await vi.waitFor(() => expect(text()).toContain('nets/dnn.py'));
      await press('nets/dnn.py');
      expect(opened).toHaveBeenLastCalledWith('w', 'a', 'nets/dnn.py', 1);
    });

    it('the same as text where the host can open nothing', async () => {
      await show(come, {});
      await press('Details');
      const links = [...(lineage()?.querySelectorAll('button') ?? [])].map(one => one.textContent);
      expect(links).toEqual(['all files', 'pt-dnn version 3']);
      expect(lineage()?.textContent).toContain('sweep');
    });

    it('why what it needs to ask for does not come', async () => {
      source.answers.set('/workspaces/w/runs?parent=a', () => {
        throw new RequestError('unavailable', 'the index is being rebuilt', 'Try again soon.');
      });
      await show(come, host);
      await press('Details');
      expect(lineage()?.textContent).toContain('the index is being rebuilt. Try again soon.');
    });
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

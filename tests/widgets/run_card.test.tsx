import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RunDocument, TERMINAL } from '../../widgets/src/documents';
import { RunModel } from '../../widgets/src/model/run_model';
import { RequestError } from '../../widgets/src/sources/source';
import { RunCard } from '../../widgets/src/views/card';
import { Guard } from '../../widgets/src/views/guard';
import type { IHost } from '../../widgets/src/views/header';
import { RUN } from './documents';
import { FakeSource } from './sources';

// happy-dom has no canvas
vi.mock('../../widgets/src/views/chart', () => ({
  Chart: ({ title, lines }: { title: string; lines: { label: string }[] }) => (
    <figure>{`${title}: ${lines.map(line => line.label).join(', ')}`}</figure>
  )
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
      render(<RunCard model={new RunModel(source, { workspace: 'w', run: 'a' })} host={host} />, place);
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
      await vi.waitFor(() => expect(note()).toBe('Submitted again as b.'));
      expect(opened.mock.calls).toEqual([['w', 'b']]);
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

    it('has them as figures while it goes on where no second value has come for long', async () => {
      await show({ state: 'Running' });
      await log(Date.now() / 1000 - 60, 'parameters');
      expect([figures(), charts()]).toEqual([['parameters0.5'], []]);
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
        arguments: ['--data_dir', './ants', '--lr', '1'],
        environment_name: 'pytorch'
      },
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
        'modelspt-dnn version 3 production'
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

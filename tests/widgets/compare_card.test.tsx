import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunDocument, RunMessage } from '../../widgets/src/documents';
import { CompareCard } from '../../widgets/src/views/compare/compare_card';
import { FakeSource } from './sources';

// happy-dom has no canvas
vi.mock('../../widgets/src/views/chart', () => ({
  Chart: ({ title, lines }: { title: string; lines: { label: string; colour: number }[] }) => (
    <figure>{`${title}: ${lines.map(({ label, colour }) => `${label} ${colour}`).join(', ')}`}</figure>
  )
}));

function logged(name: string, ...values: number[]): RunMessage {
  const series = [{ name, times: values.map((_, at) => 100 + at), values, steps: null }];
  return { metrics: { series, records: [], records_left_out: 0 } };
}

function known(name: string, lr: string): RunMessage {
  return {
    run: {
      state: 'Completed',
      reason: 'completed',
      display_name: name,
      tags: {},
      seconds: 5,
      started: null,
      experiment: 'bees',
      compute_target: 'local',
      spec: { script: 'train.py', arguments: ['--lr', lr, '--epochs', '3'] },
      environment: {}
    } as unknown as RunDocument
  };
}

describe('the card that compares runs', () => {
  let source: FakeSource;
  let place: HTMLElement;
  const ids = ['a', 'b', 'c'];
  const words = () => place.textContent ?? '';

  /** Tell runs, and wait until that is drawn. */
  async function tell(messages: Record<string, RunMessage>): Promise<void> {
    await act(async () => {
      for (const [run, message] of Object.entries(messages)) {
        source.tell(run, message);
      }
      await vi.advanceTimersByTimeAsync(500);
    });
  }

  /** Wait until what was asked for is there, and what that has led to. */
  async function settled(): Promise<void> {
    for (let times = 0; times < 3; times++) {
      await act(async () => {
        await vi.advanceTimersByTimeAsync(500);
      });
    }
  }

  async function press(name: string): Promise<void> {
    const button = [...place.querySelectorAll('button')].find(one => one.textContent === name);
    await act(() => {
      button?.click();
    });
    await settled();
  }

  beforeEach(async () => {
    vi.useFakeTimers();
    source = new FakeSource();
    place = document.createElement('div');
    document.body.append(place);
    await act(() => {
      render(<CompareCard source={source} workspace="w" ids={ids} />, place);
    });
  });

  afterEach(() => {
    render(null, place);
    place.remove();
    vi.useRealTimers();
  });

  it('follows all runs, and the log of none', () => {
    expect(source.followed).toEqual(ids.map(run => ({ workspace: 'w', run, logs: [], resources: false })));
  });

  it('names each run with its state, as they come', async () => {
    await tell({ a: known('first', '1') });
    const items = [...place.querySelectorAll('.td-compared li')].map(item => item.textContent);
    expect(items).toEqual(['firstCompleted5 s', 'b…', 'c…']);
  });

  it('shows side by side what runs were given, all of it or the differences alone', async () => {
    await tell({ a: known('first', '1'), b: known('second', '2'), c: known('third', '1') });
    await press('Results');
    const rows = () => [...place.querySelectorAll('tbody tr')].map(one => one.textContent);
    expect(rows()).toContain('lr≠differs121');
    expect(rows()).toContain('epochs333');
    expect(place.querySelectorAll('.td-other')).toHaveLength(1);
    await act(() => {
      place.querySelector<HTMLInputElement>('input[type=checkbox]')?.click();
    });
    expect(rows()).toContain('lr≠differs121');
    expect(rows()).not.toContain('epochs333');
  });

  it('gives each run one colour: on charts, in figures, in the legend and in the head of tables', async () => {
    const losses = [logged('loss', 3, 2), logged('loss', 4, 1)];
    await tell({ a: known('first', '1'), b: { ...known('second', '2'), ...losses[0] } });
    await tell({ c: { ...known('third', '1'), ...losses[1] }, b: logged('size', 7) });
    const colours = (selector: string) =>
      [...place.querySelectorAll(selector)].map(one => /td-line-\d/.exec(one.className)?.[0]);
    expect(place.querySelector('figure')?.textContent).toBe('loss: second 1, third 2');
    expect(colours('.td-figures .td-swatch')).toEqual(['td-line-1']);
    expect(colours('.td-compared .td-swatch')).toEqual(['td-line-0', 'td-line-1', 'td-line-2']);
    await press('Results');
    const heads = [...place.querySelectorAll<HTMLElement>('thead th[style]')].map(one => one.getAttribute('style'));
    expect(heads).toEqual([0, 1, 2].map(at => expect.stringContaining(`--td-line-${at}`)));
  });

  it('says that a run was deleted, and goes on with the others', async () => {
    await tell({ a: known('first', '1'), b: known('second', '2') });
    const error = { code: 'run_not_found', message: "there is no run 'c'", advice: '' };
    const other = { code: 'foreign', message: 'it is not signed', advice: 'Submit it again.' };
    await tell({ b: { error }, c: { error: other } });
    const notices = [...place.querySelectorAll('.td-notice')].map(one => one.textContent);
    expect(notices[0]).toBe('second was deleted, or its workspace is gone. This is what was known of it before.');
    expect(notices[1]).toBe('c: it is not signed. Submit it again.');
    expect(place.querySelector('.td-compared')?.textContent).toContain('seconddeleted');
    await tell({ a: known('renamed', '1') });
    expect(words()).toContain('renamed');
  });

  it('says that the connection is broken while a run goes on', async () => {
    await act(async () => {
      source.connection('broken');
      await vi.advanceTimersByTimeAsync(500);
    });
    expect(words()).toContain('The connection is broken');
  });

  it('shows names as the text that they are', async () => {
    await tell({ a: known('<img src=x onerror=alert(1)>', '<script>alert(2)</script>') });
    await press('Results');
    expect(place.querySelector('img, script')).toBeNull();
    expect(words()).toContain('<script>alert(2)</script>');
  });

  it('tells which runs have the same code, and where two differ', async () => {
    const tree = (id: string, sha256: string) => ({
      id,
      total: 1,
      more: false,
      entries: [{ path: 'train.py', kind: 'file', size: 4, mode: '0644', sha256, target: null }]
    });
    for (const [run, id, text] of [
      ['a', '1', 'old\n'],
      ['b', '1', 'old\n'],
      ['c', '2', 'new\n']
    ] as const) {
      source.answers.set(`/workspaces/w/runs/${run}/snapshot?`, tree(id, id));
      source.answers.set(`/workspaces/w/runs/${run}/snapshot/content`, text);
    }
    await tell({ a: known('first', '1'), b: known('second', '1'), c: known('third', '1') });
    await press('Code');
    expect(words()).toContain('2 versions of the code. The same: first, second.');
    const lines = [...place.querySelectorAll('.td-diff tr')].map(one => one.textContent);
    expect(lines).toEqual(['Line 1', '1−old', '1+new']);
  });

  it('says why there is no code to be compared', async () => {
    for (const run of ids) {
      source.answers.set(`/workspaces/w/runs/${run}/snapshot`, () => {
        throw new Error(`run ${run} was made without a snapshot`);
      });
    }
    await tell({ a: known('first', '1') });
    await press('Code');
    expect(words()).toContain('run a was made without a snapshot');
  });

  it('goes from tab to tab by arrow keys', async () => {
    const list = place.querySelector('[role=tablist]') as HTMLElement;
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowLeft']) {
      await act(() => {
        list.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      });
    }
    expect(place.querySelector('[aria-selected=true]')?.textContent).toBe('Results');
    expect(document.activeElement?.textContent).toBe('Results');
  });
});

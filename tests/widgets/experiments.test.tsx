import { nullTranslator } from '@jupyterlab/translation';
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ExperimentList } from '../../jupyter_ext/src/sidebar/experiments/experiment_list';
import { ExperimentsView } from '../../jupyter_ext/src/sidebar/experiments/experiments_view';
import { Workspaces } from '../../jupyter_ext/src/workspaces';
import { FakeSource } from './sources';

vi.mock('@jupyterlab/ui-components', async () => (await import('./lab_parts')).uiComponents());

const experiment = (name: string, runs: number, more: object = {}) => ({
  name,
  runs,
  unfinished: 0,
  newest: null,
  archived: false,
  tags: {},
  ...more
});

describe('the experiments in the sidebar', () => {
  let source: FakeSource;
  let list: ExperimentList;
  let place: HTMLElement;
  let shown: string[];
  const names = () => [...place.querySelectorAll<HTMLElement>('tr')].map(row => row.dataset.key);
  const rows = () => [...place.querySelectorAll('tr')].map(row => row.textContent);

  async function show(experiments: unknown[]): Promise<void> {
    source.answers.set('/workspaces/w/experiments', { experiments });
    list = new ExperimentList(source, new Workspaces(source, null));
    await act(async () => {
      render(
        <ExperimentsView
          list={list}
          host={{ showRuns: name => shown.push(name), menuOpening: line => shown.push(`menu of ${line.dataset.key}`) }}
          trans={nullTranslator.load('')}
        />,
        place
      );
    });
    await act(() => list.workspaces.load());
    await act(async () => {
      source.tellList({});
      await list.reload();
    });
  }

  const press = (key: string, modifiers: KeyboardEventInit = {}) =>
    act(async () => {
      document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, ...modifiers }));
    });

  beforeEach(() => {
    source = new FakeSource();
    source.answers.set('/workspaces', { workspaces: [{ id: 'w', name: 'mine', default: true, runs: 1 }] });
    place = document.createElement('div');
    document.body.append(place);
    shown = [];
  });

  afterEach(() => {
    render(null, place);
    place.remove();
  });

  it('have the one with the newest run first, or go by name, or by their runs', async () => {
    await show([
      experiment('ants', 0),
      experiment('bees', 7, { newest: '2026-01-01T00:00:00Z' }),
      experiment('cats', 2, { unfinished: 2, newest: '2026-01-02T00:00:00Z' })
    ]);
    expect(names()).toEqual(['cats', 'bees', 'ants']);
    expect(rows()[0]).toMatch(/^cats2 runsnewest .*2 unfinished$/);
    expect(rows()[2]).toBe('ants0 runsno runs');
    await act(async () => list.ask({ order: 'name' }));
    expect(names()).toEqual(['ants', 'bees', 'cats']);
    await act(async () => list.ask({ order: 'runs' }));
    expect(names()).toEqual(['bees', 'cats', 'ants']);
  });

  it('have their numbers however many there are', async () => {
    const newest = (at: number) => `2026-01-01T00:${String(Math.floor(at / 60)).padStart(2, '0')}:00Z`;
    await show(Array.from({ length: 300 }, (_, at) => experiment(`e${at}`, 1, { unfinished: 1, newest: newest(at) })));
    expect(names()[0]).toBe('e240');
    await act(async () => list.ask({ text: 'e17' }));
    expect(rows().every(text => text?.endsWith('1 unfinished'))).toBe(true);
  });

  it('have the runs of one listed, by a click or by keys', async () => {
    await show([experiment('ants', 1), experiment('bees', 2)]);
    await act(async () => place.querySelectorAll('tr')[1]?.click());
    place.querySelectorAll('tr')[1]?.focus();
    await press('ArrowUp');
    await press('Enter');
    await press('F10', { shiftKey: true });
    expect(shown).toEqual(['bees', 'ants', 'menu of ants']);
    expect(list.selected?.name).toBe('ants');
  });

  it('show 25 of those that are looked for', async () => {
    await show(Array.from({ length: 60 }, (_, at) => experiment(`bees-${at}`, 1)).concat(experiment('ants', 1)));
    expect([names().length, list.more]).toEqual([25, true]);
    await act(async () => list.turn(1));
    await act(async () => list.turn(1));
    expect([names().length, list.more]).toEqual([11, false]);
    await act(async () => list.ask({ text: 'NT' }));
    expect(names()).toEqual(['ants']);
    await act(async () => list.ask({ text: 'wasps' }));
    expect(place.textContent).toContain('No experiment is called so.');
  });

  it('are those of the page before where all of one are gone', async () => {
    const many = Array.from({ length: 26 }, (_, at) => experiment(`bees-${at}`, 1));
    await show(many);
    await act(async () => list.turn(1));
    expect([names().length, list.offset]).toEqual([1, 25]);
    source.answers.set('/workspaces/w/experiments', { experiments: many.slice(0, 25) });
    await act(() => list.reload());
    expect([names().length, list.offset, list.more]).toEqual([25, 0, false]);
  });

  it('leave out what is archived, unless it is asked for', async () => {
    await show([experiment('bees', 2)]);
    source.answers.set('/workspaces/w/experiments?archived=true', {
      experiments: [experiment('ants', 1, { archived: true })]
    });
    await act(async () => list.ask({ archived: true }));
    await act(() => list.reload());
    expect(rows()[0]).toContain('archived');
  });

  it('are there when the first run is', async () => {
    vi.useFakeTimers();
    await show([]);
    expect(place.textContent).toContain('No experiments yet.');
    source.answers.set('/workspaces/w/experiments', { experiments: [experiment('bees', 1)] });
    await act(async () => {
      source.tellList({ changes: { changed_runs: ['a'], runs: [], gone: [], reload: false } });
      await vi.advanceTimersByTimeAsync(1000);
    });
    expect(names()).toEqual(['bees']);
    vi.useRealTimers();
  });
});

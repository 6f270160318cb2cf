import { nullTranslator } from '@jupyterlab/translation';
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { firstRun, gettingRuns, submitLine } from '../../jupyter_ext/src/sidebar/runs/code';
import { path } from '../../jupyter_ext/src/sidebar/runs/curve';
import { Looks } from '../../jupyter_ext/src/sidebar/runs/looks';
import { RunList } from '../../jupyter_ext/src/sidebar/runs/run_list';
import { type IRunsHost, RunsView } from '../../jupyter_ext/src/sidebar/runs/runs_view';
import { Workspaces } from '../../jupyter_ext/src/workspaces';
import type { RunRow } from '../../widgets/src/documents';
import { RequestError } from '../../widgets/src/sources/source';
import { runRow } from './run_rows';
import { FakeSource } from './sources';

vi.mock('@jupyterlab/ui-components', async () => (await import('./lab_parts')).uiComponents());

const RUNS = '/workspaces/w/runs?';
const trans = nullTranslator.load('');

describe('the runs in the sidebar', () => {
  let source: FakeSource;
  let list: RunList;
  let looks: Looks;
  let place: HTMLElement;
  let done: string[];
  let host: IRunsHost;
  const rows = () => [...place.querySelectorAll<HTMLElement>('tr.jp-Traindock-Run')];
  const selected = () => rows().flatMap(row => (row.getAttribute('aria-selected') === 'true' ? [row.dataset.key] : []));
  const button = (name: string) =>
    [...place.querySelectorAll('button')].find(one =>
      (one.getAttribute('aria-label') ?? one.textContent ?? '').startsWith(name)
    );
  const asked = () =>
    new URLSearchParams(
      source.asked
        .filter(one => one.startsWith(RUNS))
        .pop()
        ?.split('?')[1]
    );

  async function show(found: RunRow[], more = false): Promise<void> {
    source.answers.set(RUNS, { runs: found, more });
    list = new RunList(source, new Workspaces(source, null), null);
    looks = new Looks();
    await act(async () => {
      render(<RunsView list={list} looks={looks} host={host} trans={trans} />, place);
    });
    await act(() => list.workspaces.load());
    await act(async () => {
      source.tellList({});
      await list.reload();
    });
  }

  /** Press a key where the focus is. */
  async function press(key: string, modifiers: KeyboardEventInit = {}): Promise<void> {
    await act(async () => {
      document.activeElement?.dispatchEvent(
        new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...modifiers })
      );
    });
  }

  async function click(node: Element | undefined, modifiers: MouseEventInit = {}): Promise<void> {
    await act(async () => {
      node?.dispatchEvent(new MouseEvent('click', { bubbles: true, ...modifiers }));
    });
  }

  beforeEach(() => {
    source = new FakeSource();
    source.answers.set('/workspaces', { workspaces: [{ id: 'w', name: 'mine', default: true, runs: 1 }] });
    source.answers.set('/workspaces/w/sparklines?', {
      sparklines: { a: { metric: 'val_acc', values: [0.1, 0.9], count: 2 } }
    });
    place = document.createElement('div');
    document.body.append(place);
    done = [];
    host = {
      hasNotebook: true,
      open: found => done.push(`open ${found.map(row => row.id)}`),
      remove: () => done.push('remove'),
      compare: () => done.push('compare'),
      menuOpening: line => done.push(`menu of ${line.dataset.key ?? line.getAttribute('aria-label')}`),
      submitLine: 'traindock --workspace mine submit train.py',
      insertFirstRun: () => done.push('insert')
    };
  });

  afterEach(() => {
    render(null, place);
    place.remove();
  });

  it('shows state, name, duration, what a run is of, its curve, and its best value', async () => {
    const metrics = { val_acc: { last: 0.7, min: 0.1, max: 0.9, count: 2 } };
    await show([
      runRow('a', { metrics }),
      runRow('b', { display_name: '', state: 'Failed', reason: 'out_of_memory', number: 2, children: 3 })
    ]);
    const [first, second] = rows();
    expect(first?.textContent).toBe('run a1:05Completed · bees #1val_acc 0.9');
    expect(first?.querySelector('.jp-Traindock-Curve')).not.toBeNull();
    expect(second?.textContent).toBe('bees #21:05Failed · b · 3 parts');
    expect(second?.title).toContain('Failed: out of memory');
  });

  it('names the metric beside each value where runs are of different ones', async () => {
    const value = { last: 0.5, min: 0.5, max: 0.5, count: 1 };
    await show([runRow('b', { metrics: { val_acc: value } }), runRow('c', { metrics: { loss: value } }), runRow('d')]);
    const mixed = () => place.querySelector('.jp-Traindock-Lines')?.classList.contains('jp-mod-mixed');
    expect(rows().map(row => row.querySelector('.jp-Traindock-MetricName')?.textContent)).toEqual([
      'val_acc ',
      'loss ',
      undefined
    ]);
    expect(mixed()).toBe(true);
    await act(async () => list.ask({ metric: 'loss' }));
    await act(() => list.reload());
    expect(rows().map(row => row.querySelector('.jp-Traindock-RunMetric')?.textContent)).toEqual(['', 'loss 0.5', '']);
    expect(mixed()).toBe(false);
  });

  it('shows the metric that runs are ordered by, and names it where the telling one orders them', async () => {
    const value = { last: 0.5, min: 0.5, max: 0.5, count: 1 };
    await show([
      runRow('b', { metrics: { val_acc: value } }),
      runRow('c', { metrics: { val_auc: value, val_acc: value } }),
      runRow('d', { metrics: { loss: value } })
    ]);
    const shown = () => rows().map(row => row.querySelector('.jp-Traindock-RunMetric')?.textContent);
    const first = () =>
      place.querySelector<HTMLSelectElement>('select[aria-label="Metric that is shown"]')?.options[0]?.text;
    await act(async () => looks.toggleOptions());
    expect([shown(), first()]).toEqual([['val_acc 0.5', 'val_auc 0.5', 'loss 0.5'], 'the telling one']);
    source.answers.set(RUNS, { runs: list.rows, more: false });
    await act(async () => list.ask({ order: 'metric' }));
    await act(() => list.reload());
    expect(asked().get('order')).toBe('metric:val_acc');
    expect([shown(), first()]).toEqual([['val_acc 0.5', 'val_acc 0.5', 'loss 0.5'], 'the telling one: val_acc']);
    await act(async () => list.ask({ metric: 'loss' }));
    await act(() => list.reload());
    expect(first()).toBe('the telling one');
  });

  it('shows the best value that is known of a run whose curve is of a newer metric', async () => {
    await show([runRow('a', { state: 'Running', metrics: { loss: { last: 2, min: 1, max: 3, count: 3 } } })]);
    expect(rows()[0]?.textContent).toContain('loss 1');
    expect(rows()[0]?.querySelector('.jp-Traindock-Curve')).toBeNull();
  });

  it('shows names, tags and values as the text that they are, and no more of them than can be read', async () => {
    const nasty = `<img src=x>${'n'.repeat(1_000_000)}`;
    await show([runRow('a', { display_name: nasty, experiment: nasty, tags: { [nasty]: nasty } })]);
    expect(place.querySelector('img')).toBeNull();
    expect(rows()[0]?.querySelector('.jp-Traindock-Name')?.textContent).toHaveLength(200);
    expect(place.innerHTML.length).toBeLessThan(10_000);
  });

  it('selects by clicks, opens by two, and compares and shows a menu for those who have no keyboard', async () => {
    await show(['a', 'b', 'c', 'd'].map(id => runRow(id)));
    await click(rows()[0]);
    await click(rows()[2], { shiftKey: true });
    expect(selected()).toEqual(['a', 'b', 'c']);
    await click(rows()[1], { ctrlKey: true });
    expect(selected()).toEqual(['a', 'c']);
    await click(button('Compare'));
    await click(button('Actions of the selected runs'));
    await click(button('All'));
    expect(selected()).toEqual(['a', 'b', 'c', 'd']);
    await click(button('Select none'));
    expect(selected()).toEqual([]);
    await click(button('Actions of run b'));
    rows()[3]?.dispatchEvent(new MouseEvent('dblclick', { bubbles: true }));
    expect([selected(), done]).toEqual([['b'], ['compare', 'menu of a', 'menu of b', 'open d']]);
  });

  it('keeps what is selected when the page is turned, says so, and acts on all of it', async () => {
    await show([runRow('a'), runRow('b')], true);
    await click(rows()[0]);
    source.answers.set(RUNS, { runs: [runRow('c'), runRow('d')], more: false });
    await click(button('Next'));
    await act(() => list.reload());
    expect(rows().map(row => row.dataset.key)).toEqual(['c', 'd']);
    const chip = () => button('1 selected (not shown)');
    expect([chip()?.textContent, chip()?.title]).toEqual([
      '1 selected (not shown)',
      'Selected: run a. Ctrl and a click select another one besides'
    ]);
    await click(rows()[1], { ctrlKey: true });
    expect(place.querySelector('.jp-Traindock-Selected')?.textContent).toContain('2 selected (1 not shown)');
    expect(list.selected.map(row => row.id)).toEqual(['d', 'a']);
    expect(chip()).toBeUndefined();
    await click(rows()[1], { ctrlKey: true });
    await click(rows()[0], { ctrlKey: true });
    await click(rows()[0], { ctrlKey: true });
    await click(chip());
    expect([list.selected, chip()]).toEqual([[], undefined]);
  });

  it('opens the focused run, and not one that is selected but not shown', async () => {
    await show([runRow('a')], true);
    await click(rows()[0]);
    source.answers.set(RUNS, { runs: [runRow('b')], more: false });
    await click(button('Next'));
    await act(() => list.reload());
    rows()[0]?.focus();
    await press('Enter');
    expect(done).toEqual(['open b']);
  });

  it('has the menu of what is selected also where nothing of it is shown', async () => {
    await show([runRow('a'), runRow('b')], true);
    await click(rows()[0]);
    await click(rows()[1], { ctrlKey: true });
    source.answers.set(RUNS, { runs: [runRow('c')], more: false });
    await act(async () => list.turn(1));
    await act(() => list.reload());
    const opened: (Element | null | undefined)[] = [];
    place.addEventListener('contextmenu', event =>
      opened.push((event.target as Element).closest('.jp-Traindock-HasRunMenu'))
    );
    await click(button('Actions of the selected runs'));
    expect(opened).toEqual([place.querySelector('.jp-Traindock-Selected')]);
    expect([done, list.selected.length]).toEqual([['menu of Actions of the selected runs'], 2]);
  });

  it('does all of it by keys', async () => {
    await show(['a', 'b', 'c', 'd'].map(id => runRow(id)));
    rows()[0]?.focus();
    await press('ArrowDown');
    await press('ArrowDown', { shiftKey: true });
    expect([selected(), (document.activeElement as HTMLElement).dataset.key]).toEqual([['b', 'c'], 'c']);
    await press('Enter');
    await press('F10', { shiftKey: true });
    await press('Delete');
    await press('End', { ctrlKey: true });
    await press(' ');
    expect(selected()).toEqual(['b', 'c', 'd']);
    await press('Escape');
    expect(selected()).toEqual([]);
    await press('a', { ctrlKey: true });
    expect(selected()).toEqual(['a', 'b', 'c', 'd']);
    expect(done).toEqual(['open b,c', 'menu of c', 'remove']);
  });

  it('gives the focus to the next line where the focused one goes', async () => {
    await show([runRow('a'), runRow('b')]);
    await click(rows()[0]);
    rows()[0]?.focus();
    await act(async () => {
      source.tellList({ changes: { changed_runs: [], runs: [], gone: ['a'], reload: false } });
    });
    expect((document.activeElement as HTMLElement).dataset.key).toBe('b');
  });

  it('opens and closes groups by keys, and tells which are open', async () => {
    source.answers.set('/workspaces/w/run-groups?', {
      groups: [{ value: 'bees', runs: 30, unfinished: 2, newest: null }],
      more: false
    });
    await show([runRow('a'), runRow('b')], true);
    await act(async () => {
      list.ask({ group: 'experiment' });
    });
    await act(() => list.reload());
    const group = () => place.querySelector<HTMLElement>('.jp-Traindock-Group');
    expect([group()?.textContent, group()?.getAttribute('aria-expanded')]).toEqual(['bees30 · 2 unfinished', 'false']);
    group()?.focus();
    await press('ArrowRight');
    await act(() => list.reload());
    expect([group()?.getAttribute('aria-expanded'), rows().length]).toEqual(['true', 2]);
    expect(place.querySelector('.jp-Traindock-Rest')?.textContent).toBe('Show all 30');
    await press('ArrowDown');
    await press('ArrowLeft');
    await press('ArrowLeft');
    expect([document.activeElement === group(), group()?.getAttribute('aria-expanded')]).toEqual([true, 'false']);
  });

  it('calls the groups of parts as their parents are called, and by ids where these are gone', async () => {
    const numbers = { runs: 2, unfinished: 0, newest: null };
    source.answers.set('/workspaces/w/run-groups?', {
      groups: [
        { value: 'bees_1', name: 'wide sweep', ...numbers },
        { value: 'bees_2', name: null, ...numbers },
        { value: null, name: null, ...numbers }
      ],
      more: false
    });
    await show([runRow('a')], true);
    await act(async () => list.ask({ group: 'parent' }));
    await act(() => list.reload());
    const names = [...place.querySelectorAll<HTMLElement>('.jp-Traindock-Group > .jp-Traindock-RunName')];
    expect(names.map(name => name.textContent)).toEqual([
      'parts of wide sweep',
      'parts of bees_2',
      'part of no other run'
    ]);
    expect(names.map(name => name.title)).toEqual([
      'parts of wide sweep\nbees_1',
      'parts of bees_2',
      'part of no other run'
    ]);
    const [sweep] = list.lines.flatMap(line => (line.kind === 'group' ? [line.group] : []));
    await act(async () => list.enter(sweep as never));
    expect(place.querySelector('.jp-Traindock-Chip')?.textContent).toContain('parts of wide sweep');
  });

  it('says by what runs are left out while the fields that say so are not shown', async () => {
    await show([runRow('a')]);
    const told = () => place.querySelector('.jp-Traindock-Filtered [role=status]')?.textContent;
    expect(told()).toBeUndefined();
    await act(async () => list.ask({ state: 'Failed', tag: 'stage=best' }));
    expect(told()).toBe('Only: Failed, stage=best');
    await act(async () => looks.toggleOptions());
    expect(told()).toBeUndefined();
    await act(async () => looks.toggleOptions());
    await click(place.querySelector('.jp-Traindock-Filtered button') ?? undefined);
    expect([list.query.state, list.query.tag, told()]).toEqual(['', '', undefined]);
  });

  it('looks for what is typed, and shows all again', async () => {
    await show([]);
    source.answers.set(RUNS, { runs: [], more: false });
    await act(async () => {
      list.ask({ text: 'x', state: 'ended', tag: 'lr=1' });
      looks.toggleOptions();
    });
    await act(() => list.reload());
    expect([asked().get('text'), place.querySelector('[role=status]')]).toEqual(['x', expect.anything()]);
    expect(place.textContent).toContain('No run is like this: “x”, ended, lr=1');
    expect([...place.querySelectorAll('select')].map(one => one.getAttribute('aria-label'))).toContain('Group by');
    await click(button('Show all runs'));
    expect(asked().get('text')).toBeNull();
  });

  it('teaches the first step where there are no runs', async () => {
    await show([]);
    expect(place.textContent).toContain('No runs yet.');
    expect(place.querySelector('code')?.textContent).toBe(host.submitLine);
    await click(button('Insert the cell'));
    expect(done).toEqual(['insert']);
  });

  it('says above the list why no run goes on, and what to do, until they do', async () => {
    const trouble = { message: 'no run of w goes on', advice: 'Its log says why.' };
    const notice = () => place.querySelector('.jp-Traindock-Notice[role=status]')?.textContent;
    await show([runRow('a', { state: 'Queued' })]);
    expect(notice()).toBeUndefined();
    source.answers.set(RUNS, { runs: [runRow('a', { state: 'Queued' })], more: false, trouble });
    await act(() => list.reload());
    expect(notice()).toBe('No run of w goes on. Its log says why.');
    expect(place.querySelector('.jp-Traindock-Notice')?.compareDocumentPosition(rows()[0] as Node)).toBe(
      Node.DOCUMENT_POSITION_FOLLOWING
    );
    await act(async () => source.tellList({ trouble: null }));
    expect(notice()).toBeUndefined();
    await act(async () => source.tellList({ trouble }));
    expect(notice()).toContain('No run of w goes on');
    source.answers.set('/workspaces/w/run-groups?', { groups: [], more: false, trouble: null });
    await act(async () => list.ask({ group: 'experiment' }));
    await act(() => list.reload());
    expect(notice()).toBeUndefined();
  });

  it('says that the connection is broken, and why runs cannot be told', async () => {
    await show([runRow('a')]);
    await act(async () => source.connection('broken'));
    source.answers.set(RUNS, () => {
      throw new RequestError('unreachable', 'The Jupyter server does not answer.', 'Is it still running?');
    });
    await act(() => list.reload());
    expect(place.textContent).toContain('The connection is broken');
    expect(place.querySelector('[role=alert]')).toBeNull();
    await act(async () => source.tellList({ error: { code: 'x', message: 'The disk is full', advice: 'Make room.' } }));
    expect(place.querySelector('[role=alert]')?.textContent).toContain('The disk is full. Make room.');
    expect(rows()).toHaveLength(1);
  });
});

describe('a curve in a line', () => {
  it('goes from low to high, with gaps where there is no number', () => {
    expect(path([0, 1])).toBe('M1.0 15.0L55.0 1.0');
    expect(path([0, Number.NaN, 1])).toBe('M1.0 15.0h0M55.0 1.0h0');
    expect(path([3])).toBe('M28.0 8.0h0');
    expect(path([])).toBe('');
  });
});

describe('code for a cell', () => {
  it('gets one run, or several', () => {
    expect(gettingRuns('mine', ['a'])).toBe(
      'from traindock import Run, Workspace\n\nrun = Run.get(Workspace.get("mine"), "a")\nrun'
    );
    expect(gettingRuns('mine', ['a', 'b'])).toContain(
      'runs = [\n    Run.get(workspace, "a"),\n    Run.get(workspace, "b"),\n]'
    );
  });

  it('submits a script in a terminal to the workspace that is looked at, not to the default one', () => {
    expect(submitLine('vision-2')).toBe('traindock --workspace vision-2 submit train.py');
  });

  it('submits a first run to the workspace that is looked at', () => {
    expect(firstRun('my "$&" one')).toContain('Workspace.get("my \\"$&\\" one")');
  });
});

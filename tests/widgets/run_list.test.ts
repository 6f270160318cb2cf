import type { IStateDB } from '@jupyterlab/statedb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunList } from '../../jupyter_ext/src/sidebar/runs/run_list';
import { Workspaces } from '../../jupyter_ext/src/workspaces';
import type { RunRow } from '../../widgets/src/documents';
import { type Disposer, RequestError } from '../../widgets/src/sources/source';
import { runRow } from './run_rows';
import { FakeSource } from './sources';

const RUNS = '/workspaces/w/runs?';
const GROUPS = '/workspaces/w/run-groups?';
const CURVES = '/workspaces/w/sparklines?';
const METRICS = { val_acc: { last: 0.7, min: 0.1, max: 0.9, count: 3 }, loss: { last: 1, min: 1, max: 2, count: 3 } };

describe('the list of runs', () => {
  let source: FakeSource;
  let list: RunList;
  let stop: Disposer;
  const ids = () => list.rows.map(row => row.id);
  const keys = () => list.lines.map(line => line.key);
  const asked = (path: string) => source.asked.filter(one => one.startsWith(path));
  const last = (path: string) => new URLSearchParams(asked(path).pop()?.split('?')[1]);

  /** Let all that is asked for be answered. */
  const settle = () => vi.advanceTimersByTimeAsync(0);

  async function show(rows: RunRow[], more = false, state: IStateDB | null = null): Promise<void> {
    source.answers.set(RUNS, { runs: rows, more });
    const workspaces = new Workspaces(source, null);
    list = new RunList(source, workspaces, state);
    stop = list.observe(() => undefined);
    await settle();
    source.tellList({});
    await settle();
  }

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('document', { hidden: false });
    source = new FakeSource();
    source.answers.set('/workspaces', {
      workspaces: [
        { id: 'w', name: 'mine', default: true, runs: 1 },
        { id: 'v', name: 'other', default: false, runs: 0 }
      ]
    });
    source.answers.set(CURVES, { sparklines: {} });
    source.answers.set('/workspaces/v/runs?', { runs: [runRow('z')], more: false });
  });

  afterEach(() => {
    stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('is of the workspace that is looked at, and of another one once that is', async () => {
    await show([runRow('a')]);
    list.ask({ text: 'a' });
    await settle();
    expect(ids()).toEqual(['a']);
    list.workspaces.choose('v');
    source.tellList({});
    await settle();
    expect([ids(), list.workspace, list.query.text]).toEqual([['z'], 'v', '']);
  });

  it('looks for what was typed before it was known which workspace that is', async () => {
    source.answers.set(RUNS, { runs: [], more: false });
    list = new RunList(source, new Workspaces(source, null), null);
    stop = list.observe(() => undefined);
    list.ask({ text: 'bee' });
    await settle();
    source.tellList({});
    await settle();
    expect(last(RUNS).get('text')).toBe('bee');
  });

  it('has the server look for a text, a state, a tag and an experiment', async () => {
    await show([runRow('a')]);
    list.ask({
      text: ' bee ',
      state: 'unfinished',
      tag: 'stage=tuning',
      within: [{ by: 'experiment', value: 'ants' }]
    });
    await settle();
    expect(Object.fromEntries(last(RUNS))).toMatchObject({
      text: 'bee',
      state: 'unfinished',
      tag: 'stage=tuning',
      experiment: 'ants',
      order: 'created',
      descending: 'true',
      offset: '0'
    });
  });

  it('has the server sort: names begin with the first, durations with the longest, metrics with the best', async () => {
    await show([runRow('a', { metrics: METRICS })]);
    const order = async (change: object): Promise<(string | null)[]> => {
      list.ask(change);
      await settle();
      return ['order', 'descending', 'statistic'].map(name => last(RUNS).get(name));
    };
    expect(await order({ order: 'name' })).toEqual(['name', 'false', null]);
    expect(await order({ order: 'duration' })).toEqual(['duration', 'true', null]);
    expect(await order({ order: 'duration', reversed: true })).toEqual(['duration', 'false', null]);
    expect(await order({ order: 'metric', reversed: false })).toEqual(['metric:val_acc', 'true', 'max']);
    expect(await order({ metric: 'loss' })).toEqual(['metric:loss', 'false', 'min']);
    expect(await order({ metric: 'duration' })).toEqual(['metric:duration', 'true', 'last']);
  });

  it('is ordered by the telling metric at once where that order was kept and no metric is known yet', async () => {
    const state = { fetch: async () => ({ order: 'metric', reversed: false, group: '' }), save: async () => undefined };
    await show([runRow('a', { metrics: METRICS })], false, state as unknown as IStateDB);
    expect(asked(RUNS)).toHaveLength(2);
    expect(last(RUNS).get('order')).toBe('metric:val_acc');
    expect(ids()).toEqual(['a']);
  });

  it('asks for the curves of runs: of those that go on again and again, of the others once', async () => {
    await show([runRow('a', { metrics: METRICS }), runRow('b', { state: 'Running', metrics: METRICS }), runRow('c')]);
    expect(last(CURVES).getAll('run')).toEqual(['a', 'b']);
    await vi.advanceTimersByTimeAsync(7000);
    expect(asked(CURVES)).toHaveLength(2);
    expect(last(CURVES).getAll('run')).toEqual(['b']);
    list.ask({ metric: 'loss' });
    await settle();
    expect([last(CURVES).getAll('run'), last(CURVES).get('metric')]).toEqual([['a', 'b'], 'loss']);
  });

  it('shows at once what changes about a run, and that one is gone', async () => {
    await show([runRow('a', { state: 'Running' }), runRow('b')]);
    source.tellList({ changes: { changed_runs: ['a'], runs: [runRow('a')], gone: ['b'], reload: false } });
    expect(list.rows.map(row => [row.id, row.state])).toEqual([['a', 'Completed']]);
    const before = asked(RUNS).length;
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked(RUNS)).toHaveLength(before + 1);
  });

  it('asks for nothing while nobody looks, and at once when somebody does again', async () => {
    await show([runRow('a', { state: 'Running' })]);
    stop();
    const before = source.asked.length;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(source.asked.length).toBe(before);
    stop = list.observe(() => undefined);
    await settle();
    source.tellList({});
    await settle();
    expect(asked(RUNS).length).toBe(2);
  });

  it('turns pages, and never has more than one in sight', async () => {
    await show([runRow('a')], true);
    list.turn(1);
    await settle();
    expect([last(RUNS).get('offset'), last(RUNS).get('limit')]).toEqual(['50', '50']);
    list.ask({ text: 'b' });
    await settle();
    expect(last(RUNS).get('offset')).toBe('0');
  });

  it('shows the page before where all runs or groups of one are gone', async () => {
    await show([runRow('a')], true);
    source.answers.set(RUNS, (path: string) =>
      path.includes('offset=0') ? { runs: [runRow('a')], more: false } : { runs: [], more: false }
    );
    list.turn(1);
    await settle();
    expect([list.offset, ids()]).toEqual([0, ['a']]);
    const group = { value: 'bees', runs: 1, unfinished: 0, newest: null };
    source.answers.set(GROUPS, (path: string) => ({ groups: path.includes('offset=0') ? [group] : [], more: false }));
    list.ask({ group: 'experiment' });
    await settle();
    list.turn(1);
    await settle();
    expect([list.offset, keys()]).toEqual([0, [' =bees']]);
  });

  it('keeps the rows of selected runs that are not shown up to date, and none that is gone', async () => {
    const hidden = () => list.chosen.hidden.map(row => `${row.id} ${row.state}`);
    await show([runRow('a', { state: 'Running' }), runRow('b'), runRow('c', { state: 'Queued' })], true);
    list.select(one => one.all());
    source.answers.set(RUNS, { runs: [runRow('d')], more: false });
    list.ask({ text: 'd' });
    await settle();
    expect(hidden()).toEqual(['a Running', 'b Completed', 'c Queued']);
    source.tellList({ changes: { changed_runs: ['a', 'b'], runs: [runRow('a')], gone: ['b'], reload: false } });
    expect(hidden()).toEqual(['a Completed', 'c Queued']);
    source.answers.set('/workspaces/w/runs/a', () => {
      throw new RequestError('run_not_found', 'There is no run a.');
    });
    source.answers.set('/workspaces/w/runs/c', runRow('c', { state: 'Running' }));
    source.tellList({ changes: { changed_runs: [], runs: [], gone: [], reload: true } });
    await settle();
    expect(hidden()).toEqual(['c Running']);
    list.workspaces.choose('v');
    await settle();
    expect(list.selected).toEqual([]);
  });

  it('shows groups with their numbers, and the runs of those that are open', async () => {
    source.answers.set(GROUPS, {
      groups: [
        { value: 'tuning', runs: 30, unfinished: 1, newest: null },
        { value: null, runs: 2, unfinished: 0, newest: null }
      ],
      more: false
    });
    await show([runRow('a')], true);
    list.ask({ group: 'tag:stage', text: 'bee' });
    await settle();
    expect([keys(), last(GROUPS).get('by'), last(GROUPS).get('text')]).toEqual([
      [' =tuning', ' none'],
      'tag:stage',
      'bee'
    ]);
    const [tuning, without] = list.lines.flatMap(line => (line.kind === 'group' ? [line.group] : []));
    list.toggle(tuning as never, true);
    expect(keys()).toEqual([' =tuning', ' =tuning …', ' none']);
    await settle();
    expect(keys()).toEqual([' =tuning', 'a', ' =tuning …', ' none']);
    expect([last(RUNS).getAll('tag'), last(RUNS).get('limit')]).toEqual([['stage=tuning'], '15']);
    list.toggle(without as never, true);
    await settle();
    expect(last(RUNS).get('without_tag')).toBe('stage');
    list.toggle(tuning as never, false);
    expect(keys()[1]).toBe(' none');
  });

  it('has at most five groups open, whose runs are all a step away', async () => {
    const groups = Array.from({ length: 8 }, (_, at) => ({
      value: `e${at}`,
      name: null,
      runs: 30,
      unfinished: 0,
      newest: null
    }));
    source.answers.set(GROUPS, { groups, more: false });
    await show([], true);
    list.ask({ group: 'experiment' });
    await settle();
    for (const group of groups) {
      list.toggle(group, true);
    }
    await settle();
    const open = list.lines.flatMap(line => (line.kind === 'group' && line.open ? [line.group.value] : []));
    expect(open).toEqual(['e3', 'e4', 'e5', 'e6', 'e7']);
    list.enter(groups[3] as never);
    await settle();
    expect([list.query.group, last(RUNS).get('experiment')]).toEqual(['', 'e3']);
  });

  it('says why there is nothing to be told, and goes on when it is asked again', async () => {
    await show([runRow('a')]);
    source.answers.set(RUNS, () => {
      throw new RequestError('unreachable', 'The Jupyter server does not answer.', 'Is it still running?');
    });
    await list.reload();
    expect([list.error?.code, ids()]).toEqual(['unreachable', ['a']]);
    source.answers.set(RUNS, { runs: [runRow('b')], more: false });
    await list.reload();
    expect([list.error, ids()]).toEqual([null, ['b']]);
  });

  it('keeps the order and the groups for pages that are opened later', async () => {
    const values: Record<string, unknown> = {};
    const state = {
      fetch: async (key: string) => values[key],
      save: async (key: string, value: unknown) => {
        values[key] = value;
      }
    } as unknown as IStateDB;
    source.answers.set(GROUPS, { groups: [], more: false });
    await show([], false, state);
    list.ask({ order: 'name', reversed: true, group: 'experiment', text: 'bee' });
    stop();
    await show([], false, state);
    expect(list.query).toMatchObject({ order: 'name', reversed: true, group: 'experiment', text: '' });
  });
});

import { nullTranslator } from '@jupyterlab/translation';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ActiveRun, Activity } from '../../jupyter_ext/src/activity/activity';
import { claim, forget, type IShared } from '../../jupyter_ext/src/activity/claims';
import { endingOf, looksOf, SHOWN_FOR } from '../../jupyter_ext/src/activity/endings';
import { Workspaces } from '../../jupyter_ext/src/workspaces';
import type { RunRow } from '../../widgets/src/documents';
import { RequestError } from '../../widgets/src/sources/source';
import { FakeSource } from './sources';

const W = '0123456789abcdef0123456789abcdef';

function run(id: string, state: RunRow['state'], more: Partial<ActiveRun> = {}): ActiveRun {
  return {
    id,
    experiment: 'ants',
    number: 1,
    display_name: '',
    type: 'traindock.scriptrun',
    state,
    reason: null,
    detail: '',
    compute_target: 'local',
    user: 'ann',
    created: `2026-01-01T00:00:0${id.length}Z`,
    started: state === 'Running' ? '2026-01-01T00:00:09Z' : null,
    ended: null,
    seconds: null,
    tags: {},
    metrics: {},
    workspace: W,
    parent: null,
    signed: true,
    ...more
  };
}

const settle = () => new Promise(resolve => setTimeout(resolve));

afterEach(() => {
  vi.useRealTimers();
});

describe('runs of a workspace that is gone for a moment', () => {
  it('are asked for once it is there again', async () => {
    const source = new FakeSource();
    source.answers.set('/workspaces', { workspaces: [{ id: W, name: 'mine', default: true, runs: 2 }] });
    const activity = new Activity(source, new Workspaces(source, null));
    const stop = activity.observe(() => undefined);
    await settle();
    source.tellList({ error: { code: 'workspace_not_found', message: '', advice: '' } });
    await settle();
    source.answers.set(`/workspaces/${W}/runs`, { runs: [run('a', 'Running')] });
    source.tellList({ cursor: '1' });
    await settle();
    expect(activity.runs.map(one => one.id)).toEqual(['a']);
    stop();
  });
});

describe('runs of a server that refuses to tell them at first', () => {
  const busy = () => {
    throw new RequestError('index_busy', 'other programs use the index');
  };

  it('are there as soon as it tells them, and those that come and end until then are told of', async () => {
    vi.useFakeTimers();
    const source = new FakeSource();
    source.answers.set('/workspaces', { workspaces: [{ id: W, name: 'mine', default: true, runs: 2 }] });
    source.answers.set(`/workspaces/${W}/runs`, busy);
    source.answers.set(`/workspaces/${W}/runs?limit=1`, { runs: [run('aa', 'Completed')] });
    const activity = new Activity(source, new Workspaces(source, null));
    const ended: string[] = [];
    activity.onEnded(one => ended.push(one.id));
    const stop = activity.observe(() => undefined);
    await vi.advanceTimersByTimeAsync(0);
    source.tellList({});
    await vi.advanceTimersByTimeAsync(0);
    source.tellList({ changes: { changed_runs: [], runs: [run('aaa', 'Failed')], gone: [], reload: false } });
    expect([activity.runs, ended]).toEqual([[], ['aaa']]);
    await vi.advanceTimersByTimeAsync(999);
    source.answers.set(`/workspaces/${W}/runs?state`, { runs: [run('a', 'Running')] });
    await vi.advanceTimersByTimeAsync(1);
    expect(activity.runs.map(one => one.id)).toEqual(['a']);
    stop();
  });

  it('are asked for after pauses that grow, at once when the connection is back, and no more when nobody looks', async () => {
    vi.useFakeTimers();
    const source = new FakeSource();
    source.answers.set('/workspaces', { workspaces: [{ id: W, name: 'mine', default: true, runs: 2 }] });
    source.answers.set(`/workspaces/${W}/runs`, busy);
    const activity = new Activity(source, new Workspaces(source, null));
    const stop = activity.observe(() => undefined);
    const asked = () => source.asked.filter(path => path.includes('/runs')).length;
    await vi.advanceTimersByTimeAsync(0);
    source.tellList({});
    await vi.advanceTimersByTimeAsync(1000 + 2000 + 4000);
    expect(asked()).toBe(4);
    await vi.advanceTimersByTimeAsync(7000);
    expect(asked()).toBe(4);
    source.connection('connected');
    await vi.advanceTimersByTimeAsync(0);
    expect(asked()).toBe(5);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(asked()).toBeGreaterThan(12); // the longest pause is a minute
    const before = asked();
    stop();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(asked()).toBe(before);
  });
});

describe('runs that have not ended', () => {
  let source: FakeSource;
  let activity: Activity;
  let ended: string[];
  let stop: () => void;
  const tell = async (...runs: ActiveRun[]) => {
    source.tellList({ changes: { changed_runs: runs.map(one => one.id), runs, gone: [], reload: false } });
    await settle();
  };
  const ids = () => activity.runs.map(one => one.id);

  beforeEach(async () => {
    source = new FakeSource();
    source.answers.set('/workspaces', { workspaces: [{ id: W, name: 'mine', default: true, runs: 2 }] });
    source.answers.set(`/workspaces/${W}/runs`, (path: string) => ({
      runs: path.includes('unfinished') ? [run('aa', 'Running'), run('a', 'Queued')] : [run('aaa', 'Completed')]
    }));
    activity = new Activity(source, new Workspaces(source, null));
    ended = [];
    activity.onEnded(one => ended.push(`${one.id} ${one.state}`));
    stop = activity.observe(() => undefined);
    await settle();
    source.tellList({});
    await settle();
  });

  it('are those that there were, and those that came since', async () => {
    expect(ids()).toEqual(['aa', 'a']);
    expect(activity.counts(W)).toEqual({ running: 1, waiting: 1 });
    await tell(run('aaaa', 'Preparing'));
    expect(ids()).toEqual(['aaaa', 'aa', 'a']);
    expect(ended).toEqual([]);
    stop();
    await tell(run('aaaaa', 'Preparing'));
    expect(ids()).toEqual([]);
  });

  it('are told of when they end, once', async () => {
    await tell(run('aa', 'Completed'));
    await tell(run('aa', 'Completed', { tags: { good: '' } }));
    expect([ids(), ended]).toEqual([['a'], ['aa Completed']]);
  });

  it('end once: an answer that was on its way when one ended brings it back no more', async () => {
    await tell(run('aa', 'Completed', { started: '2026-01-01T00:00:09Z' }));
    await tell(run('aa', 'Running'));
    expect([ids(), ended]).toEqual([['a'], ['aa Completed']]);
  });

  it('are those at work, too, where more wait than are asked for', async () => {
    source.answers.set(`/workspaces/${W}/runs`, (path: string) => ({
      runs: path.includes('state=Running')
        ? [run('aa', 'Running')]
        : path.includes('unfinished')
          ? [run('a', 'Queued')]
          : []
    }));
    source.tellList({ changes: { changed_runs: [], runs: [], gone: [], reload: true } });
    await settle();
    expect(ids().sort()).toEqual(['a', 'aa']);
  });

  it('are counted by the server where there are more than are asked for, while they get fewer', async () => {
    vi.useFakeTimers();
    const unfinished = (waiting: number, more: boolean) => {
      source.answers.set(`/workspaces/${W}/runs`, (path: string) => ({
        runs: path.includes('unfinished') || path.includes('state=Running') ? [run('aa', 'Running')] : [],
        more: more && path.includes('unfinished')
      }));
      source.answers.set(`/workspaces/${W}/run-groups?by=state&state=unfinished`, {
        groups: [
          { value: 'Queued', runs: waiting - 1 },
          { value: 'Preparing', runs: 1 },
          { value: 'Running', runs: 1 },
          { value: 'CancelRequested', runs: 1 }
        ],
        more: false
      });
    };
    const change = async (reload: boolean) => {
      source.tellList({ changes: { changed_runs: ['a'], runs: [run('a', 'Completed')], gone: [], reload } });
      await vi.advanceTimersByTimeAsync(1000);
    };
    unfinished(998, true);
    await change(true);
    expect(activity.counts(W)).toEqual({ running: 2, waiting: 998 });
    unfinished(990, true);
    await change(false);
    expect(activity.counts(W)).toEqual({ running: 2, waiting: 990 });
    unfinished(150, false);
    await change(false);
    expect([activity.counts(W), ids()]).toEqual([{ running: 1, waiting: 0 }, ['aa']]);
    const before = source.asked.length;
    await change(false);
    expect(source.asked).toHaveLength(before);
  });

  it('are told of where they began and ended since, but not where an old one is tagged', async () => {
    await tell(run('aaaa', 'Failed'), run('aaa', 'Completed'), run('x', 'Canceled'));
    await tell(run('aaaa', 'Failed'));
    expect(ended).toEqual(['aaaa Failed']);
  });

  it('have no part of another one among them', async () => {
    await tell(run('aaaa', 'Running', { parent: 'a' }), run('aaaaa', 'Completed', { parent: 'a' }));
    expect([ids(), ended]).toEqual([['aa', 'a'], []]);
  });

  it('are gone when they are deleted, which is no end', async () => {
    source.tellList({ changes: { changed_runs: ['a'], runs: [], gone: ['a'], reload: false } });
    await settle();
    expect([ids(), ended]).toEqual([['aa'], []]);
  });

  it('are asked for where too much has changed to be told', async () => {
    source.answers.set(`/workspaces/${W}/runs`, { runs: [run('a', 'Running')] });
    source.answers.set(`/workspaces/${W}/runs/aa`, run('aa', 'Canceled'));
    source.tellList({ changes: { changed_runs: [], runs: [], gone: [], reload: true } });
    await settle();
    expect([ids(), ended]).toEqual([['a'], ['aa Canceled']]);
  });

  const reload = () => source.tellList({ changes: { changed_runs: [], runs: [], gone: [], reload: true } });

  it('are asked for again where that is refused', async () => {
    vi.useFakeTimers();
    source.answers.set(`/workspaces/${W}/runs`, () => {
      throw new RequestError('index_busy', 'other programs use the index');
    });
    reload();
    await vi.advanceTimersByTimeAsync(0);
    expect([ids(), ended]).toEqual([['aa', 'a'], []]);
    source.answers.set(`/workspaces/${W}/runs`, { runs: [run('a', 'Running')] });
    source.answers.set(`/workspaces/${W}/runs/aa`, run('aa', 'Canceled'));
    await vi.advanceTimersByTimeAsync(1000);
    expect([ids(), ended]).toEqual([['a'], ['aa Canceled']]);
  });

  it('are kept while what became of one cannot be told, and gone where it is no more', async () => {
    vi.useFakeTimers();
    const refuse = (code: string) => () => {
      throw new RequestError(code, '');
    };
    source.answers.set(`/workspaces/${W}/runs`, { runs: [] });
    source.answers.set(`/workspaces/${W}/runs/a`, refuse('run_not_found'));
    source.answers.set(`/workspaces/${W}/runs/aa`, refuse('unreachable'));
    reload();
    await vi.advanceTimersByTimeAsync(0);
    expect([ids(), ended]).toEqual([['aa'], []]);
    source.answers.set(`/workspaces/${W}/runs/aa`, run('aa', 'Canceled'));
    await vi.advanceTimersByTimeAsync(1000);
    expect([ids(), ended]).toEqual([[], ['aa Canceled']]);
  });

  it('are told of when one of many ended where too much has changed to be told, but not when many did', async () => {
    const many = Array.from({ length: 30 }, (_, at) => run(`b${at}`, 'Queued'));
    await tell(...many);
    const answer = (runs: ActiveRun[]) => {
      source.answers.set(`/workspaces/${W}/runs`, { runs });
      for (const { id } of many) {
        source.answers.set(`/workspaces/${W}/runs/${id}`, run(id, 'Canceled'));
      }
    };
    source.answers.set(`/workspaces/${W}/runs/aa`, run('aa', 'Canceled'));
    answer([run('a', 'Running'), ...many]);
    reload();
    await settle();
    expect([ids().length, ended]).toEqual([31, ['aa Canceled']]);
    answer([run('a', 'Running')]);
    reload();
    await settle();
    expect([ids(), ended]).toEqual([['a'], ['aa Canceled']]);
  });
});

describe('the end of a run', () => {
  const trans = nullTranslator.load('');
  const statistics = { last: 0.9, min: 0.1, max: 0.95, count: 3 };

  it('is told in a line, with the metric that tells most', () => {
    const done = run('a', 'Completed', {
      display_name: 'larger batches',
      seconds: 200,
      metrics: { loss: statistics, val_accuracy: statistics }
    });
    expect(Object.values(SHOWN_FOR).every(Number.isFinite)).toBe(true); // then it leaves the page's corner by itself
    expect(endingOf(done, trans)).toBe('Completed: larger batches · after 3:20 · val_accuracy 0.95');
    expect(looksOf(done)).toBe('success');
    expect([looksOf(run('a', 'Failed')), looksOf(run('a', 'Canceled'))]).toEqual(['error', 'warning']);
  });

  it('says why a run failed', () => {
    const detail = 'the script ended with exit code 1: NameError: x';
    const failed = run('a', 'Failed', { display_name: 'typo', seconds: 4.7, reason: 'exited_nonzero', detail });
    expect(endingOf(failed, trans)).toBe(`Failed: typo · ${detail} · after 4.7 s`);
    expect(endingOf({ ...failed, detail: '' }, trans)).toBe('Failed: typo · exited nonzero · after 4.7 s');
    expect(endingOf({ ...failed, detail: 'why '.repeat(1000) }, trans).length).toBeLessThan(140);
  });

  it('is short enough for JupyterLab, however long its name is', () => {
    const done = run('a', 'Completed', {
      display_name: 'n'.repeat(1_000_000),
      seconds: 1e6,
      metrics: { ['val_accuracy'.repeat(50)]: statistics }
    });
    expect(endingOf(done, trans).length).toBeLessThan(140);
  });
});

describe('what one of several tabs is to do', () => {
  const storage = () => {
    const values = new Map<string, string>();
    const shared: IShared = {
      getItem: key => values.get(key) ?? null,
      setItem: (key, value) => void values.set(key, value),
      removeItem: key => void values.delete(key),
      key: at => [...values.keys()][at] ?? null,
      get length() {
        return values.size;
      }
    };
    return { shared, values };
  };

  it('is done by one of them, whoever that is', async () => {
    for (let round = 0; round < 5; round++) {
      const { shared } = storage();
      const all = await Promise.all(Array.from({ length: 8 }, () => claim('a', shared, true)));
      expect(all.filter(Boolean)).toHaveLength(1);
    }
  });

  it('is done by the one that is seen', async () => {
    const { shared } = storage();
    expect(await Promise.all([claim('a', shared, false), claim('a', shared, true)])).toEqual([false, true]);
    expect(await claim('b', shared, false)).toBe(true);
  });

  it('is done by each where they share nothing', async () => {
    expect(await claim('a', null, true)).toBe(true);
    const { shared } = storage();
    shared.setItem = () => {
      throw new Error('full');
    };
    expect(await claim('a', shared, true)).toBe(true);
  });

  it('is forgotten after a day', async () => {
    const { shared, values } = storage();
    values.set('of somebody else', '');
    await claim('a', shared, true);
    forget(shared);
    expect(values.size).toBe(2);
    forget(shared, Date.now() + 2 * 24 * 3600 * 1000);
    expect([...values.keys()]).toEqual(['of somebody else']);
    forget(null);
  });
});

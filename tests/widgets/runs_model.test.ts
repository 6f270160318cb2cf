import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunRow } from '../../widgets/src/documents';
import { RunsModel } from '../../widgets/src/model/runs_model';
import { RequestError } from '../../widgets/src/sources/source';
import { FakeSource } from './sources';

const PATH = '/workspaces/w/runs?experiment=bees';
const FIRST = `${PATH}&order=created&limit=20&offset=0`;

function row(id: string, more: Partial<RunRow> = {}): RunRow {
  return { id, state: 'Completed', metrics: {}, tags: {}, display_name: '', ...more } as RunRow;
}

function changes(more: object) {
  return { changes: { changed_runs: [], runs: [], gone: [], reload: false, ...more } };
}

describe('a list of runs', () => {
  let source: FakeSource;
  let model: RunsModel;
  let stop: () => void;
  const ids = () => model.rows?.map(one => one.id);
  const settled = () => vi.advanceTimersByTimeAsync(0);

  beforeEach(() => {
    vi.useFakeTimers();
    source = new FakeSource();
    source.answers.set(PATH, { runs: [row('a'), row('b')], more: true });
    model = new RunsModel(source, { workspace: 'w', experiment: 'bees' });
    stop = model.observe(() => undefined);
  });

  afterEach(() => {
    stop();
    vi.useRealTimers();
  });

  it('asks for the first page when it is sure to hear of all that changes from then on', async () => {
    await settled();
    expect(source.asked).toEqual([]);
    source.tellList({ cursor: 'w1.0' });
    await settled();
    expect(source.asked).toEqual([FIRST]);
    expect([ids(), model.more]).toEqual([['a', 'b'], true]);
  });

  it('takes a page that a kernel tells, and asks for none', async () => {
    source.tellList({ page: { path: FIRST, answer: { runs: [row('x')], more: false } } });
    await settled();
    expect([ids(), source.asked]).toEqual([['x'], []]);
  });

  it('asks itself where a kernel tells of another page than is looked at', async () => {
    source.tellList({ page: { path: `${PATH}&offset=20`, answer: { runs: [row('x')], more: false } } });
    await settled();
    expect(ids()).toEqual(['a', 'b']);
  });

  it('shows at once what changes of the runs in sight, and has the server say soon which belong there', async () => {
    source.tellList({});
    await settled();
    source.tellList(changes({ changed_runs: ['b', 'c'], runs: [row('b', { state: 'Failed' }), row('c')] }));
    expect(model.rows?.map(one => [one.id, one.state])).toEqual([
      ['a', 'Completed'],
      ['b', 'Failed']
    ]);
    source.answers.set(PATH, { runs: [row('c'), row('a')], more: true });
    await vi.advanceTimersByTimeAsync(1000);
    expect(ids()).toEqual(['c', 'a']);
  });

  it('asks once for many changes', async () => {
    source.tellList({});
    await settled();
    for (let at = 0; at < 50; at++) {
      source.tellList(changes({ changed_runs: [`${at}`] }));
    }
    await vi.advanceTimersByTimeAsync(3000);
    expect(source.asked).toHaveLength(2);
  });

  it('has no deleted run any more', async () => {
    source.tellList({});
    await settled();
    source.tellList(changes({ changed_runs: ['a'], gone: ['a'] }));
    expect(ids()).toEqual(['b']);
  });

  it('does not ask again when only models have changed', async () => {
    source.tellList({});
    await settled();
    source.tellList(changes({}));
    await vi.advanceTimersByTimeAsync(2000);
    expect(source.asked).toHaveLength(1);
  });

  it('asks for metrics now and then while a run goes on, and not for longer', async () => {
    source.answers.set(PATH, { runs: [row('a', { state: 'Running' })], more: false });
    source.tellList({});
    await settled();
    source.answers.set(PATH, { runs: [row('a')], more: false });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(source.asked).toHaveLength(2);
  });

  it.each([
    ['val_loss', 'order=metric%3Aval_loss&statistic=min&descending=false'],
    ['val_acc', 'order=metric%3Aval_acc&statistic=max&descending=true'],
    ['lr', 'order=metric%3Alr&statistic=last&descending=true'],
    ['created', 'order=metric%3Acreated&statistic=last&descending=true']
  ])('has the server put the best %s first', async (metric, wanted) => {
    model.ask({ metric });
    await settled();
    expect(source.asked).toEqual([`${PATH}&${wanted}&limit=20&offset=0`]);
  });

  it('begins at the first page when it is filtered, and turns pages', async () => {
    model.turn(1);
    model.turn(1);
    expect(model.path).toContain('offset=40');
    model.ask({ state: 'Failed', tag: 'a=b' });
    expect(model.path).toBe(`${PATH}&state=Failed&tag=a%3Db&order=created&limit=20&offset=0`);
    await settled();
  });

  it('shows no answer to what it has asked before', async () => {
    let answered: (value: unknown) => void = () => undefined;
    source.answers.set(
      FIRST,
      () =>
        new Promise(resolve => {
          answered = resolve;
        })
    );
    source.tellList({});
    await settled();
    source.answers.set(`${PATH}&state=Failed`, { runs: [row('failed')], more: false });
    const seen: unknown[] = [];
    model.observe(() => seen.push(ids()));
    model.ask({ state: 'Failed' });
    answered({ runs: [row('old')], more: false });
    await settled();
    expect(ids()).toEqual(['failed']);
    expect(seen).not.toContainEqual(['old']);
  });

  it('says why it cannot be told, and goes on when it can again', async () => {
    source.answers.set(PATH, () => {
      throw new RequestError('workspace_not_found', 'there is no workspace', 'Look for it.');
    });
    source.tellList({});
    await settled();
    expect(model.error).toEqual({
      code: 'workspace_not_found',
      message: 'there is no workspace',
      advice: 'Look for it.'
    });
    source.answers.set(PATH, { runs: [], more: false });
    model.ask({});
    await settled();
    expect([model.error, ids()]).toEqual([null, []]);
  });
});

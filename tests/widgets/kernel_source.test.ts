import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunMessage } from '../../widgets/src/documents';
import { KernelSource } from '../../widgets/src/sources/kernel_source';
import { FakeModel } from './sources';

function listener() {
  const heard: string[] = [];
  return {
    heard,
    onMessage: (one: RunMessage) => heard.push(`${one.whole ? 'whole ' : ''}${one.error?.code}`),
    onConnection: () => undefined
  };
}

describe('a kernel as a source', () => {
  let model: FakeModel;
  let source: KernelSource;
  const run = (id: string) => ({ workspace: 'w', run: id });

  beforeEach(() => {
    model = new FakeModel();
    model.digest({ one: null, two: null, '': null });
    source = new KernelSource(model);
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('tells each follower of its own run, and the list of the list', () => {
    const [one, two, list] = [listener(), listener(), listener()];
    source.follow(run('one'), one);
    source.follow(run('two'), two);
    source.followList('w', list);
    model.news('one', 1, 'a');
    model.news('two', 1, 'b');
    model.news('', 1, 'c');
    model.news('one', 2, 'd');
    expect([one.heard, two.heard, list.heard]).toEqual([['a', 'd'], ['b'], ['c']]);
    expect(model.sent).toEqual([]);
  });

  it('begins with what stands for all that was told before', () => {
    model.digest({ one: [7, 'all'] });
    const one = listener();
    source.follow(run('one'), one);
    model.news('one', 8, 'next');
    expect(one.heard).toEqual(['whole all', 'next']);
  });

  it('asks once for what it has missed, and tells nothing until that comes, also where nobody answers', () => {
    const one = listener();
    source.follow(run('one'), one);
    model.news('one', 3, 'c');
    model.news('one', 4, 'd');
    expect(one.heard).toEqual([]);
    expect(model.sent).toEqual([{ kind: 'follow', name: 'one' }]);
    model.digest({ one: [4, 'all'] }); // by itself, while a cell keeps the kernel from answering
    model.news('one', 5, 'e');
    expect(one.heard).toEqual(['whole all', 'e']);
  });

  it('asks again when it has caught up, and then misses some again', () => {
    const one = listener();
    source.follow(run('one'), one);
    model.news('one', 3, 'c');
    model.digest({ one: [3, 'all'] });
    model.news('one', 7, 'g');
    expect(model.sent).toEqual([
      { kind: 'follow', name: 'one' },
      { kind: 'follow', name: 'one' }
    ]);
  });

  it.each(['comm:close', 'comm_live_update', 'destroy'] as const)('tells all who follow of its end after %s', event => {
    const connections: string[] = [];
    const follower = { onMessage: () => undefined, onConnection: (one: string) => connections.push(one) };
    source.follow(run('one'), follower);
    model.end(event);
    model.end(event);
    source.followList('w', follower);
    expect(connections).toEqual(['connected', 'broken', 'broken']);
    model.news('one', 1, 'it is there after all');
    expect(connections.slice(3)).toEqual(['connected', 'connected']);
  });

  it('takes nothing twice', () => {
    const one = listener();
    source.follow(run('one'), one);
    model.news('one', 1, 'a');
    model.news('one', 1, 'a');
    model.digest({ one: [1, 'all'] });
    expect(one.heard).toEqual(['a']);
  });

  it('has the kernel follow a run that its widget does not, such as one of a list', () => {
    const other = listener();
    source.follow(run('other'), other);
    expect(model.sent).toEqual([{ kind: 'follow', name: 'other' }]);
    model.news('other', 1, 'a');
    expect(other.heard).toEqual(['a']);
  });

  it('keeps a run without its logs apart from the whole of it', () => {
    const [brief, whole] = [listener(), listener()];
    source.follow({ ...run('one'), logs: [] }, brief);
    source.follow(run('one'), whole);
    model.news('one/metrics', 1, 'a');
    expect([brief.heard, whole.heard]).toEqual([['a'], []]);
  });

  it('has a second view of a run catch up without disturbing the first', () => {
    const [first, second] = [listener(), listener()];
    source.follow(run('one'), first);
    model.news('one', 1, 'a');
    model.news('one', 2, 'b');
    source.follow(run('one'), second);
    model.news('one', 3, 'c');
    model.digest({ one: [3, 'all'] });
    expect(first.heard).toEqual(['a', 'b', 'c']);
    expect(second.heard).toEqual(['whole all']);
  });

  it('tells nothing to who has left', () => {
    const one = listener();
    source.follow(run('one'), one)();
    model.news('one', 1, 'a');
    expect(one.heard).toEqual([]);
  });

  it('gives answers to those who asked, and says why a request was refused', async () => {
    const [first, second] = [source.request('/a'), source.request('/b')];
    const refused = expect(second).rejects.toMatchObject({ code: 'run_not_found', message: 'gone', advice: 'look' });
    const [one, other] = model.questions;
    model.answer({ ...other, error: { code: 'run_not_found', message: 'gone', advice: 'look' } });
    model.answer({ ...one, body: { x: 1 } });
    expect(await first).toEqual({ x: 1 });
    await refused;
  });

  it('waits no longer once an answer has come', async () => {
    vi.useFakeTimers();
    const asked = source.request('/a');
    model.answer({ ...model.questions[0], body: 1 });
    await asked;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes no answer to another view of the same widget, which hears all of them too', async () => {
    const asked = [source.request('/a'), new KernelSource(model).request('/b')];
    model.questions.forEach(question => {
      model.answer({ ...question, body: question.path });
    });
    expect(await Promise.all(asked)).toEqual(['/a', '/b']);
  });

  it('gives bytes as they came', async () => {
    const asked = source.bytes('/file');
    model.answer(model.questions[0] ?? {}, [new DataView(new Uint8Array([0, 1, 2, 3]).buffer, 1, 2)]);
    expect([...new Uint8Array(await asked)]).toEqual([1, 2]);
  });
});

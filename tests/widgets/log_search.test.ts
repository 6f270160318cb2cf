import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LogSearch } from '../../widgets/src/model/log_search';
import { LogText } from '../../widgets/src/model/log_text';
import { longLog, serveLog } from './logs';
import { FakeSource } from './sources';

const LOG = longLog(5000);
const TARGET = { workspace: 'w', run: 'a', name: 'logs/stdout.txt' };

describe('a search in a log', () => {
  let source: FakeSource;
  let tail: LogText;
  let search: LogSearch;
  const answered = async () => {
    for (let turn = 0; search.busy && turn < 100; turn++) {
      await Promise.resolve();
    }
    expect(search.busy).toBe(false);
  };

  beforeEach(() => {
    vi.useFakeTimers();
    source = new FakeSource();
    serveLog(source, LOG);
    tail = new LogText(true);
    tail.add({ offset: LOG.length - 5000, gap: 1, text: LOG.slice(-5000) });
    search = new LogSearch(
      source,
      TARGET,
      () => tail,
      () => undefined
    );
  });

  afterEach(() => {
    search.stop();
    vi.useRealTimers();
  });

  it('finds lines that the page does not have', async () => {
    search.find('line 100 ');
    await answered();
    expect(search.hits).toEqual([{ line: 101, offset: LOG.indexOf('line 100 ') }]);
    expect([search.whole, search.cut]).toEqual([true, false]);
  });

  it('asks on until all is searched, or a thousand are found', async () => {
    search.find('7');
    await answered();
    expect([search.hits.length, search.cut]).toEqual([1000, true]);
    expect(source.asked).toHaveLength(3);
    search.find('line 1000 ');
    await answered();
    expect([search.hits.length, search.cut]).toEqual([1, false]);
  });

  it('is given up for another one', async () => {
    search.find('7');
    search.find('line 42 ');
    await answered();
    await Promise.resolve();
    expect(search.hits.map(hit => hit.line)).toEqual([43]);
    expect(source.asked.filter(path => path.includes('text=7'))).toHaveLength(1);
  });

  it('goes on with what the log grew by, once a second', async () => {
    search.find('new');
    await answered();
    expect(search.hits).toEqual([]);
    search.goOn();
    vi.advanceTimersByTime(5000);
    expect(source.asked).toHaveLength(1);
    serveLog(source, `${LOG}new\n`);
    tail.add({ offset: LOG.length, gap: 0, text: 'new\n' });
    search.goOn();
    search.goOn();
    vi.advanceTimersByTime(1000);
    await answered();
    expect(search.hits.map(hit => hit.line)).toEqual([5001]);
    expect(source.asked).toHaveLength(2);
  });

  it('says why it came to nothing', async () => {
    source.answers.set('/workspaces/w/runs/a/logs/search', () => {
      throw new Error('gone');
    });
    search.find('x');
    await answered();
    expect(String(search.error)).toContain('gone');
  });

  it('looks at the lines that are here where a kernel sends them', () => {
    const kernel = Object.assign(new FakeSource(), { reach: 'when the cell ends' });
    search = new LogSearch(
      kernel,
      TARGET,
      () => tail,
      () => undefined
    );
    search.find('LINE 49');
    expect(search.hits.length).toBeGreaterThan(10);
    expect(search.hits[0]?.line).toBeNull();
    expect(kernel.asked).toEqual([]);
  });
});

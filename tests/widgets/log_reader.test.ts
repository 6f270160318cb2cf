import { beforeEach, describe, expect, it } from 'vitest';
import { LogReader } from '../../widgets/src/model/log_reader';
import { LogText } from '../../widgets/src/model/log_text';
import { CONTENT, longLog, serveLog } from './logs';
import { FakeSource } from './sources';

const COUNT = 100_000;
const LOG = longLog(COUNT);
/** The whole lines in so many bytes at its end, as the server sends them. */
const endOf = (size: number) => LOG.slice(LOG.indexOf('\n', LOG.length - size) + 1);
const TARGET = { workspace: 'w', run: 'a', name: 'logs/stdout.txt' };

describe('what is read of a log of 10 MB', () => {
  let source: FakeSource;
  let tail: LogText;
  let reader: LogReader;
  const numbers = () => reader.lines.map(line => Number.parseInt(line.text.slice('line '.length), 10));
  const answered = async () => {
    for (let turn = 0; reader.busy && turn < 100; turn++) {
      await Promise.resolve();
    }
    expect(reader.busy).toBe(false);
  };
  const withoutHoles = () => numbers().every((number, at, all) => number === (all[0] as number) + at);

  const printed = (text: string, gap = 0) =>
    tail.add({ offset: tail.empty ? LOG.length - text.length : tail.end, gap, text });

  beforeEach(() => {
    source = new FakeSource();
    serveLog(source, LOG);
    tail = new LogText(true);
    printed(endOf(65_536), 1);
    reader = new LogReader(
      source,
      TARGET,
      () => tail,
      () => undefined
    );
  });

  it('is the end, until it is scrolled up; then pieces before it come, without a hole', async () => {
    expect(numbers().at(-1)).toBe(COUNT - 1);
    expect(source.asked).toEqual([]);
    reader.earlier();
    await answered();
    expect(reader.follows).toBe(false);
    expect(reader.lines.length).toBeGreaterThan(3000);
    expect(withoutHoles()).toBe(true);
    expect(numbers().at(-1)).toBe(COUNT - 1);
  });

  it('is no more than a page should hold, however far it is scrolled, and comes again on the way back', async () => {
    for (let at = 0; at < 60; at++) {
      reader.earlier();
      await answered();
      expect(reader.lines.reduce((sum, line) => sum + line.text.length, 0)).toBeLessThanOrEqual(2_000_000);
    }
    expect([numbers()[0], withoutHoles()]).toEqual([0, true]);
    for (let at = 0; at < 60 && !reader.follows; at++) {
      reader.later();
      await answered();
      expect(withoutHoles()).toBe(true);
    }
    expect([reader.follows, numbers().at(-1)]).toEqual([true, COUNT - 1]);
  }, 30_000);

  it('is the part with a byte that is gone to', async () => {
    const offset = LOG.indexOf('line 5000 ');
    reader.open(offset);
    await answered();
    expect(reader.lines.some(line => line.offset === offset && line.text.startsWith('line 5000 '))).toBe(true);
    expect([reader.follows, withoutHoles()]).toEqual([false, true]);
    const asked = source.asked.length;
    reader.open(LOG.indexOf('line 5001 '));
    expect(source.asked.length).toBe(asked);
  });

  it('stays as it is while more is printed, until the end is followed again', () => {
    reader.hold();
    printed('line 100000 new\n');
    expect(numbers().at(-1)).toBe(COUNT - 1);
    reader.later();
    expect([numbers().at(-1), reader.follows]).toEqual([COUNT, false]);
    reader.follow();
    printed('line 100001 new\n');
    expect(numbers().at(-1)).toBe(COUNT + 1);
  });

  it('is that which was gone to last, also where its answer comes first', async () => {
    const serve = source.answers.get(CONTENT) as (path: string) => unknown;
    const answers: (() => void)[] = [];
    source.answers.set(CONTENT, (path: string) => new Promise(resolve => answers.push(() => resolve(serve(path)))));
    reader.open(0);
    reader.open(LOG.indexOf('line 50000 '));
    for (const answer of answers.reverse()) {
      answer();
      await new Promise(done => setTimeout(done));
      expect(numbers()[0]).toBeGreaterThan(1000);
    }
    expect([answers.length, reader.busy]).toEqual([2, false]);
  });

  it('has what comes before an end that is a few lines, as bars make of much', async () => {
    tail = new LogText(true);
    printed(endOf(200), 1);
    reader.fill();
    await answered();
    expect(reader.follows).toBe(true);
    expect(reader.lines.length).toBeGreaterThan(2000);
    expect(withoutHoles()).toBe(true);
    printed('line 100000 new\n');
    expect([numbers().at(-1), withoutHoles()]).toEqual([COUNT, true]);
  });

  it('says why it could not be read, and can be asked again', async () => {
    source.answers.set(CONTENT, () => {
      throw new Error('gone');
    });
    reader.earlier();
    await answered();
    expect(String(reader.error)).toContain('gone');
    serveLog(source, LOG);
    reader.earlier();
    await answered();
    expect([reader.error, withoutHoles()]).toEqual([null, true]);
  });

  it('is the end alone where a kernel sends it', () => {
    const kernel = Object.assign(new FakeSource(), { reach: 'when the cell ends' });
    reader = new LogReader(
      kernel,
      TARGET,
      () => tail,
      () => undefined
    );
    reader.earlier();
    reader.open(0);
    reader.fill();
    expect([kernel.asked, reader.hasEarlier, reader.complete]).toEqual([[], false, false]);
  });
});

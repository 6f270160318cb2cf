import { describe, expect, it } from 'vitest';
import { type IAskedQueue, pageOf, ROWS, turnedBy, withRuns } from '../../widgets/src/model/compute_page';
import { COMPUTE, pageOfQueue, queueOf } from './compute_documents';

/** What was told of a target that has a run at work, and so many that wait: a page of these from an offset on. */
function askedOf(waiting: number, offset = 0): IAskedQueue {
  const queue = queueOf(...Array.from({ length: waiting }, (_, at) => `r${at}`));
  return { queue: pageOfQueue(queue, `?offset=${offset}&limit=${ROWS}`), text: '', offset };
}

describe('a page of a list', () => {
  const all = [...'abcdefg'];

  it('is turned there and back', () => {
    const last = pageOf(all, turnedBy(pageOf(all, 3, 3), 1), 3);
    expect(last).toEqual({ rows: ['g'], offset: 6, size: 3, more: false });
    expect(turnedBy(last, -1)).toBe(3);
    expect(turnedBy(pageOf(all, 1, 3), -1)).toBe(0);
  });

  it('is the last one that there is where the list has become shorter', () => {
    expect(pageOf(all, 9, 3)).toMatchObject({ rows: ['g'], offset: 6 });
    expect(pageOf(all, 9, 7)).toMatchObject({ rows: all, offset: 0 });
    expect(pageOf([], 9, 3)).toEqual({ rows: [], offset: 0, size: 3, more: false });
  });
});

describe('the runs of the targets of a page', () => {
  const lengths = { a: 100, b: 1, c: 200, d: 0 };
  const rows = Object.keys(lengths).map(name => ({ ...COMPUTE, name }));
  const shown = (turned: Record<string, number> = {}, told: Record<string, number> = {}) => {
    const queues = new Map(Object.entries(lengths).map(([name, length]) => [name, askedOf(length, told[name])]));
    const page = withRuns({ rows, offset: 0, size: 5, more: false }, queues, new Map(Object.entries(turned)));
    return page.rows.map(({ compute, runs }) => {
      const ends = [runs.rows.at(0)?.run, runs.rows.at(-1)?.run].join(' to ');
      return `${compute.name}: ${runs.rows.length} from ${runs.offset}, ${ends}`;
    });
  };

  it('share its rows: short queues have all of theirs, long ones the rest in equal parts', () => {
    expect(shown()).toEqual([
      'a: 18 from 0, insects_1 to r16',
      'b: 2 from 0, insects_1 to r0',
      'c: 19 from 0, insects_1 to r17',
      'd: 1 from 0, insects_1 to insects_1'
    ]);
  });

  it('are those that were told of a page further behind, or of the last one', () => {
    expect(shown({ a: 36, c: 500 }, { a: 35, c: 160 }).filter(one => /^[ac]/.test(one))).toEqual([
      'a: 18 from 36, r35 to r52',
      'c: 11 from 190, r189 to r199'
    ]);
  });

  it('are as many as were told where others have begun to run since', () => {
    expect(shown({ a: 18 }, { a: 18 })[0]).toBe('a: 17 from 18, r18 to r34');
  });
});

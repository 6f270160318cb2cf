import { describe, expect, it } from 'vitest';
import type { Queue } from '../../widgets/src/compute_documents';
import { pageOf, pageOfTargets, turnedBy } from '../../widgets/src/model/compute_page';
import { COMPUTE, queueOf } from './compute_documents';

/** A target that has a run at work, and so many that wait. */
function queueWith(waiting: number): Queue {
  return queueOf(...Array.from({ length: waiting }, (_, at) => `r${at}`));
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

it('the targets of a page share its rows: short queues have all of theirs, long ones the rest in equal parts', () => {
  const lengths = { a: 100, b: 1, c: 200, d: 0 };
  const computes = Object.keys(lengths).map(name => ({ ...COMPUTE, name }));
  const queues = new Map(Object.entries(lengths).map(([name, waiting]) => [name, queueWith(waiting)]));
  const shown = (turned: Record<string, number> = {}) =>
    pageOfTargets(
      computes,
      queues,
      { text: '', order: 'made' },
      { targets: 0, runs: new Map(Object.entries(turned)) }
    ).rows.map(({ compute, runs }) => `${compute.name}: ${runs.rows.length} from ${runs.offset}`);
  expect(shown()).toEqual(['a: 18 from 0', 'b: 2 from 0', 'c: 19 from 0', 'd: 1 from 0']);
  expect(shown({ a: 90, c: 500 })).toEqual(['a: 11 from 90', 'b: 2 from 0', 'c: 11 from 190', 'd: 1 from 0']);
});

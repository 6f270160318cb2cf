import type { RunRow } from '../../../../widgets/src/documents';
import type { RunGroup } from './run_query';

/** A line of the list. */
export type Line =
  | { kind: 'run'; key: string; row: RunRow; level: 1 | 2 }
  | { kind: 'group'; key: string; group: RunGroup; open: boolean }
  /** Shows that a group has more runs than are in sight, or that they are still asked for. */
  | { kind: 'rest'; key: string; group: RunGroup; waiting: boolean };

/** A group whose runs are shown. */
export interface OpenGroup {
  group: RunGroup;
  /** Null until they were told. */
  rows: readonly RunRow[] | null;
  more: boolean;
}

/** Return the line of a run. */
export function runLine(row: RunRow, level: 1 | 2): Line {
  return { kind: 'run', key: row.id, row, level };
}

/** Return the lines of a group: its head, and its runs where it is open. */
export function groupLines(group: RunGroup, open: OpenGroup | undefined): Line[] {
  const key = groupKey(group);
  const head: Line = { kind: 'group', key, group, open: open !== undefined };
  if (open === undefined) {
    return [head];
  }
  const rows = (open.rows ?? []).map(row => runLine(row, 2));
  const waiting = open.rows === null;
  return [head, ...rows, ...(waiting || open.more ? [{ kind: 'rest' as const, key: `${key} …`, group, waiting }] : [])];
}

/** A key that no run has: they begin with a letter or digit. */
export function groupKey(group: RunGroup): string {
  return group.value === null ? ' none' : ` =${group.value}`;
}

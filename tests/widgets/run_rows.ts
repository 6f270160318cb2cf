import type { RunRow } from '../../widgets/src/documents';

/** Return a run as lists have it. */
export function runRow(id: string, more: Partial<RunRow> = {}): RunRow {
  return {
    id,
    experiment: 'bees',
    number: 1,
    display_name: `run ${id}`,
    type: 'traindock.scriptrun',
    state: 'Completed',
    reason: 'completed',
    detail: '',
    compute_target: 'local',
    user: 'ann',
    created: '2026-01-01T00:00:00Z',
    started: '2026-01-01T00:00:01Z',
    ended: '2026-01-01T00:01:06Z',
    seconds: 65,
    tags: {},
    metrics: {},
    ...more
  };
}

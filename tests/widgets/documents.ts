import type { RunDocument, RunStateDocument } from '../../widgets/src/documents';

/** What may change of a run that has completed. */
export const STATE: RunStateDocument = {
  state: 'Completed',
  reason: 'completed',
  detail: '',
  display_name: 'bees',
  description: '',
  tags: {},
  cancel_requested_by: null,
  created: '2026-01-01T00:00:00Z',
  started: '2026-01-01T00:00:01Z',
  ended: '2026-01-01T00:00:03Z',
  seconds: 2,
  warnings: [],
  history: []
};

/** All of it. */
export const RUN: RunDocument = {
  ...STATE,
  id: 'a',
  experiment: 'insects',
  number: 1,
  type: 'traindock.scriptrun',
  compute_target: 'local',
  user: 'ann',
  parent: null,
  signed: true,
  properties: {},
  metrics: {},
  signature: 'valid',
  folder: 'runs/a',
  spec: { script: 'train.py' },
  environment: {},
  exit: {},
  failure: null,
  files: []
};

import type { ModelVersion, RunDocument, RunStateDocument } from '../../widgets/src/documents';

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

/** The first version of a model, which was registered from {@link RUN}. */
export const MODEL: ModelVersion = {
  name: 'pt-dnn',
  version: 1,
  id: 'pt-dnn:1',
  description: '',
  created: '2026-01-01T00:00:00.000000Z',
  run: 'a',
  experiment: 'insects',
  snapshot: null,
  environment: null,
  datasets: [],
  framework: '',
  framework_version: '',
  tags: {},
  properties: {},
  aliases: [],
  size: 1500,
  file_count: 3
};

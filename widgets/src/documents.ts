/**
 * What the server's API sends, as far as cards look at it: the schemas of `jupyterlab_traindock/openapi`.
 */

/** The states of a run, in order; `CancelRequested` may follow any that is not terminal. */
export type RunState =
  | 'NotStarted'
  | 'Preparing'
  | 'Queued'
  | 'Running'
  | 'Finalizing'
  | 'CancelRequested'
  | 'Completed'
  | 'Failed'
  | 'Canceled';

/** A number as JSON has it: those that JSON lacks come as text. */
export type WireNumber = number | 'NaN' | 'Infinity' | '-Infinity';

/** Turn a number of the wire into one. */
export function numberOf(value: WireNumber): number {
  return typeof value === 'number' ? value : Number(value);
}

/** One entry of a run's history. */
export interface StateChange {
  state: RunState;
  /** ISO 8601, UTC. */
  time: string | null;
  reason: string | null;
  detail: string;
}

/** How much of a resource a run's job used at most, and could have used. */
export interface ResourceFacts {
  unit: 'processors' | 'bytes' | 'percent';
  peak: number;
  /** Null where it is not known. */
  limit: number | null;
  /** Whose limit that is: `machine`, `container`, `control group`, `device`. */
  limit_of: string | null;
  /** The UUID of a GPU. */
  device?: string;
}

/** What may change about a run while it is followed. */
export interface RunStateDocument {
  state: RunState;
  reason: string | null;
  detail: string;
  display_name: string;
  description: string;
  tags: Record<string, string>;
  cancel_requested_by: string | null;
  created: string | null;
  started: string | null;
  ended: string | null;
  /** How long the script has been running, or ran, in seconds. */
  seconds: number | null;
  warnings: string[];
  /** By series; an older server does not tell. */
  resources?: Record<string, ResourceFacts>;
  history: StateChange[];
}

/** A scalar metric summed up. */
export interface Statistics {
  last: WireNumber;
  min: WireNumber;
  max: WireNumber;
  count: number;
}

/** A file of a run. */
export interface RunFile {
  name: string;
  /** Bytes; null while it is not known. */
  size: number | null;
}

/** Everything about a run. */
export interface RunDocument extends RunStateDocument {
  id: string;
  experiment: string;
  number: number;
  type: string;
  compute_target: string;
  user: string;
  parent: string | null;
  signed: boolean;
  properties: Record<string, string>;
  metrics: Record<string, Statistics> | null;
  /** What is missing of its metrics; an older server does not tell. */
  metric_losses?: { lost: number; damaged: number };
  signature: string;
  folder: string | null;
  spec: Record<string, unknown>;
  environment: Record<string, unknown>;
  exit: Record<string, unknown>;
  failure: { log: string; log_tail: string[]; hint: string } | null;
  files: RunFile[] | null;
}

/** What a run has logged under one name. */
export interface MetricDocument {
  name: string;
  kind: string;
  /** Null where it has no numbers. */
  statistics: Statistics | null;
}

/** One version of a registered model. */
export interface ModelVersion {
  name: string;
  version: number;
  id: string;
  description: string;
  /** ISO 8601, UTC. */
  created: string;
  /** The run that it was registered from, which may be gone. */
  run: string | null;
  experiment: string | null;
  tags: Record<string, string>;
  aliases: string[];
  /** Bytes. */
  size: number;
  file_count: number;
}

/** A name, such as `production`, that stands for one version of a model. */
export interface Alias {
  alias: string;
  version: number;
  /** Where it goes when it is rolled back; null where there is no such version. */
  previous: number | null;
  /** ISO 8601, UTC. */
  since: string;
  by: string;
}

/** What somebody did to an alias. */
export interface AliasMove {
  alias: string;
  /** Null where it was removed. */
  version: number | null;
  /** Null where there was no such alias. */
  previous: number | null;
  /** ISO 8601, UTC. */
  time: string;
  by: string;
  rolled_back: boolean;
}

/** What files of a run are registered as. */
export interface RegistrationDocument {
  name: string;
  run: string;
  path: string;
  child_paths?: string[];
  description?: string;
  tags?: Record<string, string>;
  alias?: string;
  request_id: string;
}

/** A run as a list has it. */
export interface RunRow {
  id: string;
  experiment: string;
  number: number;
  display_name: string;
  type: string;
  state: RunState;
  reason: string | null;
  detail: string;
  compute_target: string;
  user: string;
  created: string | null;
  started: string | null;
  ended: string | null;
  /** How long the script has been running, or ran, in seconds. */
  seconds: number | null;
  tags: Record<string, string>;
  metrics: Record<string, Statistics>;
}

/** A page of a list of runs. */
export interface RunsDocument {
  runs: RunRow[];
  /** Whether there are more behind these. */
  more: boolean;
}

/** Points of one metric as they were logged. */
export interface PointsDocument {
  name: string;
  /** Seconds since 1970. */
  times: number[];
  values: WireNumber[];
  steps: (number | null)[] | null;
}

/** The columns of buckets, each of which stands for `count` points. */
export interface BucketColumns {
  first: number[];
  final: number[];
  first_step: (number | null)[] | null;
  final_step: (number | null)[] | null;
  min: WireNumber[];
  max: WireNumber[];
  last: WireNumber[];
  count: number[];
  nans: number[];
}

/** New points of one metric, merged to buckets where they are many. */
export type SeriesDocument = PointsDocument | { name: string; buckets: BucketColumns };

/** Something logged that is no scalar: a row, a table, an image, … */
export interface MetricRecord {
  name: string;
  kind: string;
  time: number;
  step: number | null;
  value: unknown;
}

/** What was appended to a log. */
export interface LogPart {
  /** Where the text begins in the log, in bytes. */
  offset: number;
  /** How many bytes before it were left out. */
  gap: number;
  text: string;
}

/** An error of the API. */
export interface ErrorDocument {
  code: string;
  message: string;
  advice: string;
}

/** What comes over the websocket about a run that is followed. */
export interface RunMessage {
  cursor?: string;
  /** Whether this stands for all that came before. */
  whole?: true;
  more?: true;
  error?: ErrorDocument;
  state?: RunStateDocument;
  run?: RunDocument;
  metrics?: { series: SeriesDocument[]; records: MetricRecord[]; records_left_out: number };
  /** What its job uses, apart from what its script logs. */
  resources?: { series: SeriesDocument[] };
  logs?: Record<string, LogPart>;
}

/** What comes about the runs, experiments and models of a workspace. */
export interface ListMessage {
  cursor?: string;
  more?: true;
  error?: ErrorDocument;
  changes?: {
    /** Ids of runs that were made or changed. */
    changed_runs: string[];
    /** As they are now, if they are not too many. */
    runs: RunRow[];
    /** Ids of runs that were deleted. */
    gone: string[];
    /** Whether so many have changed that the list is to be asked for. */
    reload: boolean;
  };
  /** From a kernel: a page of the list as it is now, with the path that asks for it. */
  page?: { path: string; answer: RunsDocument };
}

/** States after which nothing comes any more. */
export const TERMINAL: ReadonlySet<RunState> = new Set<RunState>(['Completed', 'Failed', 'Canceled']);

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
  /** Where its TensorBoard is, below the server's base URL; null while it has none, and an older server does not tell. */
  tensorboard?: { url: string } | null;
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
  /** When it was written last. */
  modified?: string;
}

/** An argument of a run that named a file or folder when it was submitted. */
export interface DataFact {
  /** As `parameters` names it. */
  name: string;
  path: string;
  kind: 'file' | 'folder';
  in_source: boolean;
  /** Bytes; null for a folder. */
  size: number | null;
  /** ISO 8601, UTC. */
  modified: string | null;
}

/** Everything about a run. */
export interface RunDocument extends RunStateDocument {
  id: string;
  /** An older server does not tell. */
  workspace_name?: string;
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
  /** Where it is below the server's root, if Jupyter hides it there; an older server does not tell. */
  hidden_folder?: string | null;
  spec: Record<string, unknown>;
  /** What it was given to learn from; an older server does not tell. */
  data?: DataFact[];
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
  /** Id of the source folder that the run was submitted with. */
  snapshot: string | null;
  /** Key of the environment that the run had. */
  environment: string | null;
  /** Data that it was trained on, as somebody has said. */
  datasets: string[];
  framework: string;
  framework_version: string;
  tags: Record<string, string>;
  properties: Record<string, string>;
  aliases: string[];
  /** Bytes. */
  size: number;
  file_count: number;
}

/** The newest version of a model as a list has it, and what is known about the model. */
export interface ModelRow extends ModelVersion {
  /** How many versions it has. */
  versions: number;
  /** The versions that its aliases stand for. */
  model_aliases: Record<string, number>;
}

/** The files of a version. */
export interface ModelFiles {
  /** Name of the file, or of the folder that all of them lie in. */
  root: string;
  folder: boolean;
  files: { name: string; size: number; sha256: string }[];
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
  /** Whether this user has submitted it. */
  signed?: boolean;
  /** How many runs are part of it; an older server does not tell. */
  children?: number;
}

/** A page of a list of runs. */
export interface RunsDocument {
  runs: RunRow[];
  /** Whether there are more behind these. */
  more: boolean;
  /** Why those that have not ended do not go on; an older server does not tell. */
  trouble?: Trouble | null;
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
  /** Of a text in place of what is no UTF-8: where that ends in the log, in bytes. */
  end?: number;
  /** Likewise, where the lines behind each line feed begin. */
  lines?: readonly number[];
}

/** What a search in a log has found so far. */
export interface LogSearchDocument {
  /** Lines with the text: their numbers from 1, and where they begin, in bytes. */
  hits: { line: number; offset: number }[];
  /** Where the next question goes on. */
  cursor: string;
  searched: number;
  size: number;
  more: boolean;
}

/** An error of the API. */
export interface ErrorDocument {
  code: string;
  message: string;
  advice: string;
}

/** Why no run of a workspace goes on: no dispatcher, which takes runs through their states, gets to work. */
export interface Trouble {
  message: string;
  /** What to do next. */
  advice: string;
}

/** What comes over the websocket about a run that is followed. */
export interface RunMessage {
  cursor?: string;
  /** Whether this stands for all that came before. */
  whole?: true;
  more?: true;
  error?: ErrorDocument;
  /** Told where it is new; null once it is over. */
  trouble?: Trouble | null;
  state?: RunStateDocument;
  /** Everything about it, once it has ended. */
  run?: RunDocument;
  /** From a kernel: everything about it as it is now, where its state has changed. */
  document?: RunDocument;
  metrics?: {
    series: SeriesDocument[];
    records: MetricRecord[];
    records_left_out: number;
    /** From a kernel, of what stands for all news: how many series have no place in it. */
    series_left_out?: number;
  };
  /** What its job uses, apart from what its script logs. */
  resources?: { series: SeriesDocument[] };
  logs?: Record<string, LogPart>;
}

/** What comes about the runs, experiments and models of a workspace. */
export interface ListMessage {
  cursor?: string;
  more?: true;
  error?: ErrorDocument;
  /** Told where it is new; null once it is over. */
  trouble?: Trouble | null;
  changes?: {
    /** Ids of runs that were made or changed. */
    changed_runs: string[];
    /** As they are now, if they are not too many. */
    runs: RunRow[];
    /** Ids of runs that were deleted. */
    gone: string[];
    /** Names of models that were registered, changed or deleted; a kernel does not tell. */
    models?: string[];
    /** Whether compute targets were made or changed; a kernel does not tell. */
    computes?: boolean;
    /** Whether so many have changed that the list is to be asked for. */
    reload: boolean;
  };
  /** From a kernel: a page of the list as it is now, with the path that asks for it. */
  page?: { path: string; answer: RunsDocument };
}

/** States after which nothing comes any more. */
export const TERMINAL: ReadonlySet<RunState> = new Set<RunState>(['Completed', 'Failed', 'Canceled']);

/** What of the API's documents a submit needs: see `scripts.yaml`, `runs.yaml` and `computes.yaml` in `openapi/`. */

/** An option of a script, or a positional argument, which has no flags. */
export interface ScriptOption {
  /** The long ones first. */
  flags: string[];
  dest: string;
  kind: 'value' | 'flag' | 'choice' | 'list' | 'positional';
  action: 'store' | 'append' | 'extend' | 'count' | 'flag';
  type: 'int' | 'float' | 'str' | 'bool' | null;
  /** The function of the script that makes its value; `""` where there is none. */
  type_source: string;
  /** Null where there is none, or where it is computed. */
  default: unknown;
  /** The default as the script has it, where it is computed. */
  default_source: string;
  choices: unknown[] | null;
  required: boolean;
  help: string;
  /** How many words it takes; null for one. */
  nargs: string | number | null;
  /** What it is where its flag comes alone. */
  const: unknown;
  metavar: string | null;
  /** The title of its group. */
  group: string;
  /** The flag that makes it true, or `const`. */
  on: string | null;
  /** The flag that makes it false. */
  off: string | null;
}

/** What is known of a script, or of a notebook, that can be submitted. */
export interface ScriptDocument {
  path: string;
  /** What is sent as `source`; `""` for the server's root. */
  folder: string;
  /** What is sent as `script`, or as `notebook`. */
  script: string;
  kind: 'script' | 'notebook';
  /** A name for its experiment, made of the folder's. */
  experiment: string;
  /** Whether a command line made of `options` alone is one that it accepts. */
  parsed: boolean;
  why: string;
  options: ScriptOption[];
  exclusive: { names: string[]; required: boolean }[];
  notes: string[];
  /** Its sub-commands, whose options follow them behind all others; an older server tells none. */
  commands?: { name: string; options: ScriptOption[] }[];
}

/** A compute target. */
export interface ComputeDocument {
  name: string;
  kind: string;
  state: 'ready' | 'failed' | 'unknown';
  trouble: string;
  nodes: { max: number | null; busy: number; waiting: number };
  /** What becomes of runs that ask for GPUs where there are none. */
  gpu: 'required' | 'optional' | null;
  devices: { uuid: string; name: string }[];
}

/** What a script needs, as a request names it. */
export interface EnvironmentRequest {
  pip_packages?: string[];
  conda_packages?: string[];
  /** Of PyTorch; null for the newest that fits. */
  framework_version?: string | null;
  curated?: string;
  base_image?: string;
  apt_packages?: string[];
  shm_size?: string;
  rebuild?: boolean;
}

/** What is to be run, of a folder below the server's root. */
export interface RunConfiguration {
  source: string;
  experiment: string;
  script?: string;
  notebook?: string;
  arguments?: string[];
  compute_target: string;
  gpus: number;
  environment?: EnvironmentRequest;
  environment_variables?: Record<string, string>;
  /** Null for no end. */
  max_run_duration_seconds?: number | null;
  display_name?: string;
  tags?: Record<string, string>;
}

/** What of a run is to be different when it is submitted once more. */
export interface Resubmission {
  arguments?: string[];
  compute_target?: string;
  gpus?: number;
  environment_variables?: Record<string, string>;
  max_run_duration_seconds?: number;
  display_name?: string;
  tags?: Record<string, string>;
}

/** What a submit would send and launch. */
export interface PlanDocument {
  experiment: string;
  compute_target: string;
  source: {
    folder: string | null;
    /** Bytes of each of the largest files. */
    files: Record<string, number>;
    /** How many files there are. */
    count: number;
    /** Of all of them. */
    bytes: number;
    /** Another one as soon as any of them was changed; an older server tells none. */
    stamp?: string | null;
    warnings: string[];
  };
  recipe: Record<string, unknown>;
  plan: {
    kind: string;
    environment: { key?: string; action?: string; why?: string };
    command: string[];
    cwd: string;
    variables: Record<string, string>;
    /** What of this machine the job sees, by the path in the job. */
    mounts: Record<string, string>;
    gpus: number;
    limits: Record<string, unknown>;
    target: Record<string, unknown>;
    request: Record<string, unknown>;
  };
}

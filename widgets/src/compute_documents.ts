/** What the server's API sends about compute targets: the schemas of its `computes.yaml`, as far as views look at them. */

import type { RunState } from './documents';

/** A compute target. */
export interface Compute {
  name: string;
  kind: string;
  /** Whether it can be used now; `unknown` is one that a newer version has made. */
  state: 'ready' | 'failed' | 'unknown';
  /** Why it cannot be used, or "". */
  trouble: string;
  /** What it was made with. */
  settings: Record<string, unknown>;
  /** Whether it can be changed and deleted. */
  changeable: boolean;
  nodes: {
    /** How many runs it executes at once. */
    max: number | null;
    /** How many have a run. */
    busy: number;
    /** How many runs have not begun yet. */
    waiting: number;
  };
  engine: { address: string | null; kind: string | null; version: string | null } | null;
}

/** A run on a compute target. */
export interface QueueEntry {
  run: string;
  experiment: string;
  /** Its number in the experiment. */
  number: number;
  display_name: string;
  user: string;
  state: RunState;
  /** What it does or waits for, in a sentence. */
  detail: string;
  /** ISO 8601, UTC. */
  created: string | null;
  started: string | null;
  gpus: number;
  nodes: number;
}

/** Who holds a node or a GPU that a run may be waiting for. */
export interface Held {
  what: 'node' | 'gpu';
  device: string | null;
  run: string | null;
  user: string | null;
}

/** A run that waits for a compute target. */
export interface WaitingEntry extends QueueEntry {
  /** Its place in the whole queue, from 1 on. */
  position: number;
  held_by: Held[];
  /** Id of the run that goes right before it; null at the front. */
  ahead: string | null;
  /** Ids of the two that come right after it, as far as there are some. */
  behind: string[];
}

/** The runs at work on a compute target, and a page of those that wait for it in the order in which they go. */
export interface Queue {
  compute: string;
  max_nodes: number | null;
  running: (QueueEntry & { devices: string[] })[];
  waiting: WaitingEntry[];
  /** How many that wait are asked for, on all pages together. */
  found: number;
  /** How many wait. */
  length: number;
}

/** A queue in which a run was moved. */
export interface MovedQueue extends Queue {
  /** Its place now; null where it has begun since. */
  position: number | null;
}

/** Who holds a GPU. */
export interface LeaseHolder {
  user: string | null;
  run: string | null;
  /** Its id, if it is one that this server may open. */
  workspace: string | null;
  since: string | null;
}

/** A GPU of the machine. */
export interface Gpu {
  uuid: string;
  /** What it is called by: "0", or "0:1" for a MIG device of it. */
  number: string;
  name: string;
  memory_bytes: number | null;
  memory_used_bytes: number | null;
  busy_percent: number | null;
  holder: LeaseHolder | null;
}

/** What the server's machine offers. */
export interface Machine {
  cpus: { count: number; load: number };
  memory: { total_bytes: number; available_bytes: number };
  disk: { total_bytes: number; free_bytes: number };
  gpus: Gpu[];
  /** Whether the driver has answered in time, so that the list of GPUs is true. */
  gpus_answered: boolean;
  engines: { address: string; kind: string | null; version: string | null; trouble: string }[];
}

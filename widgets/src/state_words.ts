import type { RunState } from './documents';
import { words } from './format';
import type { ITrans } from './translation';

/** The states of runs as people are shown them. What is asked, stored and compared are the names themselves. */
const STATES: Record<RunState, (trans: ITrans) => string> = {
  NotStarted: trans => trans._p('state of a run', 'Not started'),
  Preparing: trans => trans._p('state of a run', 'Preparing'),
  Queued: trans => trans._p('state of a run', 'Queued'),
  Running: trans => trans._p('state of a run', 'Running'),
  Finalizing: trans => trans._p('state of a run', 'Finalizing'),
  CancelRequested: trans => trans._p('state of a run', 'Stopping'),
  Completed: trans => trans._p('state of a run', 'Completed'),
  Failed: trans => trans._p('state of a run', 'Failed'),
  Canceled: trans => trans._p('state of a run', 'Canceled')
};

/** Why runs are in their states: the reasons of the API. */
const REASONS: Record<string, (trans: ITrans) => string> = {
  finished: trans => trans._p('reason of a state', 'finished'),
  canceled_by_user: trans => trans._p('reason of a state', 'canceled by user'),
  exited_nonzero: trans => trans._p('reason of a state', 'exited nonzero'),
  killed_by_signal: trans => trans._p('reason of a state', 'killed by signal'),
  out_of_memory: trans => trans._p('reason of a state', 'out of memory'),
  timed_out: trans => trans._p('reason of a state', 'timed out'),
  environment_failed: trans => trans._p('reason of a state', 'environment failed'),
  launch_failed: trans => trans._p('reason of a state', 'launch failed'),
  no_gpu: trans => trans._p('reason of a state', 'no gpu'),
  no_gpu_toolkit: trans => trans._p('reason of a state', 'no gpu toolkit'),
  gpu_driver_too_old: trans => trans._p('reason of a state', 'gpu driver too old'),
  gpu_driver_unusable: trans => trans._p('reason of a state', 'gpu driver unusable'),
  gpu_vanished: trans => trans._p('reason of a state', 'gpu vanished'),
  leases_unusable: trans => trans._p('reason of a state', 'leases unusable'),
  engine_restarted: trans => trans._p('reason of a state', 'engine restarted'),
  engine_lost: trans => trans._p('reason of a state', 'engine lost'),
  lost: trans => trans._p('reason of a state', 'lost'),
  internal_error: trans => trans._p('reason of a state', 'internal error')
};

/** Return the word for a state; one of a newer version is shown by its name. */
export function stateWord(state: string, trans: ITrans): string {
  return STATES[state as RunState]?.(trans) ?? state;
}

/** Return the words for a reason such as `out_of_memory`; one of a newer version is shown by its name. */
export function reasonWords(reason: string, trans: ITrans): string {
  return REASONS[reason]?.(trans) ?? words(reason);
}

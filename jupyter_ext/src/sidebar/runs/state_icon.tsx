import type { RunState } from '../../../../widgets/src/documents';

/** What stands for each state besides its word and colour. */
const SHAPES: Record<RunState, string> = {
  NotStarted: 'M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10',
  Preparing: 'M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10M6 8h4M8 6v4',
  Queued: 'M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10M8 5.500V8l1.800 1.500',
  Running: 'M8 3a5 5 0 1 1-5 5',
  Finalizing: 'M8 3a5 5 0 1 1-5 5',
  CancelRequested: 'M8 3a5 5 0 1 1-5 5M6 6h4v4h-4z',
  Completed: 'M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10M5.700 8l1.700 1.700l3-3.200',
  Failed: 'M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10M6.200 6.200l3.600 3.600M9.800 6.200l-3.600 3.600',
  Canceled: 'M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10M4.600 4.600l6.800 6.800'
};

/** A sign for the state of a run, in its colour. The state's word is to stand beside it. */
export function StateIcon({ state }: { state: RunState }) {
  return (
    <svg class={`jp-Traindock-State jp-Traindock-State-${state}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[state]} />
    </svg>
  );
}

import type { RunState, StateChange } from '../documents';
import { duration } from '../format';
import type { RunModel } from '../model/run_model';
import { useClock } from './hooks';

const STAGES: readonly RunState[] = ['Preparing', 'Queued', 'Running', 'Finalizing'];

/** How long a run was, or has been, in one of its stages. */
export interface IStage {
  name: RunState;
  /** Seconds; null where it never came there. */
  seconds: number | null;
  current: boolean;
  /** Whether the run failed there, or was canceled. */
  failed: boolean;
  canceled: boolean;
}

/** Return the stages of a run with the time it spent in each; a run that was queued twice has both in one. */
export function stagesOf(history: readonly StateChange[], now: number): IStage[] {
  const spent = new Map<RunState, number>();
  history.forEach((change, at) => {
    const next = history[at + 1];
    const end = next?.time ? Date.parse(next.time) : now;
    if (change.time !== null) {
      spent.set(change.state, (spent.get(change.state) ?? 0) + Math.max(0, end - Date.parse(change.time)) / 1000);
    }
  });
  const last = history[history.length - 1]?.state;
  // What is done after a failure, sealing what there is, is not where it failed.
  const reached = STAGES.filter(name => name !== 'Finalizing' && spent.has(name)).pop();
  return STAGES.map(name => ({
    name,
    seconds: spent.get(name) ?? null,
    current: name === last,
    failed: last === 'Failed' && name === reached,
    canceled: last === 'Canceled' && name === reached
  }));
}

/** The way of a run through its stages. */
export function Stages({ model }: { model: RunModel }) {
  const now = useClock(!model.ended);
  return (
    <ol class="td-stages" aria-label="Stages">
      {stagesOf(model.state?.history ?? [], model.clock.at(now)).map(stage => (
        <li key={stage.name} class={`td-stage ${looks(stage)}`} aria-current={stage.current ? 'step' : undefined}>
          <span>{stage.failed ? `${stage.name}: failed` : stage.name}</span>
          <span class="td-number td-muted">{duration(stage.seconds)}</span>
        </li>
      ))}
    </ol>
  );
}

function looks(stage: IStage): string {
  if (stage.failed) {
    return 'td-failed';
  }
  if (stage.canceled) {
    return 'td-canceled';
  }
  return stage.current ? 'td-current' : stage.seconds === null ? 'td-ahead' : 'td-past';
}

/** How far a run is, if it says so. */
export function ProgressBar({ model }: { model: RunModel }) {
  const now = useClock(model.state?.state === 'Running');
  const progress = model.progress(model.clock.at(now));
  // The row keeps its place while a run goes on, so that nothing jumps when the first bar comes.
  if (progress === undefined) {
    return model.ended ? null : (
      <div class="td-progress" aria-hidden="true">
        <progress value={0} max={1} />
      </div>
    );
  }
  const remaining = progress.remaining === null ? '' : `about ${duration(Math.round(progress.remaining))} left`;
  return (
    <div class="td-progress">
      <progress value={progress.fraction} max={1} aria-label={progress.label} />
      <span>{progress.label}</span>
      <span class="td-muted td-number">{remaining}</span>
    </div>
  );
}

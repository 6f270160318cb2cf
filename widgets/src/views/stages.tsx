import { useRef } from 'preact/hooks';
import type { RunState, StateChange } from '../documents';
import { duration } from '../format';
import type { Progress } from '../model/progress';
import type { RunModel } from '../model/run_model';
import { stateWord } from '../state_words';
import { useTrans } from '../translation';
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

/**
 * Return the stages of a run with the time it spent in each; a run that was queued twice has both in one.
 *
 * @param all - Its states so far. One that is asked to stop is still where it was.
 * @param now - Milliseconds since 1970.
 * @param seconds - How long its script has been running, as it is told elsewhere; null where that is not known.
 */
export function stagesOf(all: readonly StateChange[], now: number, seconds: number | null = null): IStage[] {
  const spent = new Map<RunState, number>();
  const history = all.filter(change => change.state !== 'CancelRequested');
  history.forEach((change, at) => {
    const next = history[at + 1];
    const end = next?.time ? Date.parse(next.time) : now;
    if (change.time !== null) {
      spent.set(change.state, (spent.get(change.state) ?? 0) + Math.max(0, end - Date.parse(change.time)) / 1000);
    }
  });
  // The same as what is told of the script, which begins a moment later: two clocks would differ by a second.
  if (seconds !== null && history.filter(change => change.state === 'Running').length === 1) {
    spent.set('Running', seconds);
  }
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
  const trans = useTrans();
  const now = model.clock.at(useClock(!model.ended));
  return (
    <ol class="td-stages" aria-label={trans.__('Stages')}>
      {stagesOf(model.state?.history ?? [], now, model.seconds(now)).map(stage => (
        <li key={stage.name} class={`td-stage ${looks(stage)}`} aria-current={stage.current ? 'step' : undefined}>
          <span>
            {stage.failed ? trans.__('%1: failed', stateWord(stage.name, trans)) : stateWord(stage.name, trans)}
          </span>
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

/** How far a run is, if it says so; once it has ended, how far it came. */
export function ProgressBar({ model }: { model: RunModel }) {
  const trans = useTrans();
  const now = useClock(model.state?.state === 'Running');
  const progress = model.progress(model.clock.at(now), trans);
  const wasSeen = useRef(false);
  wasSeen.current ||= model.state !== null && !model.ended;
  if (model.ended && !wasSeen.current) {
    return null;
  }
  // One that went well may not have told of all that it did, or have stopped early.
  const isToBeSeen = progress && (model.state?.state !== 'Completed' || progress.fraction === 1);
  // The row keeps its place: nothing jumps when the first bar comes, nor when the run ends while somebody looks on.
  return isToBeSeen ? <Bar progress={progress} /> : <div class="td-progress" aria-hidden="true" />;
}

function Bar({ progress }: { progress: Progress }) {
  const trans = useTrans();
  const time = progress.remaining === null ? '' : duration(Math.round(progress.remaining));
  const remaining = time && (progress.isMost ? trans.__('up to %1 left', time) : trans.__('about %1 left', time));
  return (
    <div class="td-progress">
      <progress value={progress.fraction} max={1} aria-label={progress.label} />
      <span>{progress.label}</span>
      <span class="td-muted td-number">{remaining}</span>
    </div>
  );
}

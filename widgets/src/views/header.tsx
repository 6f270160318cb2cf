import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { RunDocument, RunStateDocument, Trouble } from '../documents';
import { capital, clock, duration } from '../format';
import type { RunModel } from '../model/run_model';
import { runName } from '../model/run_name';
import type { ISelection } from '../model/selection';
import { ASKED_AGAIN, Wish } from '../model/wish';
import { troubleText } from '../problems';
import { type RunTarget, runPath } from '../sources/source';
import { reasonWords, stateWord } from '../state_words';
import { type ITrans, useTrans } from '../translation';
import { ConfirmedButton } from './confirmed_button';
import { useAction, useClock, useLoaded } from './hooks';

/** What a host adds to a card. */
export interface IHost {
  /** Show another run, such as one that was just submitted. */
  openRun?(workspace: string, run: string): void;
  /** Draw what else can be done with a run that has ended, beside “Resubmit”. */
  beside?(target: RunTarget): VNode;
  /** Show a folder of the server in the file browser. */
  openFolder?(path: string): void;
  /** Show a run in TensorBoard. */
  openTensorBoard?(workspace: string, run: string): void;
  /** Show a file of a run's snapshot at a line. */
  openSource?(workspace: string, run: string, path: string, line: number): void;
  /** Outputs that are picked to be registered, where somebody else wants to know them, or picks too. */
  files?: ISelection;
}

/** Name, state and reason of a run, how long it takes, where it runs, and what can be done with it. */
export function Header({ model, host }: { model: RunModel; host: IHost }) {
  const trans = useTrans();
  const { state, run } = model;
  const running = state !== null && !model.ended;
  const now = useClock(running);
  const action = useAction(model.source);
  const told = state?.state;
  // What became of a click is old as soon as the run is in another state.
  useEffect(() => action.forget(), [told]);
  const [copied, setCopied] = useState(false);
  // The focus goes to a button that is always there, and harmless: a key meant for Stop must not submit the run again.
  const harmless = useRef<HTMLButtonElement>(null);
  const lost = useRef(false);
  const wish = useRef(new Wish()).current;
  useLayoutEffect(() => {
    if (lost.current) {
      lost.current = false;
      harmless.current?.focus();
    }
  });
  if (state === null) {
    return (
      <header class="td-header">
        <h3 class="td-name">{model.target.run}</h3>
      </header>
    );
  }
  const name = model.name;
  // Of a run that is gone the id is all that can be had.
  const able = model.source.reach !== 'never' && model.error === null;
  const folder = able && run?.folder;
  return (
    <header class="td-header">
      <div class="td-title">
        <span class={`td-state td-state-${state.state}`} role="status">
          {stateWord(state.state, trans)}
        </span>
        <h3 class="td-name" title={model.target.run}>
          {name}
        </h3>
        {run !== null && <span class="td-muted">{`${run.experiment} · ${run.compute_target}`}</span>}
        {state.started !== null && (
          <span class="td-muted td-number" title={trans.__('How long the script has been running')}>
            {duration(model.seconds(model.clock.at(now)))}
          </span>
        )}
      </div>
      <div class="td-buttons">
        {running && able && (
          <ConfirmedButton
            label={state.state === 'CancelRequested' ? trans.__('Stopping…') : trans.__('Stop')}
            question={trans.__('Stop this run?')}
            yes={trans.__('Stop the run')}
            no={trans.__('Keep it running')}
            disabled={action.busy || state.state === 'CancelRequested'}
            act={() =>
              action.run(
                () => model.cancel(),
                () => trans.__('Asked it to stop.')
              )
            }
            onLost={() => {
              lost.current = true;
            }}
          />
        )}
        {model.ended && able && (
          <button
            type="button"
            disabled={action.busy}
            onClick={() =>
              action.run(
                () => resubmit(model, host, wish),
                id => trans.__('Resubmitted as %1.', id)
              )
            }
          >
            {trans.__('Resubmit')}
          </button>
        )}
        {model.ended && able && host.beside?.(model.target)}
        <button
          type="button"
          ref={harmless}
          onClick={() => action.run(() => copy(model.target.run, trans).then(() => setCopied(true)))}
        >
          {copied ? trans.__('Copied') : trans.__('Copy id')}
        </button>
        {able && (state.tensorboard ?? run?.tensorboard) && host.openTensorBoard && (
          <button type="button" onClick={() => host.openTensorBoard?.(model.target.workspace, model.target.run)}>
            {trans.__('TensorBoard')}
          </button>
        )}
        {folder && host.openFolder && (
          <button type="button" onClick={() => host.openFolder?.(folder)}>
            {trans.__('Open folder')}
          </button>
        )}
      </div>
      <p class="td-detail" aria-live="polite">
        {action.note || <Why model={model} state={state} trouble={running ? model.trouble : null} />}
      </p>
    </header>
  );
}

/** Put a text into the clipboard, which browsers give to pages of `https` and of this machine alone. */
async function copy(text: string, trans: ITrans): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    throw new Error(trans.__('This page must not copy. The id is %1', text));
  }
}

async function resubmit(model: RunModel, host: IHost, wish: Wish): Promise<string> {
  const answer = await model.source.request<{ run: { id: string } }>(runPath(model.target, '/resubmit'), {
    method: 'POST',
    body: { request_id: wish.idOf(model.target.run, ASKED_AGAIN) }
  });
  wish.granted();
  host.openRun?.(model.target.workspace, answer.run.id);
  return answer.run.id;
}

/**
 * Why a run is in its state, with the word for it first; where there is nothing to say, which run it is. That it does not
 * go on comes before all else.
 */
function Why({ model, state: of, trouble }: { model: RunModel; state: RunStateDocument; trouble: Trouble | null }) {
  const trans = useTrans();
  const detail = useNamed(model, of.state === 'Queued' ? of.detail : '') || of.detail;
  if (trouble !== null) {
    return (
      <>
        <strong class="td-word td-state-Failed">{`${trans.__('No dispatcher:')} `}</strong>
        {troubleText(trouble)}
      </>
    );
  }
  const { reason, started, display_name: name } = of;
  const { run: id } = model.target;
  const told = reason !== null && of.state !== 'Completed' ? capital(reasonWords(reason, trans)) : '';
  if (!told && !of.detail) {
    return (
      <span class="td-muted">
        {[
          name && id,
          started && (name ? trans.__('started %1', clock(started)) : trans.__('Started %1', clock(started)))
        ]
          .filter(Boolean)
          .join(' · ')}
      </span>
    );
  }
  return (
    <>
      {told && <strong class={`td-word td-state-${of.state}`}>{of.detail ? `${trans.__('%1:', told)} ` : told}</strong>}
      {told ? detail : capital(detail)}
    </>
  );
}

/** An id of a run, such as `insects_1795988362_4d9744ef`. */
const RUN_ID = /\b[A-Za-z0-9][\w.-]*_\d+_[0-9a-f]{8}\b/g;
/** Runs whose names are asked for: more of them are not told apart anyhow. */
const MOST_NAMED = 3;

/** Return a sentence with the names of other runs in place of their ids, once these are known. */
function useNamed({ source, target }: RunModel, sentence: string): string {
  const trans = useTrans();
  const ids = [...new Set(sentence.match(RUN_ID) ?? [])].slice(0, MOST_NAMED);
  const { value } = useLoaded(async signal => {
    const ask = async (run: string): Promise<[string, string]> => {
      const found = await source.request<RunDocument>(runPath({ ...target, run }), { signal });
      return [run, runName(found)];
    };
    // of one that was deleted the id is all that is left
    return new Map(await Promise.all(ids.map(run => ask(run).catch((): [string, string] => [run, '']))));
  }, ids.join(' '));
  return sentence.replace(RUN_ID, id => (value?.get(id) ? trans._p('name of a run', '“%1”', value.get(id)) : id));
}

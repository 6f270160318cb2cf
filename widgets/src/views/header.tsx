import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { RunStateDocument } from '../documents';
import { capital, clock, duration, words } from '../format';
import type { RunModel } from '../model/run_model';
import type { ISelection } from '../model/selection';
import { runPath } from '../sources/source';
import { ConfirmedButton } from './confirmed_button';
import { useAction, useClock } from './hooks';

/** What a host adds to a card. */
export interface IHost {
  /** Show another run, such as one that was just submitted. */
  openRun?(workspace: string, run: string): void;
  /** Show a folder of the server in the file browser. */
  openFolder?(path: string): void;
  /** Show a file of a run's snapshot at a line. */
  openSource?(workspace: string, run: string, path: string, line: number): void;
  /** Outputs that are picked to be registered, where somebody else wants to know them, or picks too. */
  files?: ISelection;
}

const SHOWN: Record<string, string> = {
  NotStarted: 'Not started',
  CancelRequested: 'Stopping'
};

/** Name, state and reason of a run, how long it takes, where it runs, and what can be done with it. */
export function Header({ model, host }: { model: RunModel; host: IHost }) {
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
  const name = state.display_name || run?.display_name || model.target.run;
  // Of a run that is gone the id is all that can be had.
  const able = model.source.reach !== 'never' && model.error === null;
  const folder = (able && run?.folder) || null;
  return (
    <header class="td-header">
      <div class="td-title">
        <span class={`td-state td-state-${state.state}`} role="status">
          {SHOWN[state.state] ?? state.state}
        </span>
        <h3 class="td-name" title={model.target.run}>
          {name}
        </h3>
        {run !== null && <span class="td-muted">{`${run.experiment} · ${run.compute_target}`}</span>}
        {state.started !== null && (
          <span class="td-muted td-number" title="How long the script has been running">
            {duration(model.seconds(model.clock.at(now)))}
          </span>
        )}
      </div>
      <div class="td-buttons">
        {running && able && (
          <ConfirmedButton
            label={state.state === 'CancelRequested' ? 'Stopping…' : 'Stop'}
            question="Stop this run?"
            yes="Stop the run"
            no="Keep it running"
            disabled={action.busy || state.state === 'CancelRequested'}
            act={() =>
              action.run(
                () => model.cancel(),
                () => 'Asked it to stop.'
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
                () => resubmit(model, host),
                id => `Submitted again as ${id}.`
              )
            }
          >
            Resubmit
          </button>
        )}
        <button
          type="button"
          ref={harmless}
          onClick={() => action.run(() => copy(model.target.run).then(() => setCopied(true)))}
        >
          {copied ? 'Copied' : 'Copy id'}
        </button>
        {folder !== null && host.openFolder !== undefined && (
          <button type="button" onClick={() => host.openFolder?.(folder)}>
            Open folder
          </button>
        )}
      </div>
      <p class="td-detail" aria-live="polite">
        {action.note || <Why id={model.target.run} state={state} />}
      </p>
    </header>
  );
}

/** Put a text into the clipboard, which browsers give to pages of `https` and of this machine alone. */
async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    throw new Error(`This page must not copy. The id is ${text}`);
  }
}

async function resubmit(model: RunModel, host: IHost): Promise<string> {
  const answer = await model.source.request<{ run: { id: string } }>(runPath(model.target, '/resubmit'), {
    method: 'POST',
    body: {}
  });
  host.openRun?.(model.target.workspace, answer.run.id);
  return answer.run.id;
}

/** Why a run is in its state, with the word for it first; where there is nothing to say, which run it is. */
function Why({ id, state: of }: { id: string; state: RunStateDocument }) {
  const { reason, started, display_name: name } = of;
  const told = reason !== null && of.state !== 'Completed' ? capital(words(reason)) : '';
  if (!told && !of.detail) {
    return (
      <span class="td-muted">
        {[name && id, started && `${name ? 'started' : 'Started'} ${clock(started)}`].filter(Boolean).join(' · ')}
      </span>
    );
  }
  return (
    <>
      {told && <strong class={`td-word td-state-${of.state}`}>{`${told}${of.detail && ': '}`}</strong>}
      {told ? of.detail : capital(of.detail)}
    </>
  );
}

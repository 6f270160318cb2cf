import type { TranslationBundle } from '@jupyterlab/translation';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { RunTarget } from '../../../widgets/src/sources/source';
import { PLACE, Sentence } from '../../../widgets/src/translation';
import type { FormModel } from './model';
import { Notices } from './notices';

/** Of what keeps a plan from being made, so much is told beside it; all of it stands at its fields after a submit. */
const MOST_LACKING = 3;

/** What a form may do with a run that was submitted. */
export interface IFormHost {
  openRun(target: RunTarget): void;
  /** Ask for the name of a workspace, and make it. */
  makeWorkspace(): void;
}

interface IProblemProps {
  title: string;
  /** Why there is no form. */
  text: string;
  again: () => void;
  trans: TranslationBundle;
  /** What else can be done, beside trying again. */
  children?: ComponentChildren;
}

/** What stands in place of a form that cannot be filled in. */
export function FormProblem({ title, text, again, trans, children }: IProblemProps) {
  return (
    <div class="td-card jp-Traindock-Submit" role="alert">
      <h3 class="td-name">{title}</h3>
      <p class="td-notice">{text}</p>
      <p class="td-tools">
        <button type="button" onClick={again}>
          {trans.__('Try again')}
        </button>
        {children}
      </p>
    </div>
  );
}

interface IFrameProps {
  model: FormModel;
  trans: TranslationBundle;
  host: IFormHost;
  title: string;
  /** Beneath the title. */
  about: ComponentChildren;
  children: ComponentChildren;
  /** The plan, where there is one. */
  plan: ComponentChildren;
  planTitle: string;
}

/** A form, with the plan of what is filled in beside it or beneath: that is what a submit launches. */
export function FormFrame({ model, trans, host, title, about, children, plan, planTitle }: IFrameProps) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    const place = model.firstFault;
    if (model.attempts > 0 && !model.busy && place !== undefined) {
      const found = [...(form.current?.querySelectorAll<HTMLElement>('[data-place]') ?? [])];
      const field = found.find(one => one.dataset.place === place);
      field?.closest('details')?.setAttribute('open', '');
      field?.focus();
    }
  }, [model.attempts, !model.busy]);
  const submit = (): void => {
    void model.submit().then(run => {
      if (run !== undefined) {
        host.openRun(run);
      }
    });
  };
  const elsewhere = model.refusal !== null && !hasPlace(form.current, model.refusal.place);
  // by its buttons alone: Enter in a field, be it to take a name that is offered, sends nothing
  return (
    <form ref={form} class="td-card jp-Traindock-Submit" aria-label={title} onSubmit={event => event.preventDefault()}>
      <h3 class="td-name" title={title}>
        {title}
      </h3>
      {about}
      <Notices model={model} trans={trans} />
      <div class="jp-Traindock-filled">
        {children}
        <PlanRegion model={model} trans={trans} title={planTitle} plan={plan} />
      </div>
      <div class="jp-Traindock-actions">
        <button type="button" class="td-primary" disabled={model.busy} onClick={submit}>
          {model.busy
            ? trans.__('Submitting…')
            : model.planProblem === '' || model.isRefused
              ? trans.__('Submit')
              : trans.__('Submit without a plan')}
        </button>
        <span role="status" class="jp-Traindock-outcome">
          {elsewhere && <span class="jp-Traindock-fault">{model.refusal?.text}</span>}
          {!elsewhere && (model.faults.size > 0 || model.refusal !== null) && (
            <span class="jp-Traindock-fault">{trans.__('Nothing was sent: something is to be mended above.')}</span>
          )}
          {model.submitted !== null && model.refusal === null && model.faults.size === 0 && (
            <span class="td-good">
              <Sentence text={trans.__('Submitted as %1', PLACE)}>
                <button
                  type="button"
                  class="td-link"
                  onClick={() => model.submitted !== null && host.openRun(model.submitted)}
                >
                  {model.submitted.run}
                </button>
              </Sentence>
            </span>
          )}
        </span>
      </div>
    </form>
  );
}

interface IRegionProps extends Pick<IFrameProps, 'model' | 'trans' | 'plan'> {
  title: string;
}

/** The plan of what is filled in, or why there is none. */
function PlanRegion({ model, trans, title, plan }: IRegionProps) {
  const { lacking, planProblem, isRefused, planned } = model;
  const without = lacking.size > 0 || planProblem !== '';
  return (
    <section class={planned ? 'jp-Traindock-plan' : 'jp-Traindock-plan jp-mod-stale'} aria-label={title}>
      <h3>{title}</h3>
      {lacking.size > 0 && (
        <>
          <p class="td-muted">{trans.__('It is shown as soon as all that it takes is filled in:')}</p>
          <ul>
            {[...lacking].slice(0, MOST_LACKING).map(([place, text]) => (
              <li key={place}>{`${placeName(place, trans)}: ${text}`}</li>
            ))}
            {lacking.size > MOST_LACKING && <li>{trans.__('%1 more', lacking.size - MOST_LACKING)}</li>}
          </ul>
        </>
      )}
      {planProblem !== '' && (
        <>
          <p class="td-notice">
            {isRefused
              ? trans.__('A run of this would be refused: %1', planProblem)
              : trans.__('No plan can be made: %1', planProblem)}
          </p>
          <button type="button" onClick={() => model.planAgain()}>
            {trans.__('Try again')}
          </button>
        </>
      )}
      {!without && !planned && (
        <p class="td-muted jp-Traindock-planning">{trans.__('Finding out what this comes to…')}</p>
      )}
      {!without && plan}
    </section>
  );
}

/** Return what the form calls a part of it. */
function placeName(place: string, trans: TranslationBundle): string {
  const names: Record<string, string> = {
    workspace: trans.__('Workspace'),
    experiment: trans.__('Experiment'),
    source: trans.__('Folder to send'),
    compute: trans.__('Compute target'),
    gpus: trans.__('GPUs'),
    limit: trans.__('End it after'),
    free: trans.__('Arguments'),
    name: trans.__('Display name'),
    tags: trans.__('Tags'),
    variables: trans.__('Environment variables')
  };
  return names[place] ?? (place.startsWith('option ') ? place.slice('option '.length) : trans.__('Environment'));
}

function hasPlace(form: HTMLFormElement | null, place: string | undefined): boolean {
  return (
    place !== undefined &&
    [...(form?.querySelectorAll<HTMLElement>('[data-place]') ?? [])].some(one => one.dataset.place === place)
  );
}

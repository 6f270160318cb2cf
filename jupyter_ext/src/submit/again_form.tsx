import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect } from 'preact/hooks';
import { runName } from '../../../widgets/src/model/run_name';
import { useObserved } from '../../../widgets/src/views/hooks';
import type { AgainModel, IChange } from './again';
import { AreaField } from './fields';
import { FormFrame, FormProblem, type IFormHost } from './form';
import { NamesFields } from './new_run_form';
import { ArgumentFields } from './option_fields';
import { TargetFields } from './target_fields';

interface IAgainProps {
  model: AgainModel;
  trans: TranslationBundle;
  host: IFormHost;
  /** Called with what the run is called, once that is known. */
  onName?(name: string): void;
}

/** A form that submits a run once more, with changes. */
export function AgainForm({ model, trans, host, onName }: IAgainProps) {
  useObserved(model);
  const { run, spec, draft, problem } = model;
  const name = run === null ? null : runName(run);
  useEffect(() => {
    if (name !== null) {
      onName?.(name);
    }
  }, [name]);
  if (run === null || spec === null) {
    return problem !== '' ? (
      <FormProblem
        title={trans.__('Resubmit %1', model.target.run)}
        text={problem}
        again={() => void model.reload()}
        trans={trans}
      />
    ) : (
      <p class="td-card jp-Traindock-Submit td-empty" role="status">
        {trans.__('Looking at the run…')}
      </p>
    );
  }
  const what = spec.notebook ?? spec.script ?? spec.command.join(' ');
  return (
    <FormFrame
      model={model}
      trans={trans}
      host={host}
      title={trans.__('Resubmit %1', runName(run))}
      planTitle={trans.__('What changes')}
      about={
        <>
          <p class="td-muted">
            {trans.__(
              '%1 of experiment %2, with the same files and packages. Submit the script itself for others.',
              what,
              run.experiment
            )}
          </p>
          {model.restored && (
            <p class="td-notice">
              {trans.__('It is filled in as you left it.')}{' '}
              <button type="button" onClick={() => model.reset()}>
                {trans.__('Begin with what the run had')}
              </button>
            </p>
          )}
        </>
      }
      plan={model.plan === null ? null : <Changes changes={model.plan} trans={trans} />}
    >
      <div class="jp-Traindock-columns">
        {model.takesArguments && (
          <fieldset class="jp-mod-wide">
            <legend>{trans.__('Arguments')}</legend>
            {model.script === null ? (
              <>
                {model.scriptProblem !== '' && (
                  <p class="td-notice">
                    {trans.__('The options of the script cannot be told: %1', model.scriptProblem)}
                  </p>
                )}
                <AreaField
                  label={trans.__('All of them')}
                  place="free"
                  fault={model.faultAt('free')}
                  help={trans.__('As on a command line: spaces part words, quotes keep them together.')}
                  value={draft.free}
                  onValue={free => model.set({ free })}
                />
              </>
            ) : (
              <ArgumentFields model={model} trans={trans} />
            )}
          </fieldset>
        )}
        <fieldset>
          <legend>{trans.__('Where')}</legend>
          <TargetFields model={model} trans={trans} />
        </fieldset>
        <NamesFields
          model={model}
          trans={trans}
          help={trans.__('Those of the run, and more. What is hidden stays as it was.')}
        />
      </div>
    </FormFrame>
  );
}

function Changes({ changes, trans }: { changes: readonly IChange[]; trans: TranslationBundle }) {
  if (changes.length === 0) {
    return <p>{trans.__('Nothing: the same is done once more.')}</p>;
  }
  const names: Record<string, string> = {
    arguments: trans.__('Arguments'),
    compute_target: trans.__('Compute target'),
    gpus: trans.__('GPUs'),
    environment_variables: trans.__('Environment variables'),
    max_run_duration_seconds: trans.__('Ended after (seconds)'),
    display_name: trans.__('Display name'),
    tags: trans.__('Tags')
  };
  return (
    <table class="jp-Traindock-changes">
      <thead>
        <tr>
          <th scope="col">{trans.__('What')}</th>
          <th scope="col">{trans.__('As it was')}</th>
          <th scope="col">{trans.__('As it will be')}</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ name, before, after }) => (
          <tr key={name}>
            <th scope="row">{names[name] ?? name}</th>
            <td>{before || '–'}</td>
            <td>{after || '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

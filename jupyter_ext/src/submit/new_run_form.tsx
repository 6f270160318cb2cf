import type { TranslationBundle } from '@jupyterlab/translation';
import { useState } from 'preact/hooks';
import { useObserved } from '../../../widgets/src/views/hooks';
import { foldersAround, pathWithin } from './draft';
import { EnvironmentFields } from './environment_fields';
import { ChoiceField, PairsField, TextField } from './fields';
import { FormFrame, FormProblem, type IFormHost } from './form';
import type { NewRunModel } from './new_run';
import { ScriptNotices } from './notices';
import { ArgumentFields } from './option_fields';
import { PlanView } from './plan_view';
import { isSecretVariable } from './secrets';
import { TargetFields } from './target_fields';

interface INewRunProps {
  model: NewRunModel;
  trans: TranslationBundle;
  host: IFormHost;
}

/** A form that submits a script, or a notebook. */
export function NewRunForm({ model, trans, host }: INewRunProps) {
  useObserved(model);
  const { script, draft, problem } = model;
  const name = (model.chosen ?? model.path).split('/').pop() || trans.__('a script');
  if (problem !== '') {
    return (
      <FormProblem title={trans.__('Train %1', name)} text={problem} again={() => void model.reload()} trans={trans}>
        {model.canChooseAnother && (
          <button type="button" onClick={() => void model.chooseAnother()}>
            {trans.__('Choose another')}
          </button>
        )}
      </FormProblem>
    );
  }
  if (script === null) {
    return <Choosing model={model} trans={trans} />;
  }
  const notebook = script.kind === 'notebook';
  return (
    <FormFrame
      model={model}
      trans={trans}
      host={host}
      title={trans.__('Train %1', name)}
      planTitle={trans.__('Plan')}
      about={
        <>
          <p class="td-muted">
            {notebook
              ? trans.__('All cells are executed in the run. The notebook with their outputs is kept with it.')
              : trans.__('A copy of the folder is sent, and the script executed in it.')}
          </p>
          <ScriptNotices model={model} trans={trans} />
        </>
      }
      plan={model.plan === null ? null : <PlanView plan={model.plan} trans={trans} />}
    >
      <div class="jp-Traindock-columns">
        <fieldset>
          <legend>{notebook ? trans.__('Notebook') : trans.__('Script')}</legend>
          <WorkspaceField model={model} trans={trans} host={host} />
          <TextField
            label={trans.__('Experiment')}
            place="experiment"
            fault={model.faultAt('experiment')}
            known={model.experiments}
            placeholder={script.experiment}
            value={draft.experiment}
            onValue={experiment => model.set({ experiment })}
          />
          {model.choices !== null && (
            <ChoiceField
              label={notebook ? trans.__('Notebook of the folder') : trans.__('Script of the folder')}
              place="script"
              fault=""
              value={model.chosen ?? script.path}
              choices={model.choices.map(path => [path, pathWithin(model.path, path)])}
              onValue={path => void model.chooseScript(path)}
            />
          )}
          <ChoiceField
            label={trans.__('Folder to send')}
            place="source"
            fault={model.faultAt('source')}
            help={trans.__('The plan shows its files and their size. A .amlignore or .gitignore leaves some out.')}
            value={draft.source}
            choices={foldersAround(script.folder).map(folder => [
              folder,
              folder === '' ? trans.__('/ (all that this server shows)') : folder
            ])}
            onValue={source => model.set({ source })}
          />
        </fieldset>
        <fieldset>
          <legend>{trans.__('Where')}</legend>
          <TargetFields model={model} trans={trans} />
        </fieldset>
        {!notebook && (
          <fieldset class="jp-mod-wide">
            <legend>{trans.__('Arguments')}</legend>
            <ArgumentFields model={model} trans={trans} />
          </fieldset>
        )}
        <fieldset>
          <legend>{trans.__('Environment')}</legend>
          <EnvironmentFields model={model} trans={trans} />
        </fieldset>
        <NamesFields model={model} trans={trans} />
      </div>
    </FormFrame>
  );
}

function WorkspaceField({ model, trans, host }: INewRunProps) {
  const { all, current, error } = model.workspaces;
  const { goneWorkspace: gone, workspace } = model;
  if (all === null) {
    return (
      <p class="td-notice" role="status">
        {error?.message ?? trans.__('Looking for workspaces…')}
      </p>
    );
  }
  if (all.length === 0) {
    return (
      <div class="td-field">
        <p role="status">{trans.__('A workspace keeps your runs, with all that they leave. You have none yet.')}</p>
        <button type="button" class="jp-Traindock-add" data-place="workspace" onClick={() => host.makeWorkspace()}>
          {trans.__('New workspace…')}
        </button>
      </div>
    );
  }
  return (
    <ChoiceField
      label={trans.__('Workspace')}
      place="workspace"
      fault={model.faultAt('workspace')}
      help={
        workspace !== null && current !== null && current.id !== workspace
          ? trans.__('The sidebar shows “%1”.', current.name)
          : undefined
      }
      value={gone ?? workspace ?? ''}
      choices={[
        ...(gone === null ? [] : [[gone, trans.__('gone: %1', gone)] as const]),
        ...all.map(one => [one.id, one.name] as const)
      ]}
      onValue={id => model.chooseWorkspace(id)}
    />
  );
}

/** What is known by name: the run, its tags, and variables. */
export function NamesFields({
  model,
  trans,
  help
}: {
  model: Pick<NewRunModel, 'draft' | 'set' | 'faultAt'>;
  trans: TranslationBundle;
  help?: string;
}) {
  const { draft } = model;
  return (
    <fieldset>
      <legend>{trans.__('Name, tags and variables')}</legend>
      <TextField
        label={trans.__('Display name')}
        place="name"
        fault={model.faultAt('name')}
        placeholder={trans.__('none; such as “larger batches”')}
        value={draft.name}
        onValue={name => model.set({ name })}
      />
      <PairsField
        legend={trans.__('Tags')}
        place="tags"
        fault={model.faultAt('tags')}
        pairs={draft.tags}
        one={(part, number) =>
          part === 'name' ? trans.__('Name of tag %1', number) : trans.__('Value of tag %1', number)
        }
        add={trans.__('Add a tag')}
        trans={trans}
        onPairs={tags => model.set({ tags })}
      />
      <PairsField
        legend={trans.__('Environment variables')}
        place="variables"
        fault={model.faultAt('variables')}
        pairs={draft.variables}
        one={(part, number) =>
          part === 'name' ? trans.__('Name of variable %1', number) : trans.__('Value of variable %1', number)
        }
        add={trans.__('Add a variable')}
        isSecret={isSecretVariable}
        help={help ?? trans.__('What is secret by its name, such as HF_TOKEN, is hidden, and not remembered here.')}
        trans={trans}
        onPairs={variables => model.set({ variables })}
      />
    </fieldset>
  );
}

/** Which script of a folder is meant. */
function Choosing({ model, trans }: { model: NewRunModel; trans: TranslationBundle }) {
  const [wanted, setWanted] = useState('');
  const { choices } = model;
  if (choices === null || model.chosen !== null) {
    return (
      <p class="td-card jp-Traindock-Submit td-empty" role="status">
        {trans.__('Reading the script…')}
      </p>
    );
  }
  const found = choices.filter(path => path.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <div class="td-card jp-Traindock-Submit">
      <h3 class="td-name">{trans.__('Train a script of %1', model.path || '/')}</h3>
      {choices.length === 0 ? (
        <p class="td-empty">
          {trans.__('This folder has no Python script, and no notebook. Make one, or choose another folder.')}
        </p>
      ) : (
        <>
          <p class="td-muted">{trans.__('Which one is to be executed? The whole folder is sent with it.')}</p>
          {choices.length > 10 && (
            <input
              type="search"
              placeholder={trans.__('Filter')}
              aria-label={trans.__('Filter scripts')}
              value={wanted}
              onInput={event => setWanted(event.currentTarget.value)}
            />
          )}
          <ul class="jp-Traindock-scripts">
            {found.slice(0, 200).map(path => (
              <li key={path}>
                <button type="button" onClick={() => void model.chooseScript(path)}>
                  {pathWithin(model.path, path)}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

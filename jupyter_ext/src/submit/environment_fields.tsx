import type { TranslationBundle } from '@jupyterlab/translation';
import { useName } from '../../../widgets/src/views/hooks';
import type { EnvironmentKind } from './draft';
import { AreaField, TextField } from './fields';
import type { NewRunModel } from './new_run';

/** Places of what containers alone need: where one is at fault, these fields have to be seen. */
const OF_CONTAINERS = ['image', 'apt', 'shm'];

/** Which packages a script gets. */
export function EnvironmentFields({ model, trans }: { model: NewRunModel; trans: TranslationBundle }) {
  const name = useName();
  const { draft } = model;
  const kind = model.computes?.find(one => one.name === draft.compute)?.kind;
  const kinds: [EnvironmentKind, string, string][] = [
    kind === undefined || kind === 'local'
      ? ['server', trans.__('The Python of this Jupyter server'), trans.__('as it is, with all its packages')]
      : ['server', trans.__('The usual container image'), trans.__('as it is: without PyTorch, as a rule')],
    ['packages', trans.__('PyTorch and packages'), trans.__('built once, and kept')],
    ['curated', trans.__('A curated environment'), trans.__('by one of Azure ML’s names')],
    ['image', trans.__('A container image of your own'), trans.__('as it is: it has all that the script needs')]
  ];
  const containers = kind !== 'local';
  const fault = model.faultAt('environment');
  return (
    <>
      <div role="radiogroup" aria-label={trans.__('Environment')} class="jp-Traindock-kinds">
        {kinds.map(([one, title, more], at) => (
          <label key={one}>
            <input
              type="radio"
              name={name}
              data-place={at === 0 ? 'environment' : undefined}
              checked={draft.environment === one}
              onChange={() => model.set({ environment: one })}
            />
            <span>
              {title} <span class="td-muted">{`– ${more}`}</span>
            </span>
          </label>
        ))}
      </div>
      {fault !== '' && <p class="jp-Traindock-fault">{fault}</p>}
      {draft.environment === 'packages' && (
        <>
          <TextField
            label={trans.__('Version of PyTorch')}
            place="framework"
            fault={model.faultAt('framework')}
            placeholder={trans.__('the newest; or such as 2.8')}
            value={draft.framework}
            onValue={framework => model.set({ framework })}
          />
          <AreaField
            label={trans.__('Packages of pip')}
            place="pip"
            fault={model.faultAt('pip')}
            help={trans.__('One on each line, as in a requirements.txt.')}
            placeholder={trans.__('none; such as matplotlib>=3.8')}
            value={draft.pip}
            onValue={pip => model.set({ pip })}
          />
          <AreaField
            label={trans.__('Packages of conda')}
            place="conda"
            fault={model.faultAt('conda')}
            rows={1}
            placeholder={trans.__('none; one on each line')}
            value={draft.conda}
            onValue={conda => model.set({ conda })}
          />
        </>
      )}
      {draft.environment === 'curated' && (
        <TextField
          label={trans.__('Its name')}
          place="curated"
          fault={model.faultAt('curated')}
          placeholder="AzureML-PyTorch-1.6-GPU"
          value={draft.curated}
          onValue={curated => model.set({ curated })}
        />
      )}
      {draft.environment !== 'server' && (containers || OF_CONTAINERS.some(one => draft[one as 'apt'] !== '')) && (
        <>
          <TextField
            label={trans.__('Base image')}
            place="image"
            fault={model.faultAt('image')}
            placeholder={draft.environment === 'image' ? 'registry/image:tag' : trans.__('the usual one')}
            value={draft.image}
            onValue={image => model.set({ image })}
          />
          <AreaField
            label={trans.__('Packages of apt')}
            place="apt"
            fault={model.faultAt('apt')}
            rows={1}
            placeholder={trans.__('none; one on each line')}
            value={draft.apt}
            onValue={apt => model.set({ apt })}
          />
          <TextField
            label={trans.__('Shared memory')}
            place="shm"
            fault={model.faultAt('shm')}
            placeholder="2g"
            value={draft.shm}
            onValue={shm => model.set({ shm })}
          />
        </>
      )}
      {draft.environment === 'image' && !containers && (
        <p class="td-notice">{trans.__('This compute target has no containers: choose one that has.')}</p>
      )}
      {draft.environment !== 'server' && (
        <label class="jp-Traindock-tick">
          <input
            type="checkbox"
            checked={draft.rebuild}
            onChange={event => model.set({ rebuild: event.currentTarget.checked })}
          />
          {trans.__('Build it anew, from the newest packages that fit')}
        </label>
      )}
    </>
  );
}

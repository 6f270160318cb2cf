import type { TranslationBundle } from '@jupyterlab/translation';
import type { ComputeDocument } from './documents';
import type { Unit } from './draft';
import { ChoiceField, TextField } from './fields';
import type { FormModel } from './model';

/** Where a run is executed: compute target, GPUs, and for how long. */
export function TargetFields({ model, trans }: { model: FormModel; trans: TranslationBundle }) {
  const { computes, draft } = model;
  const chosen = computes?.find(one => one.name === draft.compute);
  const gpus = chosen?.devices.length ?? 0;
  return (
    <>
      <ChoiceField
        label={trans.__('Compute target')}
        place="compute"
        fault={model.faultAt('compute')}
        help={
          computes === null
            ? model.workspace === null
              ? trans.__('A workspace has them: choose one, or make it first.')
              : model.computesProblem || trans.__('Looking for compute targets…')
            : chosen === undefined
              ? trans.__('The workspace has none of this name.')
              : stateOf(chosen, trans)
        }
        value={draft.compute}
        choices={[
          ...(chosen === undefined ? [[draft.compute, draft.compute || '…'] as const] : []),
          ...(computes ?? []).map(one => [one.name, `${one.name} (${kindOf(one, trans)})`] as const)
        ]}
        onValue={compute => model.set({ compute })}
      />
      <div class="jp-Traindock-pair">
        <TextField
          label={trans.__('GPUs')}
          place="gpus"
          fault={model.faultAt('gpus')}
          help={
            chosen === undefined
              ? undefined
              : gpus > 0
                ? trans._n('%1 there', '%1 there', gpus)
                : trans.__('none there')
          }
          numeric
          placeholder="0"
          value={draft.gpus}
          onValue={wanted => model.set({ gpus: wanted })}
        />
        <TextField
          label={trans.__('End it after')}
          place="limit"
          fault={model.faultAt('limit')}
          numeric
          placeholder={trans.__('30 days')}
          value={draft.limit}
          onValue={limit => model.set({ limit })}
        />
        <ChoiceField
          label={trans.__('Unit')}
          place="unit"
          fault=""
          value={draft.unit}
          choices={[
            ['minutes', trans.__('minutes')],
            ['hours', trans.__('hours')],
            ['days', trans.__('days')]
          ]}
          onValue={unit => model.set({ unit: unit as Unit })}
        />
      </div>
    </>
  );
}

function kindOf({ kind }: ComputeDocument, trans: TranslationBundle): string {
  const words: Record<string, string> = { local: trans.__('this machine'), docker: trans.__('containers') };
  return words[kind] ?? kind;
}

/** Return whether a compute target can be used, and how soon. */
function stateOf({ state, trouble, nodes }: ComputeDocument, trans: TranslationBundle): string {
  if (state === 'unknown') {
    return trouble || trans.__('A newer version of Traindock made it.');
  }
  const free =
    nodes.max === null
      ? trans._n('%1 node busy', '%1 nodes busy', nodes.busy)
      : trans._n('%2 of %1 node free', '%2 of %1 nodes free', nodes.max, Math.max(nodes.max - nodes.busy, 0));
  const waiting = nodes.waiting === 0 ? '' : trans._n(', %1 run waits', ', %1 runs wait', nodes.waiting);
  return state === 'failed' ? trans.__('It cannot be used now: %1', trouble) : `${free}${waiting}`;
}

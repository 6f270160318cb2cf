import { shortened } from '../../../widgets/src/format';
import type { ComputeModel } from '../../../widgets/src/model/compute_model';
import type { IComputeQuery, IListedTarget } from '../../../widgets/src/model/compute_page';
import { useObserved } from '../../../widgets/src/views/hooks';
import type { Held } from '../held';
import { Choice } from '../sidebar/choice';
import { MenuButton } from '../sidebar/menu_button';
import { placeOf } from '../sidebar/menus';
import { Pages } from '../sidebar/pages';
import { Problem } from '../sidebar/problem';
import { SearchField } from '../sidebar/search_field';
import type { ITraindock } from '../tokens';
import type { IComputeActions } from './actions';
import { MachineFacts } from './machine_facts';
import { QueueRows } from './queue_rows';

type Trans = ITraindock['trans'];

const LONGEST_TEXT = 400;

interface IComputeSectionProps {
  traindock: ITraindock;
  held: Held<ComputeModel>;
  actions: IComputeActions;
}

/** The compute targets of the workspace that is looked at, their queues, and the machine's GPUs. */
export function ComputeSection({ traindock, held, actions }: IComputeSectionProps) {
  useObserved(traindock.workspaces);
  const model = held.current;
  return model === null ? null : (
    <Computes key={model.workspace} trans={traindock.trans} model={model} actions={actions} />
  );
}

interface IPartProps {
  trans: Trans;
  model: ComputeModel;
  actions: IComputeActions;
}

function Computes({ trans, model, actions }: IPartProps) {
  useObserved(model);
  const { computes, query, targets, machine, error, connection } = model;
  return (
    <>
      {computes !== null && (
        <div class="jp-Traindock-Search">
          <SearchField
            label={trans.__('Filter compute targets and their runs by name')}
            placeholder={trans.__('Filter by name')}
            longest={255}
            value={query.text}
            search={text => model.ask({ text })}
          />
          <Choice
            label={trans.__('Sort compute targets by')}
            value={query.order}
            options={[
              ['made', trans.__('Oldest')],
              ['name', trans.__('Name')],
              ['runs', trans.__('Runs')]
            ]}
            choose={order => model.ask({ order: order as IComputeQuery['order'] })}
          />
        </div>
      )}
      <Problem error={error} connection={connection} again={() => void model.reload()} trans={trans} />
      {computes === null && error === null && (
        <p class="jp-Traindock-Empty">{trans.__('Asking for the compute targets…')}</p>
      )}
      {computes !== null && targets.rows.length === 0 && (
        <p class="jp-Traindock-Empty" role="status">
          {trans.__('No compute target is called so, and no run on one.')}
        </p>
      )}
      {targets.rows.map(target => (
        <Target key={target.compute.name} trans={trans} model={model} actions={actions} target={target} />
      ))}
      <Pages
        offset={targets.offset}
        shown={targets.rows.length}
        more={targets.more}
        turn={pages => model.turn(pages)}
        label={trans.__('Pages of compute targets')}
        trans={trans}
      />
      {machine !== null && <MachineFacts trans={trans} model={model} machine={machine} actions={actions} />}
    </>
  );
}

function Target({ trans, model, actions, target }: IPartProps & { target: IListedTarget }) {
  const { name, kind, state, trouble, nodes } = target.compute;
  const words = { ready: trans.__('ready'), failed: trans.__('cannot be used'), unknown: trans.__('unknown') };
  return (
    <section class="jp-Traindock-Target" aria-label={trans.__('Compute target %1', name)}>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields */}
      <div
        class="jp-Traindock-TargetHead"
        role="group"
        aria-label={name}
        onContextMenu={event => {
          event.preventDefault();
          event.stopPropagation();
          const back = event.currentTarget.querySelector('button') as HTMLElement;
          actions.targetMenu(target.compute, placeOf(event), back);
        }}
      >
        <span class="jp-Traindock-ListLine">
          <h3 class="jp-Traindock-ListName" title={name}>
            {name}
          </h3>
          {kind !== name && <span class="jp-Traindock-Muted">{kind}</span>}
          <span class={`jp-Traindock-TargetState jp-mod-${state}`}>{words[state]}</span>
        </span>
        <MenuButton
          name={name}
          open={event => actions.targetMenu(target.compute, placeOf(event), event.currentTarget)}
          trans={trans}
        />
      </div>
      {trouble !== '' && <p class="jp-Traindock-Trouble">{shortened(trouble, LONGEST_TEXT)}</p>}
      <p class="jp-Traindock-Muted jp-Traindock-Nodes">
        {nodes.max === null
          ? trans._n('%1 node busy', '%1 nodes busy', nodes.busy)
          : trans._n('%2 of %1 node busy', '%2 of %1 nodes busy', nodes.max, nodes.busy)}
        {nodes.waiting > 0 && `, ${trans._n('%1 run waits', '%1 runs wait', nodes.waiting)}`}
      </p>
      {target.queue !== null && (
        <QueueRows trans={trans} model={model} actions={actions} target={target} queue={target.queue} />
      )}
    </section>
  );
}

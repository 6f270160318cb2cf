import type { Gpu, Machine } from '../../../widgets/src/compute_documents';
import { bytes, memory, shortened } from '../../../widgets/src/format';
import type { ComputeModel } from '../../../widgets/src/model/compute_model';
import { Pages } from '../sidebar/pages';
import type { ITraindock } from '../tokens';
import type { IComputeActions } from './actions';

type Trans = ITraindock['trans'];

const LONGEST_NAME = 120;

interface IMachineProps {
  trans: Trans;
  model: ComputeModel;
  machine: Machine;
  actions: IComputeActions;
}

/** What the machine has that runs could use, and who holds its GPUs. */
export function MachineFacts({ trans, model, machine, actions }: IMachineProps) {
  const { cpus, memory: ram, disk } = machine;
  const { gpus } = model;
  return (
    <section class="jp-Traindock-Target" aria-label={trans.__('This machine')}>
      <div class="jp-Traindock-TargetHead">
        <h3 class="jp-Traindock-ListName">{trans.__('This machine')}</h3>
      </div>
      <p class="jp-Traindock-Muted jp-Traindock-Nodes">
        {trans._n('%1 processor', '%1 processors', cpus.count)}, {trans.__('load %1', cpus.load.toFixed(1))}
        {' · '}
        {trans.__('%1 of %2 memory free', memory(ram.available_bytes), memory(ram.total_bytes))}
        {' · '}
        {trans.__('%1 of disk free', bytes(disk.free_bytes))}
      </p>
      {!machine.gpus_answered && (
        <p class="jp-Traindock-Trouble">{trans.__('The driver of the GPUs has not answered in time.')}</p>
      )}
      {machine.gpus_answered && machine.gpus.length === 0 && (
        <p class="jp-Traindock-Muted jp-Traindock-Nodes">{trans.__('No GPU.')}</p>
      )}
      {gpus.rows.length > 0 && (
        <ul class="jp-Traindock-List" aria-label={trans.__('GPUs')}>
          {gpus.rows.map(gpu => (
            <GpuRow key={gpu.uuid} trans={trans} gpu={gpu} actions={actions} />
          ))}
        </ul>
      )}
      <Pages
        offset={gpus.offset}
        shown={gpus.rows.length}
        more={gpus.more}
        turn={pages => model.turnGpus(pages)}
        label={trans.__('Pages of GPUs')}
        trans={trans}
      />
    </section>
  );
}

function GpuRow({ trans, gpu, actions }: { trans: Trans; gpu: Gpu; actions: IComputeActions }) {
  const { holder, busy_percent: busy, memory_bytes: total, memory_used_bytes: used } = gpu;
  const { workspace, run } = holder ?? { workspace: null, run: null };
  return (
    <li class="jp-Traindock-Gpu" title={gpu.uuid}>
      <span class="jp-Traindock-ListLine">
        <span class="jp-Traindock-Position">{gpu.number}</span>
        <span class="jp-Traindock-ListName">{shortened(gpu.name, LONGEST_NAME)}</span>
        <span class="jp-Traindock-Muted">{busy === null ? '' : `${busy} %`}</span>
      </span>
      {total !== null && used !== null && (
        <span class="jp-Traindock-ListLine">
          <meter
            min={0}
            max={total}
            value={used}
            aria-label={trans.__('Memory of GPU %1: %2 of %3', gpu.number, memory(used), memory(total))}
          />
          <span class="jp-Traindock-Muted">{trans.__('%1 of %2', memory(used), memory(total))}</span>
        </span>
      )}
      <span class="jp-Traindock-Muted jp-Traindock-Detail">
        {holder === null
          ? trans.__('free')
          : trans.__('held by %1', shortened(holder.user ?? trans.__('somebody'), LONGEST_NAME))}{' '}
        {run !== null && workspace !== null && (
          <button type="button" class="jp-Traindock-Link" onClick={() => actions.openRun(workspace, run)}>
            {shortened(run, LONGEST_NAME)}
          </button>
        )}
        {run !== null && workspace === null && shortened(run, LONGEST_NAME)}
      </span>
    </li>
  );
}

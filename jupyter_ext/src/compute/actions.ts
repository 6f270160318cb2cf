import { Clipboard, Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { Compute, QueueEntry } from '../../../widgets/src/compute_documents';
import { type ComputeModel, computePath, type Place } from '../../../widgets/src/model/compute_model';
import { briefName, runName } from '../../../widgets/src/model/run_name';
import { failureText } from '../../../widgets/src/problems';
import type { IPlace } from '../sidebar/menus';
import type { ITraindock } from '../tokens';

const LONGEST_NAME = 120;

/** What can be done with runs and compute targets. */
export interface IComputeActions {
  openRun(workspace: string, run: string): void;
  runMenu(entry: IQueued, place: IPlace, back: HTMLElement): void;
  targetMenu(compute: Compute, place: IPlace, back: HTMLElement): void;
  /** Ask whether a run is to end. */
  cancel(entry: QueueEntry): void;
}

/** A run on a compute target, and where it can be moved to. */
export interface IQueued {
  entry: QueueEntry;
  /** By place, what moves it there; none where it is at work, or there already. */
  moves: Partial<Record<Place, () => void>>;
}

/** Copy a run's id. */
export function copyRunId(run: string): void {
  Clipboard.copyToSystem(run);
}

/** Ask whether a run is to end, and have it end. */
export async function cancelRun({ trans }: ITraindock, model: ComputeModel, entry: QueueEntry): Promise<void> {
  const name = briefName(runName(entry), LONGEST_NAME);
  const sure = await showDialog({
    title: trans.__('Stop %1?', name),
    body:
      entry.started === null
        ? trans.__('It waits in the queue, and will not begin.')
        : trans.__('It is at work. What it has written so far is kept.'),
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Stop') })],
    defaultButton: 0
  });
  if (!sure.button.accept) {
    return;
  }
  try {
    await model.cancel(entry.run);
  } catch (error) {
    await showErrorMessage(trans.__('%1 cannot be stopped', name), failureText(error, trans));
  }
}

/** Ask whether a compute target is to be deleted, say what becomes of its runs, and delete it. */
export async function deleteTarget({ source, trans }: ITraindock, workspace: string, name: string): Promise<void> {
  const path = computePath(workspace, name);
  try {
    const { nodes } = await source.request<Compute>(path);
    const sentences = [
      nodes.waiting > 0 &&
        trans._n(
          '%1 run waits for it: it will end as failed, and say so.',
          '%1 runs wait for it: they will end as failed, and say so.',
          nodes.waiting
        ),
      nodes.busy > 0 &&
        trans._n('%1 run is at work on it, and goes on.', '%1 runs are at work on it, and go on.', nodes.busy),
      nodes.waiting + nodes.busy === 0 && trans.__('No run waits for it or is at work on it.'),
      trans.__('What its runs have left stays.')
    ];
    const sure = await showDialog({
      title: trans.__('Delete the compute target %1?', name),
      body: sentences.filter(sentence => sentence !== false).join(' '),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Delete') })],
      defaultButton: 0
    });
    if (sure.button.accept) {
      await source.request(path, { method: 'DELETE' });
    }
  } catch (error) {
    await showErrorMessage(trans.__('%1 was not deleted', name), failureText(error, trans));
  }
}

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { IRunningSessions } from '@jupyterlab/running';
import type { TranslationBundle } from '@jupyterlab/translation';
import { type ISignal, Signal } from '@lumino/signaling';
import { runName } from '../../../widgets/src/model/run_name';
import { runPath } from '../../../widgets/src/sources/source';
import { stateWord } from '../../../widgets/src/state_words';
import { eachRun } from '../each_run';
import { traindockIcon } from '../icons';
import type { ITabs } from '../tokens';
import type { ActiveRun, Activity } from './activity';

/** Runs that have not ended, for JupyterLab's panel of what is running. */
export class RunningRuns implements IRunningSessions.IManager {
  constructor(
    private readonly activity: Activity,
    private readonly tabs: ITabs,
    private readonly trans: TranslationBundle
  ) {
    this.name = trans.__('Runs');
    this.shutdownLabel = trans.__('Stop');
    this.shutdownAllLabel = trans.__('Stop All');
    this.shutdownAllConfirmationText = () =>
      trans._n(
        'Stop %1 run? What it has written is kept.',
        'Stop %1 runs? What they have written is kept.',
        this._own().length
      );
    activity.observe(() => this._runningChanged.emit());
  }

  readonly name: string;
  readonly shutdownLabel: string;
  readonly shutdownAllLabel: string;
  readonly shutdownAllConfirmationText: () => string;

  get runningChanged(): ISignal<this, void> {
    return this._runningChanged;
  }

  running(): IRunningSessions.IRunningItem[] {
    return this.activity.runs.map(run => this._item(run));
  }

  /** What is new is told by itself. */
  refreshRunning(): void {}

  shutdownAll(): void {
    void this._cancel(this._own());
  }

  private _own(): ActiveRun[] {
    return this.activity.runs.filter(run => run.signed && run.state !== 'CancelRequested');
  }

  private _item(run: ActiveRun): IRunningSessions.IRunningItem {
    const name = runName(run);
    return {
      className: 'jp-Traindock-RunningRun',
      icon: () => traindockIcon,
      label: () => name,
      labelTitle: () => `${run.id}\n${run.experiment} · ${run.compute_target}\n${run.detail}`,
      // no time: JupyterLab draws its panel when something happens, so that one would stand still
      detail: () => stateWord(run.state, this.trans),
      open: () => {
        this.tabs.openRun({ workspace: run.workspace, run: run.id });
      },
      shutdown: run.signed ? () => void this._stop(run, name) : undefined
    };
  }

  /** Stop a run, if that is meant. */
  private async _stop(run: ActiveRun, name: string): Promise<void> {
    const { trans } = this;
    const { button } = await showDialog({
      title: trans.__('Stop the run?'),
      body: trans.__('%1 is asked to end. What it has written until then is kept.', name),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Stop') })],
      defaultButton: 0
    });
    if (button.accept) {
      await this._cancel([run]);
    }
  }

  private async _cancel(runs: readonly ActiveRun[]): Promise<void> {
    const { trans } = this;
    await eachRun(
      runs,
      trans._n('The run cannot be stopped', 'Some runs cannot be stopped', runs.length),
      ({ workspace, id }) =>
        this.activity.source.request(runPath({ workspace, run: id }, '/cancel'), { method: 'POST' }),
      trans
    );
  }

  private readonly _runningChanged = new Signal<this, void>(this);
}

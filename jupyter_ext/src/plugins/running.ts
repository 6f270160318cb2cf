import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRunningSessionManagers } from '@jupyterlab/running';
import { RunningRuns } from '../activity/running_runs';
import { IActivity, ITabs, ITraindock } from '../tokens';

/** Shows runs that have not ended among all that is running. */
export const running: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-traindock:running',
  description: 'Adds runs to the panel of what is running.',
  autoStart: true,
  requires: [ITraindock, ITabs, IActivity],
  optional: [IRunningSessionManagers],
  activate: (
    _: JupyterFrontEnd,
    { trans }: ITraindock,
    tabs: ITabs,
    activity: IActivity,
    managers: IRunningSessionManagers | null
  ): void => {
    managers?.add(new RunningRuns(activity, tabs, trans));
  }
};

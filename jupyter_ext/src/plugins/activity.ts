import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Activity } from '../activity/activity';
import { IActivity, ITraindock } from '../tokens';

/** Knows which runs have not ended yet, for all that shows them outside of a tab. */
export const activity: JupyterFrontEndPlugin<IActivity> = {
  id: 'jupyterlab-traindock:activity',
  description: 'Follows the runs that have not ended yet.',
  autoStart: true,
  provides: IActivity,
  requires: [ITraindock],
  activate: (_: JupyterFrontEnd, { source, workspaces }: ITraindock): IActivity => new Activity(source, workspaces)
};

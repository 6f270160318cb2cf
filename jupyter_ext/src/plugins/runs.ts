import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStateDB } from '@jupyterlab/statedb';
import { experimentsSection } from '../sidebar/experiments/experiments_section';
import { RunsSection } from '../sidebar/runs/runs_section';
import { ISidebar, ITabs, ITraindock } from '../tokens';

/** Places below the workspace. */
const RUNS = 10;
const EXPERIMENTS = 20;

/** Lists runs and experiments in the sidebar, and does with them what a person wants. */
export const runs: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-traindock:runs',
  description: 'Adds runs and experiments of a workspace to the sidebar.',
  autoStart: true,
  requires: [ITraindock, ISidebar, ITabs],
  optional: [INotebookTracker, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    traindock: ITraindock,
    sidebar: ISidebar,
    tabs: ITabs,
    notebooks: INotebookTracker | null,
    state: IStateDB | null
  ) => {
    const { trans } = traindock;
    const { list, widget, toolbar } = new RunsSection(app, traindock, tabs, notebooks, state);
    sidebar.addSection({ id: 'runs', title: trans.__('Runs'), rank: RUNS, widget, toolbar });
    const experiments = experimentsSection(app, traindock, experiment => {
      list.ask({ within: [{ by: 'experiment', value: experiment }], group: '' });
      sidebar.expand('runs');
    });
    sidebar.addSection({
      id: 'experiments',
      title: trans.__('Experiments'),
      rank: EXPERIMENTS,
      expanded: false,
      ...experiments
    });
  }
};

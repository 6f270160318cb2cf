import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { IStateDB } from '@jupyterlab/statedb';
import { filterIcon, refreshIcon, Toolbar, ToolbarButton } from '@jupyterlab/ui-components';
import { CommandIDs } from '../../commands';
import { Insertion } from '../../insertion';
import type { ITabs, ITraindock } from '../../tokens';
import { focusAfterContextMenu } from '../menus';
import { ViewWidget } from '../view_widget';
import { firstRun, submitLine } from './code';
import { Looks } from './looks';
import { RunActions } from './run_actions';
import { addRunCommands } from './run_commands';
import { RunList } from './run_list';
import { type IRunsHost, RunsView } from './runs_view';

/** The sidebar's section of runs, and the commands that its menu has. */
export class RunsSection {
  constructor(
    app: JupyterFrontEnd,
    traindock: ITraindock,
    tabs: ITabs,
    notebooks: INotebookTracker | null,
    state: IStateDB | null
  ) {
    const { source, workspaces, trans } = traindock;
    const list = new RunList(source, workspaces, state);
    const looks = new Looks();
    const insertion = new Insertion(app, notebooks);
    const actions = new RunActions(traindock, tabs, insertion, () => void list.reload());
    addRunCommands(app.commands, list, actions, insertion, trans);
    const execute = (command: string) => (): void => {
      void app.commands.execute(command);
    };
    const host: IRunsHost = {
      open: rows => {
        if (list.workspace !== null) {
          actions.open(list.workspace, rows);
        }
      },
      remove: execute(CommandIDs.deleteRuns),
      compare: execute(CommandIDs.compareSelected),
      menuOpening: line => focusAfterContextMenu(app, line),
      get submitLine() {
        return submitLine(workspaces.current?.name ?? '');
      },
      get hasNotebook() {
        return insertion.possible;
      },
      insertFirstRun: () => {
        if (workspaces.current !== null) {
          insertion.insert(firstRun(workspaces.current.name));
        }
      },
      get trainScript() {
        return app.commands.hasCommand(CommandIDs.train) ? execute(CommandIDs.train) : undefined;
      }
    };
    this.list = list;
    this.widget = new ViewWidget(() => <RunsView list={list} looks={looks} host={host} trans={trans} />, trans);
    this.toolbar = new Toolbar();
    const options = new ToolbarButton({
      icon: filterIcon,
      tooltip: trans.__('Filter, sort and group'),
      onClick: () => {
        looks.toggleOptions();
        options.pressed = looks.options;
      }
    });
    this.toolbar.addItem('options', options);
    this.toolbar.addItem(
      'refresh',
      new ToolbarButton({
        icon: refreshIcon,
        tooltip: trans.__('Ask for the runs again'),
        onClick: () => void list.reload()
      })
    );
  }

  readonly list: RunList;
  readonly widget: ViewWidget;
  readonly toolbar: Toolbar;
}

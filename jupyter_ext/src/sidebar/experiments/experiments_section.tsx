import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard } from '@jupyterlab/apputils';
import { historyIcon, refreshIcon, Toolbar, ToolbarButton } from '@jupyterlab/ui-components';
import { CommandIDs } from '../../commands';
import type { ITraindock } from '../../tokens';
import { focusAfterContextMenu } from '../menus';
import { ViewWidget } from '../view_widget';
import { ExperimentList } from './experiment_list';
import { ExperimentsView, type IExperimentsHost } from './experiments_view';

/**
 * Return the sidebar's section of experiments, and add its commands.
 *
 * @param showRuns - Has the runs of an experiment listed alone.
 */
export function experimentsSection(
  app: JupyterFrontEnd,
  { source, workspaces, trans }: ITraindock,
  showRuns: (experiment: string) => void
): { widget: ViewWidget; toolbar: Toolbar } {
  const list = new ExperimentList(source, workspaces);
  const host: IExperimentsHost = {
    showRuns,
    menuOpening: line => focusAfterContextMenu(app, line)
  };
  const add = (
    id: string,
    label: string,
    act: (experiment: string) => unknown,
    isVisible = (): boolean => true
  ): void => {
    app.commands.addCommand(id, {
      label,
      describedBy: { args: { type: 'object', properties: {} } },
      isEnabled: () => list.selected !== undefined,
      isVisible,
      execute: () => (list.selected === undefined ? undefined : act(list.selected.name))
    });
  };
  add(CommandIDs.showExperiment, trans.__('Show Its Runs'), showRuns);
  add(CommandIDs.copyExperiment, trans.__('Copy Name'), name => Clipboard.copyToSystem(name));
  add(
    CommandIDs.newRun,
    trans.__('New Run…'),
    experiment => app.commands.execute(CommandIDs.train, { experiment }),
    () => app.commands.hasCommand(CommandIDs.train)
  );

  const toolbar = new Toolbar();
  const archived = new ToolbarButton({
    icon: historyIcon,
    tooltip: trans.__('Show archived experiments, too'),
    onClick: () => {
      list.ask({ archived: !list.query.archived });
      archived.pressed = list.query.archived;
    }
  });
  toolbar.addItem('archived', archived);
  toolbar.addItem(
    'refresh',
    new ToolbarButton({
      icon: refreshIcon,
      tooltip: trans.__('Ask for the experiments again'),
      onClick: () => void list.reload()
    })
  );
  return { widget: new ViewWidget(() => <ExperimentsView list={list} host={host} trans={trans} />, trans), toolbar };
}

import { ILabShell, ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import { TabPanel } from '@lumino/widgets';
import { CommandIDs } from '../commands';
import { traindockIcon } from '../icons';
import { Sidebar } from '../sidebar/sidebar';
import { IActivity, ISidebar, ITraindock } from '../tokens';

/** Between the running sessions (200) and the table of contents (400). */
const RANK = 300;

/** Shows runs, models and compute targets in the left area. */
export const sidebar: JupyterFrontEndPlugin<ISidebar> = {
  id: 'jupyterlab-traindock:sidebar',
  description: 'Adds the sidebar, whose sections other plugins add.',
  autoStart: true,
  provides: ISidebar,
  requires: [ITraindock, IActivity],
  optional: [ICommandPalette, ILabShell, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    traindock: ITraindock,
    activity: IActivity,
    palette: ICommandPalette | null,
    lab: ILabShell | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): ISidebar => {
    const { trans } = traindock;
    const panel = new Sidebar(traindock, activity, translator ?? undefined);
    let show = (): void => app.shell.activateById(panel.id);
    if (lab !== null) {
      app.shell.add(panel, 'left', { rank: RANK, type: 'Traindock' });
      restorer?.add(panel, panel.id);
    } else {
      // Notebook 7: its page of files has tabs, those of notebooks and files have a left area, which is closed at first.
      void app.started.then(() => {
        const [main] = [...app.shell.widgets('main')];
        if (main instanceof TabPanel) {
          panel.title.label = trans.__('Traindock');
          main.addWidget(panel);
          show = () => {
            main.currentWidget = panel;
            panel.activate();
          };
        } else {
          app.shell.add(panel, 'left', { rank: RANK });
        }
      });
    }
    app.commands.addCommand(CommandIDs.showSidebar, {
      // beside the other panels in the menu, its name is enough
      label: ({ inMenu }) => (inMenu ? trans.__('Traindock') : trans.__('Show Traindock')),
      caption: trans.__('Show the runs, models and compute targets of the workspace'),
      icon: ({ inMenu }) => (inMenu ? undefined : traindockIcon),
      describedBy: { args: { type: 'object', properties: { inMenu: { type: 'boolean' } } } },
      execute: () => show()
    });
    palette?.addItem({ command: CommandIDs.showSidebar, category: trans.__('Traindock') });
    return panel;
  }
};

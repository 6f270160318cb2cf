import { ILabShell, ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IEditorServices } from '@jupyterlab/codeeditor';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { CommandIDs } from '../commands';
import { areRuns, areShownTogether, isModel, isRun, isWorkspace } from '../shown';
import { Tabs } from '../tabs';
import { ITabs, ITraindock } from '../tokens';

/** Opens runs, models, comparisons and files as tabs, which are there again when the page is loaded anew. */
export const tabs: JupyterFrontEndPlugin<ITabs> = {
  id: 'jupyterlab-traindock:tabs',
  description: 'Opens runs, models, comparisons and source files of runs as tabs.',
  autoStart: true,
  provides: ITabs,
  requires: [ITraindock],
  optional: [IEditorServices, ILabShell, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    traindock: ITraindock,
    editors: IEditorServices | null,
    lab: ILabShell | null,
    restorer: ILayoutRestorer | null
  ): ITabs => {
    const found = new Tabs(lab === null ? 'right' : 'main', app, traindock, editors);
    addCommands(app.commands, found, traindock);
    if (restorer !== null) {
      for (const [command, tracker] of [
        [CommandIDs.openRun, found.runs],
        [CommandIDs.openTensorBoard, found.boards],
        [CommandIDs.compareRuns, found.comparisons],
        [CommandIDs.openModel, found.models]
      ] as const) {
        void restorer.restore(tracker, {
          command,
          args: tab => found.named(tab),
          name: tab => tab.id
        });
      }
    }
    return found;
  }
};

/** Commands do nothing where their arguments are not of the right form: a saved layout is no more trusted than a notebook. */
function addCommands(commands: CommandRegistry, tabs: Tabs, { trans }: ITraindock): void {
  commands.addCommand(CommandIDs.openRun, {
    label: trans.__('Open Run'),
    describedBy: { args: described({ run: { type: 'string' } }) },
    execute: ({ workspace, run }) => (isWorkspace(workspace) && isRun(run) ? tabs.openRun({ workspace, run }) : null)
  });
  commands.addCommand(CommandIDs.openTensorBoard, {
    label: trans.__('Open TensorBoard'),
    describedBy: { args: described({ run: { type: 'string' }, runs: { type: 'array', items: { type: 'string' } } }) },
    execute: ({ workspace, run, runs = [run] }) =>
      isWorkspace(workspace) && areShownTogether(runs) ? tabs.openTensorBoard(workspace, runs) : null
  });
  commands.addCommand(CommandIDs.compareRuns, {
    label: trans.__('Compare Runs'),
    describedBy: { args: described({ runs: { type: 'array', items: { type: 'string' } } }) },
    execute: ({ workspace, runs }) =>
      isWorkspace(workspace) && areRuns(runs) ? tabs.openComparison(workspace, runs) : null
  });
  commands.addCommand(CommandIDs.openModel, {
    label: trans.__('Open Model'),
    describedBy: { args: described({ name: { type: 'string' } }) },
    execute: ({ workspace, name }) => (isWorkspace(workspace) && isModel(name) ? tabs.openModel(workspace, name) : null)
  });
}

function described(properties: ReadonlyJSONObject): ReadonlyJSONObject {
  return { type: 'object', properties: { workspace: { type: 'string' }, ...properties } };
}

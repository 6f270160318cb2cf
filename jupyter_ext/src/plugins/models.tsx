import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyJSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { ModelRow } from '../../../widgets/src/documents';
import { ModelsModel } from '../../../widgets/src/model/models_model';
import { CommandIDs } from '../commands';
import { Held } from '../held';
import { Insertion } from '../insertion';
import { modelCode } from '../python_code';
import { copyName, deleteVersion, type IModelTarget, setAlias } from '../registry/actions';
import { type IModelActions, ModelsSection } from '../registry/models_section';
import { isModel, isWorkspace } from '../shown';
import { openMenu } from '../sidebar/menus';
import { ViewWidget } from '../sidebar/view_widget';
import { ISidebar, ITraindock } from '../tokens';

const RANK = 30;

/** Lists the registered models in the sidebar, with what can be done with them. */
export const models: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-traindock:models',
  description: 'Lists the registered models in the sidebar.',
  autoStart: true,
  requires: [ITraindock, ISidebar],
  optional: [INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    traindock: ITraindock,
    sidebar: ISidebar,
    notebooks: INotebookTracker | null
  ): void => {
    const { commands } = app;
    addCommands(commands, traindock, new Insertion(app, notebooks));
    const held = new Held(traindock.workspaces, workspace => new ModelsModel(traindock.source, workspace));
    const argsOf = ({ name, version }: ModelRow): ReadonlyJSONObject => ({
      workspace: held.current?.workspace ?? '',
      name,
      version
    });
    const actions: IModelActions = {
      open: row => {
        void commands.execute(CommandIDs.openModel, argsOf(row));
      },
      menu: (row, place, back) => {
        const args = argsOf(row);
        openMenu(
          commands,
          [
            { command: CommandIDs.openModel, args },
            { command: CommandIDs.copyModelName, args },
            { command: CommandIDs.insertModel, args },
            { type: 'separator' },
            { command: CommandIDs.setModelAlias, args },
            { type: 'separator' },
            { command: CommandIDs.deleteModelVersion, args }
          ],
          place,
          back
        );
      }
    };
    const { trans } = traindock;
    const widget = new ViewWidget(() => <ModelsSection traindock={traindock} held={held} actions={actions} />, trans);
    sidebar.addSection({ id: 'models', title: trans.__('Models'), rank: RANK, widget });
  }
};

/** Commands do nothing where their arguments are not of the right form. */
function addCommands(commands: CommandRegistry, traindock: ITraindock, insertion: Insertion): void {
  const { trans, workspaces } = traindock;
  const args = { workspace: { type: 'string' }, name: { type: 'string' }, version: { type: 'integer', minimum: 1 } };
  const add = (
    id: string,
    label: string,
    execute: (model: IModelTarget, version: number) => unknown,
    isEnabled: () => boolean = () => true
  ): void => {
    commands.addCommand(id, {
      label,
      isEnabled,
      describedBy: { args: { type: 'object', properties: args } },
      execute: given => {
        const model = targetOf(given);
        return model === null ? null : execute(model, Number(given.version));
      }
    });
  };
  add(CommandIDs.copyModelName, trans.__('Copy Name'), copyName);
  add(
    CommandIDs.insertModel,
    trans.__('Insert Code That Loads It'),
    ({ workspace, name }, version) => {
      const found = workspaces.all?.find(one => one.id === workspace);
      if (found !== undefined) {
        insertion.insert(modelCode(found.name, name, version));
      }
    },
    () => insertion.possible
  );
  add(CommandIDs.setModelAlias, trans.__('Set an Alias…'), (model, version) => setAlias(traindock, model, version));
  add(CommandIDs.deleteModelVersion, trans.__('Delete a Version…'), model => deleteVersion(traindock, model));
}

function targetOf({ workspace, name, version = 1 }: ReadonlyPartialJSONObject): IModelTarget | null {
  const fits = isWorkspace(workspace) && isModel(name) && Number.isInteger(version) && Number(version) > 0;
  return fits ? { workspace, name } : null;
}

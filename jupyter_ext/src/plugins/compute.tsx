import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, type MainAreaWidget, Notification, WidgetTracker } from '@jupyterlab/apputils';
import { IStateDB } from '@jupyterlab/statedb';
import { addIcon, Toolbar, ToolbarButton } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { Menu } from '@lumino/widgets';
import { ComputeModel } from '../../../widgets/src/model/compute_model';
import { CommandIDs } from '../commands';
import { cancelRun, copyRunId, deleteTarget, type IComputeActions, type IQueued } from '../compute/actions';
import { ComputeForm } from '../compute/compute_form';
import { ComputeSection } from '../compute/compute_section';
import type { ITypedForm } from '../compute/typed';
import { Held } from '../held';
import { type IDrafts, Remembered } from '../remembered';
import { isCompute, isWorkspace } from '../shown';
import { openMenu } from '../sidebar/menus';
import { ViewWidget } from '../sidebar/view_widget';
import { ISidebar, ITabs, ITraindock } from '../tokens';

const ID = 'jupyterlab-traindock:compute';
const RANK = 40;
const RESTORED = 'traindock:restore-compute-form';

/** Shows compute targets, queues and GPUs in the sidebar, and makes and changes compute targets. */
export const compute: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Shows compute targets, their queues and GPUs in the sidebar.',
  autoStart: true,
  requires: [ITraindock, ITabs, ISidebar],
  optional: [ICommandPalette, ILayoutRestorer, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    traindock: ITraindock,
    tabs: ITabs,
    sidebar: ISidebar,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    state: IStateDB | null
  ): void => {
    const { commands } = app;
    const { source, trans, workspaces } = traindock;
    const held = new Held(workspaces, workspace => new ComputeModel(source, workspace));
    const forms = new WidgetTracker<MainAreaWidget>({ namespace: 'traindock-compute-forms' });
    addCommands(commands, traindock, tabs, forms, new Remembered<ITypedForm>(state, ID));
    void restorer?.restore(forms, { command: RESTORED, args: tab => tabs.named(tab), name: tab => tab.id });
    palette?.addItem({ command: CommandIDs.newCompute, category: trans.__('Traindock') });

    const cancel: IComputeActions['cancel'] = entry => {
      const model = held.current;
      if (model !== null) {
        void cancelRun(traindock, model, entry);
      }
    };
    // What a queue's run is moved by lives as long as its menu: no command can be given it as an argument.
    let chosen: IQueued | null = null;
    const items = addQueueCommands(commands, traindock, () => chosen, cancel);
    const actions: IComputeActions = {
      cancel,
      openRun: (workspace, run) => tabs.openRun({ workspace, run }),
      runMenu: (queued, place, back) => {
        chosen = queued;
        const args = { workspace: held.current?.workspace ?? '', run: queued.entry.run };
        openMenu(commands, [{ command: CommandIDs.openRun, args }, ...items], place, back);
      },
      targetMenu: ({ name }, place, back) => {
        const args = { workspace: held.current?.workspace ?? '', name };
        openMenu(
          commands,
          [
            { command: CommandIDs.changeCompute, args },
            { command: CommandIDs.newCompute },
            { type: 'separator' },
            { command: CommandIDs.deleteCompute, args }
          ],
          place,
          back
        );
      }
    };
    const toolbar = new Toolbar();
    toolbar.addItem(
      'new',
      new ToolbarButton({
        icon: addIcon,
        tooltip: trans.__('New compute target…'),
        onClick: () => {
          void commands.execute(CommandIDs.newCompute);
        }
      })
    );
    const widget = new ViewWidget(() => <ComputeSection traindock={traindock} held={held} actions={actions} />, trans);
    sidebar.addSection({ id: 'compute', title: trans.__('Compute'), rank: RANK, widget, toolbar });
  }
};

/** Commands do nothing where their arguments are not of the right form. */
function addCommands(
  commands: CommandRegistry,
  traindock: ITraindock,
  tabs: ITabs,
  forms: WidgetTracker<MainAreaWidget>,
  drafts: IDrafts<ITypedForm>
): void {
  const { trans, workspaces } = traindock;
  const args = { type: 'object', properties: { workspace: { type: 'string' }, name: { type: 'string' } } } as const;
  const openForm = (workspace: string, name: string | null): MainAreaWidget => {
    const id = `traindock-compute-${workspace}-${name ?? ''}`;
    const label = name ?? trans.__('New compute target');
    const view = (close: () => void) => (
      <ComputeForm
        traindock={traindock}
        drafts={drafts}
        workspace={workspace}
        name={name}
        onClose={close}
        onDone={made => {
          close();
          Notification.success(trans.__('Compute target %1 is saved.', made.name), { autoClose: 5000 });
        }}
      />
    );
    return tabs.openForm(id, label, view, { workspace, name }, forms);
  };
  commands.addCommand(RESTORED, {
    describedBy: { args },
    isVisible: () => false,
    execute: ({ workspace, name }) =>
      isWorkspace(workspace) && (name === null || isCompute(name)) ? openForm(workspace, name) : null
  });
  commands.addCommand(CommandIDs.newCompute, {
    label: trans.__('New Compute Target…'),
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled: () => workspaces.current !== null,
    execute: async () => {
      await (workspaces.all === null ? workspaces.load() : null);
      if (workspaces.current !== null) {
        openForm(workspaces.current.id, null);
      }
    }
  });
  commands.addCommand(CommandIDs.changeCompute, {
    label: trans.__('Change…'),
    describedBy: { args },
    isEnabled: ({ name }) => name !== 'local', // it is always there as it is
    execute: ({ workspace, name }) => (isWorkspace(workspace) && isCompute(name) ? openForm(workspace, name) : null)
  });
  commands.addCommand(CommandIDs.deleteCompute, {
    label: trans.__('Delete…'),
    describedBy: { args },
    isEnabled: ({ name }) => name !== 'local',
    execute: ({ workspace, name }) =>
      isWorkspace(workspace) && isCompute(name) ? deleteTarget(traindock, workspace, name) : null
  });
}

/** Add what can be done with the run whose menu is open, and return its entries. */
function addQueueCommands(
  commands: CommandRegistry,
  { trans }: ITraindock,
  chosen: () => IQueued | null,
  cancel: IComputeActions['cancel']
): Menu.IItemOptions[] {
  const describedBy = { args: { type: 'object', properties: {} } } as const;
  const moves = [
    ['front', trans.__('Move to the Front')],
    ['up', trans.__('Move Up')],
    ['down', trans.__('Move Down')],
    ['end', trans.__('Move to the End')]
  ] as const;
  const items: Menu.IItemOptions[] = moves.map(([place, label]) => {
    const command = `${CommandIDs.moveRun}-${place}`;
    commands.addCommand(command, {
      label,
      describedBy,
      isEnabled: () => chosen()?.moves[place] !== undefined,
      isVisible: () => Object.keys(chosen()?.moves ?? {}).length > 0,
      execute: () => chosen()?.moves[place]?.()
    });
    return { command };
  });
  commands.addCommand(CommandIDs.copyQueuedRun, {
    label: trans.__('Copy Id'),
    describedBy,
    execute: () => copyRunId(chosen()?.entry.run ?? '')
  });
  commands.addCommand(CommandIDs.cancelQueuedRun, {
    label: trans.__('Stop…'),
    describedBy,
    execute: () => {
      const entry = chosen()?.entry;
      if (entry !== undefined) {
        cancel(entry);
      }
    }
  });
  return [
    { command: CommandIDs.copyQueuedRun },
    { type: 'separator' },
    ...items,
    { type: 'separator' },
    { command: CommandIDs.cancelQueuedRun }
  ];
}

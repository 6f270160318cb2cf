import { ILabShell, ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import type { DocumentRegistry, IDocumentWidget } from '@jupyterlab/docregistry';
import { FileDialog, IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { IEditorTracker } from '@jupyterlab/fileeditor';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ToolbarButton } from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { CommandIDs } from '../commands';
import { traindockIcon } from '../icons';
import { Remembered } from '../remembered';
import { isExperiment, isRun, isWorkspace } from '../shown';
import type { KeptDraft } from '../submit/draft';
import { Forms } from '../submit/forms';
import { pathOf, saved } from '../submit/ways_in';
import { ITabs, ITraindock } from '../tokens';

const ID = 'jupyterlab-traindock:submit';
const SCRIPT = /\.py$/i;
const SUBMITTED = /\.(?:py|ipynb)$/i;
const NOTEBOOK = /\.ipynb$/i;
/** The name of our button in toolbars, as the settings have it. */
const BUTTON = 'traindock-train';

type Document = IDocumentWidget | null;

/** Submits scripts and notebooks, from wherever one is looking at them. */
export const submit: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Submits scripts, folders and notebooks by a form.',
  autoStart: true,
  requires: [ITraindock, ITabs],
  optional: [
    ICommandPalette,
    IDocumentManager,
    IEditorTracker,
    IFileBrowserFactory,
    ILabShell,
    ILauncher,
    ILayoutRestorer,
    INotebookTracker,
    ISettingRegistry,
    IStateDB,
    IToolbarWidgetRegistry
  ],
  activate: (
    app: JupyterFrontEnd,
    traindock: ITraindock,
    tabs: ITabs,
    palette: ICommandPalette | null,
    documents: IDocumentManager | null,
    editors: IEditorTracker | null,
    browsers: IFileBrowserFactory | null,
    lab: ILabShell | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    notebooks: INotebookTracker | null,
    registry: ISettingRegistry | null,
    state: IStateDB | null,
    toolbars: IToolbarWidgetRegistry | null
  ): void => {
    const { commands, shell } = app;
    const { contents } = app.serviceManager;
    const { trans } = traindock;
    let usualCompute = '';
    const forms = new Forms(traindock, tabs, contents, new Remembered<KeptDraft>(state, ID), () => usualCompute);
    void registry
      ?.load(ID)
      .then(settings => {
        const read = (): void => {
          usualCompute = String(settings.get('computeTarget').composite ?? '');
        };
        settings.changed.connect(read);
        read();
      })
      .catch(() => undefined); // without its settings all is as usual

    const open = (path: string, experiment?: string) => {
      const own = pathOf(path, contents, trans);
      return own === undefined ? null : forms.open(own, { experiment });
    };
    /** Return the document of a kind that is being edited. */
    const edited = (kind: RegExp): Document => {
      const current = shell.currentWidget;
      const tracker = kind === NOTEBOOK ? notebooks : editors;
      // in Notebook 7 what is beside the document may have the focus
      const found = current !== null && tracker?.has(current) ? current : lab === null ? tracker?.currentWidget : null;
      const document = (found ?? null) as Document;
      return document !== null && kind.test(document.context.path) ? document : null;
    };
    const openDocument = async (document: Document, experiment?: string) =>
      document !== null && (await saved(document.context as DocumentRegistry.Context, contents, trans))
        ? open(document.context.path, experiment)
        : null;
    /** Open what a path names, once it is saved where it is being edited. */
    const openPath = (path: string, experiment?: string) => {
      const document = documents?.findWidget(path) as Document | undefined;
      return document === undefined || document === null ? open(path, experiment) : openDocument(document, experiment);
    };
    const selected = (): string[] => [...(browsers?.tracker.currentWidget?.selectedItems() ?? [])].map(one => one.path);

    commands.addCommand(CommandIDs.train, {
      label: args => (args.isLauncher ? trans.__('Train a Script') : trans.__('Train a Script or Notebook…')),
      caption: trans.__('Choose a script or a notebook, and submit it as a run'),
      icon: args => (args.isPalette ? undefined : traindockIcon),
      describedBy: { args: described({ cwd: { type: 'string' }, experiment: { type: 'string' } }) },
      isVisible: () => documents !== null,
      execute: async ({ cwd, experiment }) => {
        if (documents === null) {
          return null;
        }
        const { button, value } = await FileDialog.getOpenFiles({
          manager: documents,
          title: trans.__('Train a script or a notebook'),
          label: trans.__('A Python script, a notebook, or a folder that has some'),
          defaultPath: typeof cwd === 'string' ? cwd : browsers?.tracker.currentWidget?.model.path,
          filter: item => (item.type === 'directory' || SUBMITTED.test(item.name) ? {} : null)
        });
        const path = button.accept ? value?.[0]?.path : undefined;
        return path === undefined ? null : openPath(path, typeof experiment === 'string' ? experiment : undefined);
      }
    });
    commands.addCommand(CommandIDs.trainFile, {
      label: trans.__('Train This Script…'),
      caption: trans.__('Save this script, and submit it as a run'),
      icon: args => (args.isPalette ? undefined : traindockIcon),
      describedBy: { args: described({ path: { type: 'string' } }) },
      isEnabled: ({ path }) => typeof path === 'string' || edited(SCRIPT) !== null,
      isVisible: ({ path }) => typeof path === 'string' || edited(SCRIPT) !== null,
      execute: ({ path }) => (typeof path === 'string' ? openPath(path) : openDocument(edited(SCRIPT)))
    });
    commands.addCommand(CommandIDs.trainNotebook, {
      label: trans.__('Train This Notebook…'),
      caption: trans.__('Save this notebook, and submit it as a run: all its cells are executed there'),
      icon: args => (args.isPalette ? undefined : traindockIcon),
      describedBy: { args: described({ path: { type: 'string' } }) },
      isEnabled: ({ path }) => typeof path === 'string' || edited(NOTEBOOK) !== null,
      isVisible: ({ path }) => typeof path === 'string' || edited(NOTEBOOK) !== null,
      execute: ({ path }) => (typeof path === 'string' ? openPath(path) : openDocument(edited(NOTEBOOK)))
    });
    commands.addCommand(CommandIDs.trainSelected, {
      label: trans.__('Train…'),
      caption: trans.__('Submit it as a run'),
      icon: traindockIcon,
      describedBy: { args: described({}) },
      isEnabled: () => selected().length === 1,
      execute: () => {
        const [path, ...others] = selected();
        return path === undefined || others.length > 0 ? null : openPath(path);
      }
    });
    commands.addCommand(CommandIDs.resubmitWithChanges, {
      label: trans.__('Resubmit with Changes…'),
      describedBy: { args: described({ workspace: { type: 'string' }, run: { type: 'string' } }) },
      execute: ({ workspace, run }) =>
        isWorkspace(workspace) && isRun(run) ? forms.openAgain({ workspace, run }) : null
    });
    // what a saved layout names is shown without touching what is being edited
    commands.addCommand(RESTORED, {
      describedBy: {
        args: described({ path: { type: 'string' }, experiment: { type: 'string' }, workspace: { type: 'string' } })
      },
      isVisible: () => false,
      execute: ({ path, experiment, workspace }) =>
        typeof path === 'string'
          ? forms.open(path, {
              experiment: isExperiment(experiment) ? experiment : undefined,
              workspace: isWorkspace(workspace) ? workspace : undefined,
              restored: true
            })
          : null
    });

    for (const command of [CommandIDs.train, CommandIDs.trainFile, CommandIDs.trainNotebook]) {
      palette?.addItem({ command, category: trans.__('Traindock'), args: { isPalette: true } });
    }
    launcher?.add({ command: CommandIDs.train, args: { isLauncher: true }, category: trans.__('Other'), rank: 2 });
    for (const [factory, kind] of [
      ['Notebook', NOTEBOOK],
      ['Editor', SCRIPT]
    ] as const) {
      toolbars?.addFactory<IDocumentWidget>(factory, BUTTON, document => {
        const button = new ToolbarButton({
          icon: traindockIcon,
          tooltip: kind === NOTEBOOK ? trans.__('Train this notebook') : trans.__('Train this script'),
          onClick: () => void openDocument(document)
        });
        const see = (): void => button.setHidden(!kind.test(document.context.path));
        document.context.pathChanged.connect(see);
        see();
        return button;
      });
    }
    void restorer?.restore(forms.newRuns, {
      command: RESTORED,
      args: tab => tabs.named(tab),
      name: tab => tab.id
    });
    void restorer?.restore(forms.again, {
      command: CommandIDs.resubmitWithChanges,
      args: tab => tabs.named(tab),
      name: tab => tab.id
    });
  }
};

const RESTORED = 'traindock:restore-form';

function described(properties: ReadonlyJSONObject): ReadonlyJSONObject {
  return { type: 'object', properties };
}

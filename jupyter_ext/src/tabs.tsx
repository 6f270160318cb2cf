import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, showErrorMessage, WidgetTracker } from '@jupyterlab/apputils';
import { CodeEditor, CodeEditorWrapper, type IEditorServices } from '@jupyterlab/codeeditor';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { IFrame } from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';
import { render, type VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import type { RunDocument } from '../../widgets/src/documents';
import { ModelNews } from '../../widgets/src/model/model_news';
import { RunModel } from '../../widgets/src/model/run_model';
import { briefName, runName } from '../../widgets/src/model/run_name';
import { query, type RunTarget, runPath } from '../../widgets/src/sources/source';
import { RunCard } from '../../widgets/src/views/card';
import { CompareCard } from '../../widgets/src/views/compare/compare_card';
import type { IHost } from '../../widgets/src/views/header';
import { useObserved, useRun } from '../../widgets/src/views/hooks';
import { ModelCard } from '../../widgets/src/views/models/model_card';
import { partsHere } from '../../widgets/src/views/parts';
import { CommandIDs } from './commands';
import { traindockIcon } from './icons';
import { modelCode } from './python_code';
import { Surroundings } from './surroundings';
import type { ITraindock } from './tokens';

/** Characters that a tab has room for. */
export const LONGEST_LABEL = 22;
/** Those beside the word “TensorBoard”. */
const LONGEST_BESIDE_TENSORBOARD = 14;
/** Those beside the number of a run. */
const LONGEST_BESIDE_NUMBER = 14;
const OPEN_FOLDER = 'filebrowser:open-path';

/** A view as the content of a tab. */
class TabContent extends Widget {
  /** @param seen - Called with whether anybody can see it. */
  constructor(
    view: VNode,
    { versions, trans }: ITraindock,
    private readonly seen: (visible: boolean) => void = () => undefined
  ) {
    super();
    this.addClass('jp-Traindock-RunTab');
    render(
      <Surroundings versions={versions} trans={trans}>
        {view}
      </Surroundings>,
      this.node
    );
  }

  /** End following what is shown. */
  override dispose(): void {
    render(null, this.node);
    super.dispose();
  }

  protected override onAfterShow(): void {
    this.seen(true);
  }

  protected override onAfterHide(): void {
    this.seen(false);
  }
}

function ModelTab({ traindock, news, host }: { traindock: ITraindock; news: ModelNews; host: IHost }) {
  useObserved(traindock.workspaces);
  const workspace = traindock.workspaces.all?.find(one => one.id === news.workspace);
  const code = workspace && ((version: number) => modelCode(workspace.name, news.name, version));
  return <ModelCard news={news} host={host} code={code} />;
}

/** What a run is called, and its number in its experiment; null until that is told. */
interface RunTabName {
  name: string;
  number: number | null;
}

/** A run's card, which tells what the run is called. */
function RunTab({ model, host, onName }: { model: RunModel; host: IHost; onName(name: RunTabName): void }) {
  useRun(model);
  const { name } = model;
  const number = model.run?.number ?? null;
  useEffect(() => onName({ name, number }), [name, number]);
  return <RunCard model={model} host={host} parts={partsHere} />;
}

/** Return a page of this server in a frame. */
function frame(url: string): Widget {
  const made = new IFrame({ sandbox: ['allow-scripts', 'allow-same-origin', 'allow-downloads', 'allow-popups'] });
  made.url = url;
  return made;
}

/**
 * Opens runs, and files of their snapshots, as tabs. What is open already is shown again.
 *
 * JupyterLab's main area has tabs. That of Notebook 7 has room for the notebook alone, and takes nothing else without a
 * word: there they come into the panel on the right, one at a time, since that has nothing to close them by. Forms stay there
 * behind what is shown, until they are opened again.
 */
export class Tabs {
  constructor(
    private readonly area: 'main' | 'right',
    private readonly app: JupyterFrontEnd,
    private readonly traindock: ITraindock,
    private readonly editors: IEditorServices | null
  ) {}

  /** Whether there is room for tabs beside the notebook: what has none opens as a page of its own. */
  get hasRoom(): boolean {
    return this.area === 'main';
  }

  /** The tabs of runs, to be there again when the page is loaded anew. */
  readonly runs = new WidgetTracker<MainAreaWidget>({ namespace: 'traindock-runs' });
  /** Those of registered models. */
  readonly models = new WidgetTracker<MainAreaWidget>({ namespace: 'traindock-models' });
  /** Those of TensorBoard. */
  readonly boards = new WidgetTracker<MainAreaWidget>({ namespace: 'traindock-tensorboards' });
  /** Those of comparisons. */
  readonly comparisons = new WidgetTracker<MainAreaWidget>({ namespace: 'traindock-comparisons' });

  /** What cards may do here. */
  readonly host: IHost = {
    openRun: (workspace, run) => {
      this.openRun({ workspace, run });
    },
    beside: target => {
      const { trans } = this.traindock;
      const change = (): void => void this.app.commands.execute(CommandIDs.resubmitWithChanges, { ...target });
      return (
        <button type="button" onClick={change}>
          {trans.__('Resubmit with Changes…')}
        </button>
      );
    },
    openTensorBoard: (workspace, run) => {
      this.openTensorBoard(workspace, [run]);
    },
    openFolder: path => {
      this._openFolder(path);
    },
    openSource: (workspace, run, path, line) => {
      this.openSource({ workspace, run }, path, line).catch((error: Error) => {
        const { trans } = this.traindock;
        void showErrorMessage(trans.__('%1 of run %2 cannot be shown', path, run), error);
      });
    }
  };

  /** Show a run's card at full size. */
  openRun(target: RunTarget): MainAreaWidget {
    const named = (told: RunTabName): void => {
      tab.title.caption = `${told.name}\n${target.run}`;
      this._runNames.set(tab, told);
      this._labelRuns();
    };
    const tab = this.openView(
      `traindock-run-${target.workspace}-${target.run}`,
      target.run,
      () => <RunTab model={new RunModel(this.traindock.source, target)} host={this.host} onName={named} />,
      { ...target },
      this.runs
    );
    tab.disposed.connect(() => {
      this._runNames.delete(tab);
      this._labelRuns();
    });
    return tab;
  }

  /** Show 2 to 10 runs of a workspace side by side. */
  openComparison(workspace: string, runs: readonly string[]): MainAreaWidget {
    const { trans } = this.traindock;
    return this.openView(
      `traindock-comparison-${workspace}-${runs.join('-')}`,
      trans._n('%1 run', '%1 runs', runs.length),
      () => <CompareCard source={this.traindock.source} workspace={workspace} ids={runs} />,
      { workspace, runs: [...runs] },
      this.comparisons
    );
  }

  /** Show a registered model with all its versions. */
  openModel(workspace: string, name: string): MainAreaWidget {
    const { source } = this.traindock;
    return this.openView(
      `traindock-model-${workspace}-${name}`,
      name,
      () => <ModelTab traindock={this.traindock} news={new ModelNews(source, workspace, name)} host={this.host} />,
      { workspace, name },
      this.models
    );
  }

  /**
   * Show one run or several in one TensorBoard, which the server runs; beside a notebook there is no room for it, but in a
   * page of its own.
   */
  openTensorBoard(workspace: string, runs: readonly string[]): MainAreaWidget | null {
    const { trans } = this.traindock;
    const named = [...runs].sort().join(',');
    const url = URLExt.join(PageConfig.getBaseUrl(), 'traindock', 'tensorboard', workspace, named, '/');
    if (this.area === 'right') {
      window.open(url, '_blank', 'noopener');
      return null;
    }
    const [first] = runs;
    const only = runs.length === 1 ? first : undefined;
    const label =
      only === undefined
        ? trans._n('TensorBoard: %1 run', 'TensorBoard: %1 runs', runs.length)
        : trans.__('TensorBoard: %1', only);
    const tab = this._openTracked(
      `traindock-tensorboard-${workspace}-${named}`,
      label,
      () => frame(url),
      { workspace, runs: [...runs] },
      this.boards
    );
    if (only !== undefined) {
      void this._nameBoard(tab, { workspace, run: only });
    }
    return tab;
  }

  /**
   * Show a form. It stays whatever else is shown: nothing takes away what a person is filling in.
   *
   * @param view - Returns it, given what closes its tab.
   */
  openForm(
    id: string,
    label: string,
    view: (close: () => void) => VNode,
    shown: ReadonlyJSONObject,
    tracker: WidgetTracker<MainAreaWidget>,
    seen?: (visible: boolean) => void
  ): MainAreaWidget {
    this._forms.add(id);
    const content = () =>
      new TabContent(
        view(() => tab.dispose()),
        this.traindock,
        seen
      );
    const tab = this._openTracked(id, label, content, shown, tracker);
    return tab;
  }

  /**
   * Show something else of ours.
   *
   * @param id - Of the tab: what has the same is shown again.
   * @param shown - The arguments of the command that opens it; see {@link named}.
   * @param tracker - Of its kind of tabs.
   * @param seen - Called with whether anybody can see it.
   */
  openView(
    id: string,
    label: string,
    view: () => VNode,
    shown: ReadonlyJSONObject,
    tracker: WidgetTracker<MainAreaWidget>,
    seen?: (visible: boolean) => void
  ): MainAreaWidget {
    return this._openTracked(id, label, () => new TabContent(view(), this.traindock, seen), shown, tracker);
  }

  /** Return what a tab of {@link runs} or another tracker shows: the arguments of the command that opens it. */
  named(tab: Widget): ReadonlyJSONObject {
    return this._shown.get(tab) ?? {};
  }

  /** Have a tab be opened by other arguments from now on. */
  rename(tab: MainAreaWidget, shown: ReadonlyJSONObject, tracker: WidgetTracker<MainAreaWidget>): void {
    this._shown.set(tab, shown);
    void tracker.save(tab);
  }

  /** Show a file as the run was submitted with it, at a line (from 1). */
  async openSource(target: RunTarget, path: string, line: number): Promise<void> {
    const editors = this.editors;
    if (editors === null) {
      return;
    }
    const data = await this.traindock.source.bytes(runPath(target, `/snapshot/content${query({ name: path })}`));
    const text = new TextDecoder().decode(data);
    const tab = this._open(`traindock-source-${target.run}-${path}`, `${path} (${target.run})`, () => {
      const model = new CodeEditor.Model({ mimeType: editors.mimeTypeService.getMimeTypeByFilePath(path) });
      model.sharedModel.setSource(text);
      return new CodeEditorWrapper({
        model,
        factory: editors.factoryService.newDocumentEditor,
        editorOptions: { config: { readOnly: true, lineNumbers: true } }
      });
    });
    const editor = (tab.content as CodeEditorWrapper).editor;
    const start = { line: line - 1, column: 0 };
    editor.setSelection({ start, end: { line: start.line, column: editor.getLine(start.line)?.length ?? 0 } });
    editor.revealPosition(start);
  }

  /** Call a tab with the TensorBoard of one run by the name that it has by now. */
  private async _nameBoard(tab: MainAreaWidget, target: RunTarget): Promise<void> {
    const { source, trans } = this.traindock;
    let name: string;
    try {
      name = runName(await source.request<RunDocument>(runPath(target)));
    } catch {
      return; // it keeps the run's id, and what is wrong is told in the frame
    }
    tab.title.label = trans.__('TensorBoard: %1', briefName(name, LONGEST_BESIDE_TENSORBOARD));
    tab.title.caption = `${name}\n${target.run}`;
  }

  /** Show a folder in the file browser, which Notebook 7 has on a page of its own. */
  private _openFolder(path: string): void {
    if (this.app.commands.hasCommand(OPEN_FOLDER)) {
      void this.app.commands.execute(OPEN_FOLDER, { path });
    } else {
      window.open(URLExt.join(PageConfig.getBaseUrl(), 'tree', URLExt.encodeParts(path)), '_blank', 'noopener');
    }
  }

  private _openTracked(
    id: string,
    label: string,
    make: () => Widget,
    shown: ReadonlyJSONObject,
    tracker: WidgetTracker<MainAreaWidget>
  ): MainAreaWidget {
    const tab = this._open(id, label, make);
    if (!tracker.has(tab)) {
      this._shown.set(tab, shown);
      void tracker.add(tab);
    }
    return tab;
  }

  private _open(id: string, label: string, make: () => Widget): MainAreaWidget {
    let tab = this._tabs.get(id);
    if (tab === undefined || tab.isDisposed) {
      tab = new MainAreaWidget({ content: make() });
      tab.id = id;
      tab.title.label = label;
      tab.title.icon = traindockIcon;
      tab.title.closable = true;
      tab.disposed.connect(() => this._tabs.delete(id));
      if (this.area === 'right') {
        for (const [name, other] of [...this._tabs]) {
          if (!this._forms.has(name)) {
            other.dispose();
          }
        }
      }
      this._tabs.set(id, tab);
      this.app.shell.add(tab, this.area);
    }
    this.app.shell.activateById(id);
    return tab;
  }

  /** Call the tabs of runs by their names, and those that would be called the same by their numbers, too. */
  private _labelRuns(): void {
    const { trans } = this.traindock;
    const all = [...this._runNames].map(([tab, told]) => ({
      tab,
      ...told,
      label: briefName(told.name, LONGEST_LABEL)
    }));
    for (const { tab, name, number, label } of all) {
      const alone = number === null || all.every(one => one.tab === tab || one.label !== label);
      tab.title.label = alone ? label : trans.__('%1 (number %2)', briefName(name, LONGEST_BESIDE_NUMBER), number);
    }
  }

  private readonly _runNames = new Map<MainAreaWidget, RunTabName>();
  private readonly _tabs = new Map<string, MainAreaWidget>();
  /** Ids of those that are forms. */
  private readonly _forms = new Set<string>();
  private readonly _shown = new WeakMap<Widget, ReadonlyJSONObject>();
}

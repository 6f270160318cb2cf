import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, showErrorMessage } from '@jupyterlab/apputils';
import { CodeEditor, CodeEditorWrapper, type IEditorServices } from '@jupyterlab/codeeditor';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { Widget } from '@lumino/widgets';
import { render } from 'preact';
import { RunModel } from '../../widgets/src/model/run_model';
import { query, type RunTarget, runPath, type Source } from '../../widgets/src/sources/source';
import { RunCard } from '../../widgets/src/views/card';
import type { IHost } from '../../widgets/src/views/header';
import { Surroundings } from './surroundings';
import type { Versions } from './versions';

const OPEN_FOLDER = 'filebrowser:open-path';

/** A card as the content of a tab. */
class CardContent extends Widget {
  constructor(source: Source, target: RunTarget, host: IHost, versions: Versions) {
    super();
    this.addClass('jp-Traindock-RunTab');
    render(
      <Surroundings versions={versions}>
        <RunCard model={new RunModel(source, target)} host={host} />
      </Surroundings>,
      this.node
    );
  }

  /** End following the run. */
  override dispose(): void {
    render(null, this.node);
    super.dispose();
  }
}

/**
 * Opens runs, and files of their snapshots, as tabs. What is open already is shown again.
 *
 * JupyterLab's main area has tabs. That of Notebook 7 has room for the notebook alone, and takes nothing else without a
 * word: there they come into the panel on the right, one at a time, since that has nothing to close them by.
 */
export class Tabs {
  constructor(
    private readonly area: 'main' | 'right',
    private readonly app: JupyterFrontEnd,
    private readonly source: Source,
    private readonly versions: Versions,
    private readonly editors: IEditorServices | null
  ) {}

  /** What cards may do here. */
  readonly host: IHost = {
    openRun: (workspace, run) => {
      this.openRun({ workspace, run });
    },
    openFolder: path => {
      this._openFolder(path);
    },
    openSource: (workspace, run, path, line) => {
      this.openSource({ workspace, run }, path, line).catch((error: Error) => {
        void showErrorMessage(`${path} of run ${run} cannot be shown`, error);
      });
    }
  };

  /** Show a run's card at full size. */
  openRun(target: RunTarget): void {
    this._open(`traindock-run-${target.workspace}-${target.run}`, target.run, () => {
      return new CardContent(this.source, target, this.host, this.versions);
    });
  }

  /** Show a file as the run was submitted with it, at a line (from 1). */
  async openSource(target: RunTarget, path: string, line: number): Promise<void> {
    const editors = this.editors;
    if (editors === null) {
      return;
    }
    const data = await this.source.bytes(runPath(target, `/snapshot/content${query({ name: path })}`));
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

  /** Show a folder in the file browser, which Notebook 7 has on a page of its own. */
  private _openFolder(path: string): void {
    if (this.app.commands.hasCommand(OPEN_FOLDER)) {
      void this.app.commands.execute(OPEN_FOLDER, { path });
    } else {
      window.open(URLExt.join(PageConfig.getBaseUrl(), 'tree', URLExt.encodeParts(path)), '_blank', 'noopener');
    }
  }

  private _open(id: string, label: string, make: () => Widget): MainAreaWidget {
    let tab = this._tabs.get(id);
    if (tab === undefined || tab.isDisposed) {
      tab = new MainAreaWidget({ content: make() });
      tab.id = id;
      tab.title.label = label;
      tab.title.closable = true;
      tab.disposed.connect(() => this._tabs.delete(id));
      if (this.area === 'right') {
        for (const other of [...this._tabs.values()]) {
          other.dispose();
        }
      }
      this._tabs.set(id, tab);
      this.app.shell.add(tab, this.area);
    }
    this.app.shell.activateById(id);
    return tab;
  }

  private readonly _tabs = new Map<string, MainAreaWidget>();
}

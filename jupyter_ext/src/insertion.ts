import type { JupyterFrontEnd } from '@jupyterlab/application';
import { type INotebookTracker, NotebookActions } from '@jupyterlab/notebook';

/** Puts cells into the notebook that is worked on. */
export class Insertion {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly notebooks: INotebookTracker | null
  ) {}

  /** Whether there is a notebook that takes cells. */
  get possible(): boolean {
    return this.notebooks?.currentWidget?.content.model?.readOnly === false;
  }

  /** Put a cell below the one that is active, and go there. It is not executed. */
  insert(code: string): void {
    const panel = this.notebooks?.currentWidget;
    if (!panel || !this.possible) {
      return;
    }
    const notebook = panel.content;
    NotebookActions.insertBelow(notebook);
    NotebookActions.changeCellType(notebook, 'code');
    notebook.activeCell?.model.sharedModel.setSource(code);
    this.app.shell.activateById(panel.id);
    void NotebookActions.focusActiveCell(notebook);
  }
}

import { type MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { Contents } from '@jupyterlab/services';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { briefName } from '../../../widgets/src/model/run_name';
import type { RunTarget } from '../../../widgets/src/sources/source';
import type { IDrafts } from '../remembered';
import { createWorkspace } from '../sidebar/workspace_switcher';
import { LONGEST_LABEL } from '../tabs';
import type { ITabs, ITraindock } from '../tokens';
import { AgainModel } from './again';
import { AgainForm } from './again_form';
import type { KeptDraft } from './draft';
import type { IFormHost } from './form';
import { type IOpening, NewRunModel } from './new_run';
import { NewRunForm } from './new_run_form';

/** What can be submitted. */
const SUBMITTED = /\.(?:py|ipynb)$/i;
/** What of a folder is never executed by itself. */
const PART = /^__.*__\.py$/;

/** Opens forms as tabs. What is open already is shown again. */
export class Forms {
  /**
   * @param usualCompute - Returns the compute target that settings name.
   */
  constructor(
    private readonly traindock: ITraindock,
    private readonly tabs: ITabs,
    private readonly contents: Contents.IManager,
    private readonly drafts: IDrafts<KeptDraft>,
    private readonly usualCompute: () => string
  ) {}

  /** Those of new runs, to be there again when the page is loaded anew. */
  readonly newRuns = new WidgetTracker<MainAreaWidget>({ namespace: 'traindock-new-runs' });
  /** Those of runs that are submitted once more. */
  readonly again = new WidgetTracker<MainAreaWidget>({ namespace: 'traindock-runs-again' });

  /**
   * Show the form of a script, a notebook or a folder.
   *
   * @param path - As the server's own file browser has it, without a drive.
   */
  open(path: string, opening: IOpening = {}): MainAreaWidget {
    const { trans, workspaces } = this.traindock;
    const { experiment } = opening;
    const named = (workspace: string | undefined): ReadonlyJSONObject => ({
      path,
      ...(experiment === undefined ? {} : { experiment }),
      ...(workspace === undefined ? {} : { workspace })
    });
    const keepWorkspace = (id: string): void => this.tabs.rename(tab, named(id), this.newRuns);
    let made = null as NewRunModel | null;
    const view = () => {
      const model = new NewRunModel({ ...this._page(), scriptsIn: this._scriptsIn, keepWorkspace }, path, opening);
      made = model;
      return <NewRunForm model={model} trans={trans} host={this._host} />;
    };
    const tab = this.tabs.openForm(
      `traindock-new-run-${experiment === undefined ? '' : `${experiment}-`}${path}`,
      trans.__('Train %1', path.split('/').pop() || '/'),
      view,
      named(opening.workspace ?? workspaces.current?.id),
      this.newRuns,
      visible => made?.standBy(!visible)
    );
    if (made === null) {
      this._models.get(tab)?.readAgain(); // whoever opens it once more has changed the script, as a rule
    } else {
      this._models.set(tab, made);
    }
    return tab;
  }

  /** Show the form of a run that is to be submitted once more. */
  openAgain(target: RunTarget): MainAreaWidget {
    const { trans } = this.traindock;
    const model = new AgainModel(this._page(), target);
    let isNew = false;
    const view = () => {
      isNew = true;
      return <AgainForm model={model} trans={trans} host={this._host} onName={named} />;
    };
    const named = (name: string): void => {
      tab.title.label = trans.__('Resubmit %1', briefName(name, LONGEST_LABEL));
    };
    const tab = this.tabs.openForm(
      `traindock-again-${target.workspace}-${target.run}`,
      trans.__('Resubmit %1', target.run),
      view,
      { ...target },
      this.again,
      visible => model.standBy(!visible)
    );
    if (isNew) {
      this._againModels.set(tab, model);
    } else {
      this._againModels.get(tab)?.beginAnew();
    }
    return tab;
  }

  /** Of each form of a new run. */
  private readonly _models = new WeakMap<MainAreaWidget, NewRunModel>();
  /** Of each form of a run that is submitted once more. */
  private readonly _againModels = new WeakMap<MainAreaWidget, AgainModel>();

  private _page() {
    const { source, workspaces, trans } = this.traindock;
    return { source, workspaces, trans, drafts: this.drafts, usualCompute: this.usualCompute };
  }

  private readonly _scriptsIn = async (path: string): Promise<string[] | undefined> => {
    if (SUBMITTED.test(path)) {
      return undefined; // the server tells best what is wrong with it
    }
    const folder = await this.contents.get(path).catch((error: { response?: Response; message: string }) => {
      const { trans } = this.traindock;
      const gone = trans.__('There is no “%1” any more: it was moved, renamed or deleted.', path);
      throw new Error(error.response?.status === 404 ? gone : error.message);
    });
    if (folder.type !== 'directory') {
      return undefined;
    }
    return (folder.content as Contents.IModel[])
      .filter(one => one.type !== 'directory' && SUBMITTED.test(one.name) && !PART.test(one.name))
      .map(one => this.contents.localPath(one.path))
      .sort();
  };

  private readonly _host: IFormHost = {
    openRun: target => {
      this.tabs.openRun(target);
    },
    makeWorkspace: () => {
      void createWorkspace(this.traindock);
    }
  };
}

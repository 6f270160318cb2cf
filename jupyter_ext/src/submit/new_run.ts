import type { RunDocument } from '../../../widgets/src/documents';
import { Asking } from '../../../widgets/src/model/asking';
import { failureText } from '../../../widgets/src/problems';
import { query } from '../../../widgets/src/sources/source';
import type { Workspaces } from '../workspaces';
import type { PlanDocument, RunConfiguration, ScriptDocument } from './documents';
import { configurationOf, draftOf, EMPTY, foldersAround, type IDraft, type KeptDraft, keptOf } from './draft';
import { type Faults, faultsOf } from './faults';
import { forgottenOf, lostOf } from './forgotten';
import { KeptWish } from './kept_wish';
import { FormModel, type IFormPage } from './model';
import { type OptionValues, strayValues } from './option_values';

/** What a form for new runs needs of the page. */
export interface INewRunPage extends IFormPage {
  /**
   * Return the scripts and notebooks in a folder, by path; undefined where it is no folder.
   *
   * @throws Error where it is not there.
   */
  scriptsIn(path: string): Promise<string[] | undefined>;
  /** Called with the workspace that the run goes to from now on, so that a form that is restored has the same. */
  keepWorkspace(id: string): void;
}

/** How a form is opened. */
export interface IOpening {
  /** Filled in at first, whatever was kept; left out, what was kept or what is like the folder's name. */
  experiment?: string | undefined;
  /** The workspace that the run goes to unless another one is chosen; left out, the one that is looked at. */
  workspace?: string | undefined;
  /** Whether it was open already before the page was loaded anew. */
  restored?: boolean;
}

/** A run of a script, or of a notebook, as it is filled in. */
export class NewRunModel extends FormModel<PlanDocument, RunConfiguration> {
  /**
   * @param page - What it needs of the page.
   * @param path - Of the script, the notebook, or a folder of which one is to be chosen.
   */
  constructor(
    protected override readonly page: INewRunPage,
    readonly path: string,
    private readonly opening: IOpening = {}
  ) {
    super(page);
    this._workspace = opening.workspace ?? page.workspaces.current?.id ?? null;
  }

  /** The scripts of the folder that the form was opened for; null where it is none, or not known yet. */
  choices: readonly string[] | null = null;
  /** Those to choose from. */
  get workspaces(): Workspaces {
    return this.page.workspaces;
  }

  /** Names of experiments that there are. */
  experiments: readonly string[] = [];

  /** The one that was looked at when the form was opened, or that was chosen in it: not whichever is looked at now. */
  override get workspace(): string | null {
    return this.goneWorkspace === null ? this._workspace : null;
  }

  /** The workspace that the run was to go to, where that is not there any more; else null. */
  get goneWorkspace(): string | null {
    const { all } = this.page.workspaces;
    return all === null || all.some(one => one.id === this._workspace) ? null : this._workspace;
  }

  /** Submit to another workspace. */
  chooseWorkspace(id: string): void {
    this._enter(id);
    this.set({ workspace: id, compute: '' });
  }

  /** Why it is not known whether the script is still as it was when it was read; `""` where it is. */
  unread = '';

  /** What is filled in for options that the script does not have now, so that it is not sent. */
  get strays(): OptionValues {
    return strayValues(this.script?.options ?? [], this.draft.options);
  }

  /** Give up what is filled in for options that the script does not have now. */
  dropStrays(): void {
    this.set({ options: this._known() });
  }

  override standBy(hidden: boolean): void {
    super.standBy(hidden);
    if (!hidden) {
      this.readAgain();
    }
  }

  /** Read the script again, which may have been changed meanwhile; a notebook has no options. What is filled in stays. */
  readAgain(): void {
    if (this.script === null && this.choices === null && this.problem === '') {
      return; // it is being read for the first time
    }
    this._replan(true);
    if (this.script?.kind !== 'notebook' || this.problem !== '') {
      this._loading = this._reading.now();
    }
  }

  /** Choose the script of the folder. What is filled in for the one before stays in sight until the new one is read. */
  async chooseScript(path: string): Promise<void> {
    this._save(); // under the script that it was filled in for
    this._chosen = path;
    await this.reload();
  }

  /** Whether the folder that the form was opened for has others than the one that is chosen. */
  get canChooseAnother(): boolean {
    return this._chosen !== null && (this.choices?.length ?? 0) > 1;
  }

  /** Choose none of the folder's scripts yet, and look once more which there are. */
  async chooseAnother(): Promise<void> {
    this._save();
    this._chosen = null;
    this._script = null;
    this.script = null;
    await this.reload();
  }

  /** The script that is chosen; null where there is none yet. */
  get chosen(): string | null {
    return this._chosen;
  }

  /** Fill in the value of an option. */
  setOption(name: string, value: OptionValues[string]): void {
    this.set({ options: { ...this.draft.options, [name]: value } });
  }

  /** Leave all options as the script has them. */
  resetOptions(): void {
    this.set({ options: {}, free: '' });
  }

  protected override async _load(): Promise<void> {
    this._settleWorkspace();
    void this._loadExperiments();
    if (this._chosen === null) {
      const choices = await this.page.scriptsIn(this.path);
      this.choices = choices ?? null;
      this._chosen = choices === undefined ? this.path : choices.length === 1 ? (choices[0] ?? null) : null;
      if (this._chosen === null) {
        return;
      }
    }
    const path = this._chosen;
    const script = await this.page.source.request<ScriptDocument>(`/scripts/options${query({ path })}`);
    const fresh = path !== this._script;
    const found = fresh ? await this.page.drafts.fetch(path) : undefined;
    const kept = draftOf(found);
    if (path !== this._chosen) {
      return; // another one was chosen meanwhile
    }
    this.script = script;
    this.unread = '';
    this._script = path;
    if (fresh) {
      this._wish = new KeptWish(found);
      this.faults = new Map();
      this.refusal = null;
      this.attempts = 0;
      const around = foldersAround(script.folder);
      this._enterKept(kept.workspace);
      this.draft = {
        ...EMPTY,
        experiment: script.experiment,
        ...kept,
        ...this._openedFor(found),
        workspace: kept.workspace === this._workspace ? this._workspace : this.draft.workspace,
        source: kept.source !== undefined && around.includes(kept.source) ? kept.source : this._usualSource(script),
        compute: kept.compute || this.draft.compute
      };
      this.forgotten = forgottenOf(found);
    }
  }

  protected override _faults(): Faults {
    return this.script === null ? new Map() : faultsOf(this.draft, this.script, this.page.trans);
  }

  protected override _isKnown(): boolean {
    return this.script !== null && this._chosen === this._script;
  }

  protected override _sent(): RunConfiguration {
    return configurationOf(this.draft, this.script as ScriptDocument);
  }

  protected override _plan(sent: RunConfiguration, signal: AbortSignal): Promise<PlanDocument> {
    return this.page.source.request(this._path('/plans'), { method: 'POST', body: sent, signal });
  }

  protected override get _isAskedAgain(): boolean {
    return this._wish.isOpen;
  }

  protected override async _submit(
    workspace: string,
    sent: RunConfiguration,
    plan: PlanDocument | null
  ): Promise<RunDocument> {
    const path = `/workspaces/${encodeURIComponent(workspace)}/runs`;
    const body = { ...sent, request_id: this._wish.idOf(workspace, sent, plan?.source.stamp ?? '') };
    this._save();
    const { run } = await this.page.source.request<{ run: RunDocument }>(path, { method: 'POST', body });
    this._wish.granted();
    return run;
  }

  protected override _key(): string {
    if (!this._isKnown()) {
      return '';
    }
    // what it is called changes nothing of the plan
    const { display_name, tags, ...planned } = this._sent();
    return JSON.stringify([this.workspace, planned]);
  }

  protected override _done(): void {
    // the name was that of this run; all else that the script takes may be wanted again
    this.draft = { ...this.draft, name: '', options: this._known() };
    this._save();
    void this._loadExperiments();
  }

  protected override _save(): void {
    if (this._script !== null) {
      const { experiment } = this.opening;
      const kept = keptOf(this.draft);
      this.page.drafts.save(this._script, {
        ...kept,
        ...this._wish.kept,
        forgotten: [...new Set([...this.forgotten, ...lostOf(this.draft, kept)])],
        ...(experiment === undefined ? {} : { openedFor: experiment })
      });
    }
  }

  protected override _lookAtWorkspaces(): void {
    this._settleWorkspace();
    super._lookAtWorkspaces();
  }

  protected override _withoutWorkspace(): string {
    const { trans, workspaces } = this.page;
    return this.goneWorkspace === null || workspaces.all?.length === 0
      ? super._withoutWorkspace()
      : trans.__('The one that the run was to go to is gone: choose another one.');
  }

  /** Go to the workspace that is looked at, where nobody could tell it when the form was opened. */
  private _settleWorkspace(): void {
    const { current } = this.page.workspaces;
    if (this._workspace === null && current !== null) {
      this._workspace = current.id;
      this.page.keepWorkspace(current.id);
    }
  }

  /** Go to the workspace that was chosen the last time, if that is what the form begins with. */
  private _enterKept(kept = ''): void {
    const begins = !this._begun && this.opening.workspace === undefined;
    this._begun = true;
    if (begins && kept !== '' && kept !== this._workspace) {
      this._enter(kept);
    }
  }

  private _enter(workspace: string): void {
    this._workspace = workspace;
    this.computes = null;
    this.computesProblem = '';
    this.draft = { ...this.draft, compute: '' }; // which was one of the other workspace
    this.page.keepWorkspace(workspace);
    this._followComputes();
    void this._loadExperiments();
  }

  /** Return the experiment that the form was opened for, unless another one was typed into this very form. */
  private _openedFor(kept: unknown): Partial<IDraft> {
    const { experiment, restored = false } = this.opening;
    const { openedFor } = (kept ?? {}) as KeptDraft;
    return experiment === undefined || (restored && openedFor === experiment) ? {} : { experiment };
  }

  /** A folder that was chosen is sent whole, with whichever of its scripts. */
  private _usualSource(script: ScriptDocument): string {
    return this.choices !== null && foldersAround(script.folder).includes(this.path) ? this.path : script.folder;
  }

  /** Return what is filled in for options that the script has. */
  private _known(): OptionValues {
    const { strays } = this;
    return Object.fromEntries(Object.entries(this.draft.options).filter(([name]) => !(name in strays)));
  }

  private async _loadExperiments(): Promise<void> {
    if (this.workspace === null) {
      await this.page.workspaces.load();
    }
    const { workspace } = this;
    if (workspace === null) {
      return;
    }
    try {
      const { experiments } = await this.page.source.request<{ experiments: { name: string }[] }>(
        this._path('/experiments')
      );
      if (workspace !== this.workspace) {
        return;
      }
      this.experiments = experiments.map(one => one.name);
      this._changed();
    } catch {
      // they only help to fill in a name
    }
  }

  private _wish = new KeptWish();
  private readonly _reading = new Asking(async () => {
    if (this.problem !== '') {
      await this.reload();
      return;
    }
    const load = this._loads;
    try {
      await this._load();
    } catch (error) {
      if (load === this._loads) {
        this.unread = failureText(error, this.page.trans);
      }
    }
    this._judge();
  });
  private _workspace: string | null;
  /** Whether something was filled in that was kept. */
  private _begun = false;
  private _chosen: string | null = null;
  /** The one whose draft this is. */
  private _script: string | null = null;
}

import type { TranslationBundle } from '@jupyterlab/translation';
import type { RunDocument } from '../../../widgets/src/documents';
import { Observed } from '../../../widgets/src/model/observed';
import { failureText } from '../../../widgets/src/problems';
import { type Disposer, RequestError, type RunTarget, type Source } from '../../../widgets/src/sources/source';
import { type IDrafts, KeptSoon } from '../remembered';
import type { Workspaces } from '../workspaces';
import type { ComputeDocument, ScriptDocument } from './documents';
import { EMPTY, type IDraft, type KeptDraft } from './draft';
import { type Faults, type IRefusal, type Place, placeOfError } from './faults';
import { emptiedVariables, forgottenNames, unlike } from './forgotten';
import { KeptPlan } from './kept_plan';

/** Codes of what keeps an environment from being planned: a run that needs it is taken, and fails once that is still so. */
const LATER = /^(?:environment_build|registry|image_not_found)/;

/** Milliseconds between two looks at the compute targets while much changes. */
const PAUSE = 3000;

/** What a form needs of the page. */
export interface IFormPage {
  /** What was filled in for each script, and each run. */
  drafts: IDrafts<KeptDraft>;
  source: Source;
  workspaces: Workspaces;
  trans: TranslationBundle;
  /** The compute target that settings name, or `""`. */
  usualCompute(): string;
}

/**
 * What is filled in before a run is submitted, for the first time or again.
 *
 * Its plan follows what is filled in. A submit launches what that plan says: one that is out of date is made first.
 */
export abstract class FormModel<Plan = unknown, Sent = unknown> extends Observed {
  constructor(protected readonly page: IFormPage) {
    super();
  }

  draft: IDraft = EMPTY;
  /** What was filled in once and is secret, so that it was not kept, and nobody has filled in again. */
  forgotten: readonly Place[] = [];
  /** What is known of the script; null until it is. */
  script: ScriptDocument | null = null;
  /** Why the form cannot be filled in. */
  problem = '';
  /** The compute targets of the workspace; null until they are known. */
  computes: readonly ComputeDocument[] | null = null;
  /** Why these cannot be told. */
  computesProblem = '';
  /** What the person has to mend; empty until a first try. */
  faults: Faults = new Map();
  /** What the server refused, until something is changed. */
  refusal: IRefusal | null = null;
  /** Whether it is being submitted. */
  busy = false;
  /** The run that was submitted last. */
  submitted: RunTarget | null = null;
  /** How often somebody tried in vain: with each time the first fault is to be looked at. */
  attempts = 0;

  /** The workspace that the run goes to; null where there is none. */
  abstract get workspace(): string | null;

  /** The plan, of what is filled in or of what was; null where there was none yet. */
  get plan(): Plan | null {
    return this._plans.shown?.document ?? null;
  }

  /** Whether that is the plan of what is filled in. */
  get planned(): boolean {
    const { problem, shown } = this._plans;
    return this.lacking.size === 0 && problem === null && shown !== null && shown.of === this._key();
  }

  /** Why there is no plan of what is filled in; `""` where there is one, or it is being made. */
  get planProblem(): string {
    const { problem } = this._plans;
    return this.lacking.size === 0 && problem !== null && problem.of === this._key() ? problem.text : '';
  }

  /** Whether there is no plan as a run would be refused, too: not only because the server did not answer, or had no time. */
  get isRefused(): boolean {
    const error = this.planProblem === '' ? undefined : this._plans.problem?.error;
    return error instanceof RequestError && error.status >= 400 && error.status < 500 && !LATER.test(error.code);
  }

  /** What is to be mended before there can be a plan, be it said beside its field yet or not. */
  lacking: Faults = new Map();

  /** Where the first thing is that is to be mended. */
  get firstFault(): Place | undefined {
    return this.refusal?.place ?? [...this.faults.keys()][0];
  }

  /** Fill something in. */
  set(part: Partial<IDraft>): void {
    const before = this.draft;
    this.draft = { ...before, ...part };
    const filledIn = unlike(this.forgotten, before, this.draft);
    this.forgotten = this.forgotten.filter(place => !filledIn.includes(place));
    if (
      this.refusal !== null &&
      (this.refusal.place === undefined || Object.keys(part).some(name => this._isAbout(name)))
    ) {
      this.refusal = null;
    }
    this._keep();
    this._judge();
  }

  /** Say no more what was not kept, but where it would do harm. */
  dismissForgotten(): void {
    this.forgotten = emptiedVariables(this.forgotten, this.draft);
    this._keep();
    this._changed();
  }

  /** Return what is wrong with a part of the form; `""` where nothing is. */
  faultAt(place: Place): string {
    return this.refusal?.place === place ? this.refusal.text : (this.faults.get(place) ?? '');
  }

  /**
   * Submit it, as the plan says; return the run, or undefined where that was refused. Where a person has read already why
   * there is no plan, the server decides.
   */
  async submit(): Promise<RunTarget | undefined> {
    if (this.busy) {
      return undefined;
    }
    const read = this.planProblem !== '';
    this.busy = true;
    this.refusal = null;
    this._changed();
    try {
      await this._loading;
      await this._asked; // which compute targets there are may not be known yet, so that none is chosen
      if (!this._isKnown()) {
        return undefined; // it is said what of it could not be loaded
      }
      this.faults = this._allFaults();
      this.attempts += 1;
      const { workspace } = this;
      if (this.faults.size > 0 || workspace === null) {
        return undefined;
      }
      // whatever is changed while this waits, what the plan is made of is sent
      const sent = this._sent();
      const of = this._key();
      const again = this._isAskedAgain;
      if (!read || again) {
        await this._plans.now(of, again);
        const { problem } = this._plans;
        if (problem?.of === of && !read) {
          throw problem.error;
        }
      }
      const run = await this._submit(workspace, sent, this._plans.of(of));
      this.submitted = { workspace, run: run.id };
      this.attempts = 0; // what is filled in from here on nobody has tried yet
      this._keeping.now();
      this.forgotten = [];
      this._done();
      return this.submitted;
    } catch (error) {
      this.refusal = {
        place: error instanceof RequestError ? placeOfError(error) : undefined,
        text: failureText(error, this.page.trans)
      };
      this.attempts += 1;
      return undefined;
    } finally {
      this.busy = false;
      this._replan();
      this._changed();
    }
  }

  /** Whether nobody sees it: then nothing is asked. */
  standBy(hidden: boolean): void {
    this._hidden = hidden;
    if (this._looked) {
      this._followComputes();
      this._replan(true);
    }
  }

  /** Have the plan made once more. */
  planAgain(): void {
    this._replan(true);
  }

  /** Ask again for what the form is about. */
  reload(): Promise<void> {
    this._loading = this._reload();
    return this._loading;
  }

  private async _reload(): Promise<void> {
    this._loads += 1;
    const load = this._loads;
    this.problem = '';
    this._changed();
    try {
      await this._load();
      this._chooseCompute();
    } catch (error) {
      if (load === this._loads) {
        this.problem = failureText(error, this.page.trans);
      }
    }
    this._replan();
    this._changed();
  }

  protected _follow(): Disposer {
    this._looked = true;
    void this.reload();
    this._followComputes();
    const stop = this.page.workspaces.observe(() => this._lookAtWorkspaces());
    return () => {
      stop();
      this._plans.stop();
      this._keeping.now();
      this._looked = false;
      this._unfollow();
      this._followed = null;
    };
  }

  /** Ask for what the form is about. */
  protected abstract _load(): Promise<void>;
  protected abstract _faults(): Faults;

  /** It may be known anew which workspaces there are. */
  protected _lookAtWorkspaces(): void {
    this._followComputes();
    this._replan();
    this._changed();
  }

  /** Return why there is no workspace that the run could go to. */
  protected _withoutWorkspace(): string {
    const { trans } = this.page;
    return trans.__('Runs are kept in one: make it first.');
  }

  /** Return what of the draft is sent; it has no faults. */
  protected abstract _sent(): Sent;
  protected abstract _plan(sent: Sent, signal: AbortSignal): Promise<Plan>;
  /** @param plan - By which it is launched; null where there is none. */
  protected abstract _submit(workspace: string, sent: Sent, plan: Plan | null): Promise<RunDocument>;
  /** Whether a submit before was not answered, so that only a plan of now tells whether the same run is wanted. */
  protected get _isAskedAgain(): boolean {
    return false;
  }
  /** Return what tells one plan from another. */
  protected abstract _key(): string;
  /** Keep what is filled in over a reload. */
  protected abstract _save(): void;
  /** A run was submitted. */
  protected _done(): void {}

  /** Keep what is filled in, soon. */
  protected _keep(): void {
    this._keeping.soon(() => this._save());
  }

  /** Tell anew what is wrong, and what comes of it. */
  protected _judge(): void {
    if (this.attempts > 0) {
      this.faults = this._allFaults();
    }
    this._replan();
    this._changed();
  }

  /**
   * Have the plan follow what is filled in.
   *
   * @param anew - Whether what it was made of may have changed on the disk.
   */
  protected _replan(anew = false): void {
    const known = this._isKnown();
    this.lacking = known ? this._allFaults() : new Map();
    if (this.busy) {
      return; // what is being submitted has the plan that it is launched by
    }
    if (!known || this._hidden || !this._looked || !(this.computes ?? this.computesProblem) || this.lacking.size > 0) {
      this._plans.stop();
    } else {
      this._plans.soon(this._key(), anew);
    }
  }

  /** Whether it is known what there is to be filled in. */
  protected abstract _isKnown(): boolean;

  /** Return a path of the API in the workspace. */
  protected _path(rest: string): string {
    return `/workspaces/${encodeURIComponent(this.workspace ?? '')}${rest}`;
  }

  /** Choose a compute target where none is chosen: one that is gone is missed by who submits, and nobody else chooses. */
  protected _chooseCompute(): void {
    if (this.draft.compute !== '') {
      return;
    }
    const names = (this.computes ?? []).filter(one => one.state !== 'unknown').map(one => one.name);
    const compute = [this.page.usualCompute(), 'local', ...names].find(name => names.includes(name));
    if (compute !== undefined) {
      this.draft = { ...this.draft, compute };
    }
  }

  /** Return what is wrong, with that the compute target is gone or there is no workspace. */
  private _allFaults(): Faults {
    const { computes, draft } = this;
    const { trans } = this.page;
    const found = new Map(this._faults());
    const emptied = emptiedVariables(this.forgotten, draft);
    if (emptied.length > 0 && !found.has('variables')) {
      const names = forgottenNames(emptied, trans);
      found.set('variables', trans.__('%1 is secret, and was not remembered: write it again, or remove it.', names));
    }
    if (this.workspace === null) {
      found.delete('compute'); // which only a workspace has
      return new Map([['workspace', this._withoutWorkspace()], ...found]);
    }
    if (draft.compute !== '' && computes !== null && !computes.some(one => one.name === draft.compute)) {
      found.set('compute', trans.__('There is no “%1” any more: choose where it is to run.', draft.compute));
    }
    return found;
  }

  private _isAbout(name: string): boolean {
    const place = this.refusal?.place;
    return (
      place === name ||
      (name === 'options' && (place ?? '').startsWith('option ')) ||
      (name === 'environment' && place !== undefined)
    );
  }

  protected _followComputes(): void {
    const workspace = this._hidden ? null : this.workspace;
    if (workspace === this._followed) {
      return;
    }
    this._unfollow();
    this._followed = workspace;
    if (workspace === null) {
      return;
    }
    const ask = (): void => {
      this._timer = undefined;
      this._asked = this._loadComputes(workspace);
    };
    ask();
    const stop = this.page.source.followList(workspace, {
      onConnection: () => undefined,
      onMessage: ({ changes }) => {
        if (changes !== undefined) {
          this._timer ??= setTimeout(ask, PAUSE);
        }
      }
    });
    this._unfollow = () => {
      stop();
      clearTimeout(this._timer);
      this._timer = undefined;
    };
  }

  private async _loadComputes(workspace: string): Promise<void> {
    try {
      const path = `/workspaces/${encodeURIComponent(workspace)}/computes`;
      const { computes } = await this.page.source.request<{ computes: ComputeDocument[] }>(path);
      if (workspace !== this.workspace) {
        return;
      }
      this.computes = computes;
      this.computesProblem = '';
      this._chooseCompute();
    } catch (error) {
      if (workspace !== this.workspace) {
        return;
      }
      this.computesProblem = failureText(error, this.page.trans);
    }
    this._replan();
    this._changed();
  }

  private readonly _plans = new KeptPlan<Plan>(
    async signal => this._plan(this._sent(), signal),
    () => this._changed(),
    error => failureText(error, this.page.trans)
  );
  private readonly _keeping = new KeptSoon();
  protected _loading: Promise<void> = Promise.resolve();
  /** How often it was loaded: what became of an earlier one nobody wants to know. */
  protected _loads = 0;
  /** What is asked about compute targets. */
  private _asked: Promise<void> = Promise.resolve();
  private _looked = false;
  private _hidden = false;
  private _followed: string | null = null;
  private _unfollow: Disposer = () => undefined;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

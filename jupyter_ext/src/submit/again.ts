import type { RunDocument } from '../../../widgets/src/documents';
import { failureText } from '../../../widgets/src/problems';
import { type RunTarget, runPath } from '../../../widgets/src/sources/source';
import type { Resubmission, ScriptDocument } from './documents';
import { draftOf, EMPTY, type IDraft, type KeptDraft, type Pair, pairsOf, secondsOf, UNITS, type Unit } from './draft';
import { type Faults, faultsOfChanges, placeOf } from './faults';
import { forgottenOf, lostOf } from './forgotten';
import { KeptWish } from './kept_wish';
import { FormModel, type IFormPage } from './model';
import { argumentsOf, nameOf, type OptionValues } from './option_values';
import { fieldsOf } from './run_arguments';
import { hasPassword, isMasked, isSecretOption, isSecretVariable, MASK, maskedWords } from './secrets';
import { quoteWords, splitWords, WordsError } from './words';

/** What of a run is different, as it was and as it will be; what is "" there is none of. */
export interface IChange {
  name: string;
  before: string;
  after: string;
}

/** A run's request, as far as it can be changed. */
interface ISpec {
  script: string | null;
  notebook?: string | null;
  command: string[];
  arguments: string[];
  compute_target: string;
  gpus: number;
  environment_name: string;
  environment_variables: Record<string, string>;
  max_run_duration_seconds: number | null;
}

/** A run that is submitted once more: the same files and packages, with what is changed here. */
export class AgainModel extends FormModel<IChange[], Resubmission> {
  /**
   * @param page - What it needs of the page.
   * @param target - The run.
   */
  constructor(
    page: IFormPage,
    readonly target: RunTarget
  ) {
    super(page);
  }

  /** The run; null until it is known. */
  run: RunDocument | null = null;
  /** Why there are no fields for the options of its script; `""` where there are some, or it needs none. */
  scriptProblem = '';
  /** Whether what is filled in was kept from before, and not sent. */
  restored = false;

  override get workspace(): string {
    return this.target.workspace;
  }

  /** What was asked for. */
  get spec(): ISpec | null {
    return this.run === null ? null : (this.run.spec as unknown as ISpec);
  }

  /** Whether it has arguments: a whole command, or a notebook, has none. */
  get takesArguments(): boolean {
    return typeof this.spec?.script === 'string';
  }

  /** What is to be different. */
  changes(): Resubmission {
    const { spec, run, draft } = this;
    if (spec === null || run === null) {
      return {};
    }
    const words = this._words(draft);
    const variables = Object.entries(pairsOf(draft.variables) ?? {}).filter(
      ([name, value]) => value !== MASK && spec.environment_variables[name] !== value
    );
    const tags = pairsOf(draft.tags) ?? {};
    const seconds = secondsOf(draft);
    const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
    return {
      ...(this.takesArguments && !same(words, this._words(this._before)) ? { arguments: words } : {}),
      ...(draft.compute === spec.compute_target ? {} : { compute_target: draft.compute }),
      ...(Number(draft.gpus || 0) === spec.gpus ? {} : { gpus: Number(draft.gpus || 0) }),
      ...(variables.length === 0 ? {} : { environment_variables: Object.fromEntries(variables) }),
      ...(seconds === undefined || seconds === spec.max_run_duration_seconds
        ? {}
        : { max_run_duration_seconds: seconds }),
      ...(draft.name.trim() === run.display_name ? {} : { display_name: draft.name.trim() }),
      ...(same(sorted(tags), sorted(run.tags)) ? {} : { tags })
    };
  }

  protected override async _load(): Promise<void> {
    const run = await this.page.source.request<RunDocument>(runPath(this.target));
    const fresh = this.run === null;
    const spec = run.spec as unknown as ISpec;
    if (fresh && typeof spec.script === 'string') {
      await this._loadScript();
    }
    const found = fresh ? await this.page.drafts.fetch(this._name) : undefined;
    const kept = fresh ? this._matching(found) : {};
    this.run = run;
    if (fresh) {
      this._wish = new KeptWish(found);
      const [limit, unit] = lasting(spec.max_run_duration_seconds);
      const read = fieldsOf(this.script, spec.arguments);
      this._before = {
        ...EMPTY,
        options: read.values,
        free: quoteWords(read.free),
        compute: spec.compute_target,
        gpus: String(spec.gpus),
        variables: Object.entries(spec.environment_variables),
        name: run.display_name,
        tags: Object.entries(run.tags),
        limit,
        unit
      };
      this.restored = Object.keys(kept).length > 0;
      this.draft = this._restored(kept);
      this.forgotten = forgottenOf(found);
    }
  }

  /** Fill in the value of an option. */
  setOption(name: string, value: OptionValues[string]): void {
    this.set({ options: { ...this.draft.options, [name]: value } });
  }

  /** Have all arguments as the run has them. */
  resetOptions(): void {
    this.set({ options: this._before.options, free: this._before.free });
  }

  /** Have all as the run has it. */
  reset(): void {
    this.restored = false;
    this.refusal = null;
    this.forgotten = [];
    this.set(this._before);
  }

  /** The options of the script, as it was submitted: without them all arguments are one text. */
  private async _loadScript(): Promise<void> {
    try {
      const path = runPath(this.target, '/script-options');
      this.script = await this.page.source.request<ScriptDocument>(path);
    } catch (error) {
      this.scriptProblem = failureText(error, this.page.trans);
    }
  }

  private _words({ options, free }: IDraft): string[] {
    return argumentsOf(this.script?.options ?? [], options, splitWords(free));
  }

  protected override _faults(): Faults {
    const found = new Map(faultsOfChanges(this.draft, this.script, this.page.trans));
    const { trans } = this.page;
    if (found.size === 0 && this.changes().arguments?.some(isMasked)) {
      const hidden = this.script?.options.find(one => isMasked(String(this.draft.options[nameOf(one)] ?? '')));
      found.set(
        hidden === undefined ? 'free' : placeOf(nameOf(hidden)),
        trans.__('A secret is hidden here: write it again in place of %1, or leave all as it was.', MASK)
      );
    }
    const names = new Set(this.draft.variables.map(([name]: Pair) => name.trim()));
    const gone = Object.keys(this.spec?.environment_variables ?? {}).filter(name => !names.has(name));
    if (gone.length > 0) {
      found.set(
        'variables',
        trans.__('A variable cannot be taken from a run that is resubmitted: leave %1 empty.', gone.join(', '))
      );
    }
    if (this.draft.limit.trim() === '' && typeof this.spec?.max_run_duration_seconds === 'number') {
      found.set('limit', trans.__('A number above 0.'));
    }
    return found;
  }

  /** There is nothing to ask the server for: all but this is as it was. */
  protected override async _plan(changes: Resubmission): Promise<IChange[]> {
    const { spec, run } = this;
    const before: Record<string, unknown> = {
      ...spec,
      display_name: run?.display_name,
      tags: run?.tags,
      environment_variables: Object.fromEntries(
        Object.keys(changes.environment_variables ?? {}).map(name => [name, spec?.environment_variables[name]])
      )
    };
    return Object.entries(changes).map(([name, after]) => ({ name, before: shown(before[name]), after: shown(after) }));
  }

  protected override _isKnown(): boolean {
    return this.run !== null;
  }

  protected override _sent(): Resubmission {
    return this.changes();
  }

  protected override async _submit(_: string, sent: Resubmission): Promise<RunDocument> {
    const path = runPath(this.target, '/resubmit');
    const body = { ...sent, request_id: this._wish.idOf(path, sent) };
    this._save();
    const { run } = await this.page.source.request<{ run: RunDocument }>(path, { method: 'POST', body });
    this._wish.granted();
    return run;
  }

  protected override _key(): string {
    return JSON.stringify(this.draft);
  }

  /** Whoever opens the form of this run once more begins with what it had, unless more was filled in since it was sent. */
  beginAnew(): void {
    if (this.submitted !== null && this._doneWith === this._key()) {
      this.submitted = null;
      this.reset();
    }
  }

  protected override _done(): void {
    this.restored = false;
    this._doneWith = this._key();
    this.page.drafts.save(this._name, {}); // who opens the form of this run again begins with what it had
  }

  protected override _save(): void {
    if (this.run !== null) {
      const kept = keptOf(this.draft, this._before);
      this.page.drafts.save(this._name, {
        ...kept,
        ...this._wish.kept,
        byOptions: this.script !== null,
        forgotten: [...new Set([...this.forgotten, ...lostOf(this.draft, this._restored(kept))])]
      });
    }
  }

  /** Return what is filled in where something was kept. */
  private _restored(kept: Partial<IDraft>): IDraft {
    return { ...this._before, ...kept, options: { ...this._before.options, ...kept.options } };
  }

  /** Return what was kept; without its arguments where they were filled in into other fields than there are now. */
  private _matching(kept: unknown): Partial<IDraft> {
    const { options, free, ...rest } = draftOf(kept);
    const { byOptions } = (kept ?? {}) as KeptDraft;
    if (byOptions !== (this.script !== null)) {
      return rest;
    }
    return { ...rest, ...(options === undefined ? {} : { options }), ...(free === undefined ? {} : { free }) };
  }

  private get _name(): string {
    return `again:${this.target.workspace}/${this.target.run}`;
  }

  private _wish = new KeptWish();
  /** What was filled in when it was submitted last. */
  private _doneWith = '';
  /** What the run had. */
  private _before: IDraft = EMPTY;
}

/** Return what of a draft differs from what a run had, as far as it may be kept: without secrets, which stay as they were. */
function keptOf(draft: IDraft, before: IDraft): Partial<IDraft> {
  const options = Object.entries({ ...emptied(before.options), ...draft.options }).filter(
    ([name, value]) => !isSecretOption(name) && !(typeof value === 'string' && hasPassword(value))
  );
  const had = new Set(before.variables.map(([name]) => name));
  const variables = draft.variables.map(([name, value]): Pair => {
    const secret = isSecretVariable(name) || hasPassword(value);
    return [name, secret ? (had.has(name) ? MASK : '') : value];
  });
  const shown = { ...draft, options: Object.fromEntries(options), free: maskedText(draft.free), variables };
  const names = Object.keys(EMPTY) as (keyof IDraft)[];
  return Object.fromEntries(
    names.filter(name => JSON.stringify(draft[name]) !== JSON.stringify(before[name])).map(name => [name, shown[name]])
  );
}

/** Return values that have all that a run gave taken back, unless something else is filled in. */
function emptied(values: OptionValues): OptionValues {
  return Object.fromEntries(Object.keys(values).map(name => [name, '']));
}

function maskedText(text: string): string {
  try {
    const words = splitWords(text);
    const masked = maskedWords(words);
    return JSON.stringify(words) === JSON.stringify(masked) ? text : quoteWords(masked);
  } catch (error) {
    if (error instanceof WordsError) {
      return ''; // nobody can tell what of it is secret
    }
    throw error;
  }
}

function sorted(values: Record<string, string>): [string, string][] {
  return Object.entries(values).sort(([one], [other]) => (one < other ? -1 : 1));
}

/** Return a time as people write it. */
function lasting(seconds: number | null): [limit: string, unit: Unit] {
  if (seconds === null) {
    return ['', 'hours'];
  }
  const units = Object.entries(UNITS) as [Unit, number][];
  const [unit, length] = units.filter(([, size]) => seconds % size === 0).pop() ?? ['minutes', UNITS.minutes];
  return [String(seconds / length), unit];
}

function shown(value: unknown): string {
  if (Array.isArray(value)) {
    return quoteWords(maskedWords(value.map(String)));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([name, one]) => `${name}=${isSecretVariable(name) ? MASK : (one ?? '')}`)
      .join(', ');
  }
  return value === null || value === undefined ? '' : String(value);
}

import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import type { ModelVersion, RunFile } from '../documents';
import { bytes, shortened } from '../format';
import {
  ALIAS_NAME,
  type Choice,
  FEW_FILES,
  type IForm,
  isModelName,
  likelyName,
  MODEL_NAME,
  OUTPUTS,
  registrationOf,
  toggled
} from '../model/registry';
import type { RunModel } from '../model/run_model';
import type { ISelection } from '../model/selection';
import { Wish } from '../model/wish';
import { modelPath, query, runPath } from '../sources/source';
import { type ITrans, PLACE, Sentence, useTrans } from '../translation';
import type { PartView } from './card';
import { Frame } from './frame';
import type { IHost } from './header';
import { useAction, useLoaded, useName, useRun, useSettled, useTimesShown } from './hooks';
import { Outcome } from './outcome';
import { Pending } from './pending';
import { Tags } from './tags';
import { Versions } from './versions';

/** Files that are listed at once; all of them can be chosen all the same. */
const MOST_FILES = 1000;
const MOST_MODELS = 200;
const NOBODY: IHost = {};
const EMPTY: IForm = { name: '', description: '', tags: [], alias: '' };

interface IOutputs {
  files: RunFile[];
  total: number;
  more: boolean;
}

/** Registering what a run left as a model, on its own or as a `part` of a card; see {@link Registration}. */
export function RegistrationCard({
  model,
  host = NOBODY,
  part = false
}: {
  model: RunModel;
  host?: IHost;
  part?: boolean;
}) {
  const trans = useTrans();
  useRun(model);
  // A list of a thousand files is not drawn anew with each of the run's news, be it seen or in a tab that is hidden.
  const panel = useMemo(() => <Registration model={model} host={host} />, [model, host, model.ended, model.run]);
  if (part) {
    return panel;
  }
  return (
    <Frame label={trans.__('Register a model')}>
      <h3 class="td-name">{trans.__('Register %1', model.name)}</h3>
      {panel}
    </Frame>
  );
}

/** As a part of a run's card. */
export const registrationPanel: PartView = (model, host) => <Registration model={model} host={host} />;

/** Makes outputs of a run a model's next version, and shows the versions that there are with who moved their aliases. */
export function Registration({ model, host }: { model: RunModel; host: IHost }) {
  const { source, target } = model;
  const [typed, setTyped] = useState<string | null>(null);
  /** A list of models has the newest version of each: ask for those before it that are of this run, too. */
  const versionsOf = async ({ name }: ModelVersion, signal: AbortSignal): Promise<ModelVersion[]> => {
    const path = modelPath(target.workspace, name, query({ limit: MOST_MODELS }));
    const { versions } = await source.request<{ versions: ModelVersion[] }>(path, { signal });
    return versions.filter(one => one.run === target.run);
  };
  const [place, shown] = useTimesShown();
  const [changes, changed] = useReducer((count: number) => count + 1, 0);
  const revision = changes + shown; // others may have changed it while somebody looked elsewhere
  const known = useLoaded(async signal => {
    const ask = (asked: { run?: string }) =>
      source.request<{ models: ModelVersion[] }>(
        modelPath(target.workspace, null, query({ ...asked, limit: MOST_MODELS })),
        { signal }
      );
    const [all, own] = await Promise.all([ask({}), ask({ run: target.run })]);
    return { all: all.models, own: (await Promise.all(own.models.map(one => versionsOf(one, signal)))).flat() };
  }, `${target.workspace} ${target.run} ${revision}`);
  const all = known.value?.all ?? [];
  const own = known.value?.own ?? [];
  const name = typed ?? likelyName([...own, ...all], target.run, model.run?.experiment);
  const settled = useSettled(name.trim());
  return (
    <div ref={place} class="td-registration">
      <div class="td-stack">
        <Own versions={own} />
        <Form
          model={model}
          selection={host.files}
          name={name}
          known={all}
          shown={shown}
          onName={setTyped}
          onMade={version => {
            setTyped(version.name);
            changed(undefined);
          }}
        />
        {known.error && <Pending loaded={known} words="" />}
      </div>
      {isModelName(settled) && (
        <Versions
          key={settled}
          model={model}
          host={host}
          name={settled}
          revision={revision}
          onChanged={() => changed(undefined)}
        />
      )}
    </div>
  );
}

/** What the run was registered as before. */
function Own({ versions }: { versions: readonly ModelVersion[] }) {
  const trans = useTrans();
  if (versions.length === 0) {
    return null;
  }
  const names = versions.map(one => (one.aliases.length > 0 ? `${one.id} (${one.aliases.join(', ')})` : one.id));
  return <p class="td-muted">{trans.__('Registered from this run already: %1', shortened(names.join(', '), 300))}</p>;
}

/** Return which files are picked, null until any were, and what picks: here, and by whoever else may. */
function usePicked(selection: ISelection | undefined): [Choice | null, (choice: Choice, names: string[]) => void] {
  const [own, setOwn] = useState<Choice | null>(null);
  // What was picked here is told of as well, and says less than it did: none is as if nobody had picked, all are names.
  const told = useRef<string | null>(null);
  useEffect(() => {
    const look = (): void => {
      const names = selection?.get() ?? [];
      if (JSON.stringify(names) !== told.current) {
        told.current = null;
        setOwn(names.length > 0 ? new Set(names) : null);
      }
    };
    look();
    return selection?.observe(look);
  }, [selection]);
  const pick = (choice: Choice, names: string[]): void => {
    const picked = choice === 'all' ? names : names.filter(name => choice.has(name));
    told.current = JSON.stringify(picked);
    setOwn(choice);
    selection?.set(picked);
  };
  return [own, pick];
}

interface IFormProps {
  model: RunModel;
  selection: ISelection | undefined;
  name: string;
  known: readonly ModelVersion[];
  /** How often it was shown again: the run may have written more meanwhile. */
  shown: number;
  onName(name: string): void;
  onMade(version: ModelVersion): void;
}

function Form({ model, selection, name, known, shown, onName, onMade }: IFormProps) {
  const trans = useTrans();
  const { source, target } = model;
  const id = useName();
  const [rest, setRest] = useState(EMPTY);
  const [picked, pick] = usePicked(selection);
  const wish = useRef(new Wish()).current;
  const [registeredLast, setRegisteredLast] = useState('');
  const action = useAction(source);
  const outputs = useLoaded(
    signal =>
      source.request<IOutputs>(runPath(target, `/files${query({ prefix: OUTPUTS, limit: MOST_FILES })}`), { signal }),
    `${target.run} ${model.ended} ${shown}`
  );
  if (outputs.value === undefined) {
    return <Pending loaded={outputs} words={trans.__('Looking for files…')} />;
  }
  const { files, total, more } = outputs.value;
  if (total === 0) {
    return (
      <p class="td-empty">
        <Sentence
          text={
            model.ended
              ? trans.__('No outputs to register. What a script writes to %1 can be made a model.', PLACE)
              : trans.__('No outputs yet. What a script writes to %1 can be made a model.', PLACE)
          }
        >
          <code>./outputs</code>
        </Sentence>{' '}
        {!model.ended && (
          <button type="button" onClick={outputs.again}>
            {trans.__('Look again')}
          </button>
        )}
      </p>
    );
  }
  const names = files.map(file => file.name);
  const choice = picked ?? (total <= FEW_FILES ? 'all' : new Set<string>());
  const count = choice === 'all' ? total : names.filter(one => choice.has(one)).length;
  const set = (part: Partial<IForm>) => setRest(now => ({ ...now, ...part }));
  const askedBy = (form: IForm) => registrationOf(target.run, { ...form, name }, choice, names, more, '');
  // A checkpoint that is written anew has the name and most often the size of the one before.
  const chosen = files.filter(file => choice === 'all' || choice.has(file.name));
  const contents = chosen.map(({ size, modified }) => [size, modified]);
  const wordsOf = (form: IForm): string => JSON.stringify([askedBy(form), contents]);
  // The same files with the same words are the same version: a second click makes no other.
  const what = wordsOf(rest);
  const isRegistered = what === registeredLast;
  const register = async (): Promise<ModelVersion> => {
    // Whoever asks again after a broken connection gets the version that was made, if one was: of the same files there
    // is to be no other one, however much later.
    const made = await source.request<ModelVersion>(modelPath(target.workspace, null), {
      method: 'POST',
      body: { ...askedBy(rest), request_id: wish.idOf(what, Number.POSITIVE_INFINITY) }
    });
    wish.granted();
    set({ alias: '' }); // registering once more is not to move it on without a word
    setRegisteredLast(wordsOf({ ...rest, alias: '' }));
    onMade(made);
    return made;
  };
  // By its button alone: Enter in a field, be it to take a name that is offered, sends nothing.
  return (
    <form class="td-stack" aria-label={trans.__('Register a version')} onSubmit={event => event.preventDefault()}>
      <div class="td-field">
        <label for={`${id}-name`}>{trans.__('Name')}</label>
        <input
          id={`${id}-name`}
          type="text"
          required
          pattern={MODEL_NAME}
          title={trans.__('Letters, digits, -, . or _, beginning with a letter or digit')}
          placeholder={trans.__('such as %1', 'pt-dnn')}
          autocomplete="off"
          spellcheck={false}
          list={`${id}-models`}
          value={name}
          onInput={event => onName(event.currentTarget.value)}
        />
        <datalist id={`${id}-models`}>
          {[...new Set(known.map(one => one.name))].map(one => (
            <option key={one} value={one} />
          ))}
        </datalist>
      </div>
      <FileChoice files={files} total={total} choice={choice} onChoice={pickedNow => pick(pickedNow, names)} />
      {!model.ended && (
        <p class="td-muted">
          {trans.__('The run goes on: what it writes later is not part of the version.')}{' '}
          <button type="button" onClick={outputs.again}>
            {trans.__('Look again')}
          </button>
        </p>
      )}
      <div class="td-field">
        <label for={`${id}-description`}>{trans.__('Description')}</label>
        <textarea
          id={`${id}-description`}
          rows={2}
          value={rest.description}
          onInput={event => set({ description: event.currentTarget.value })}
        />
      </div>
      <Tags tags={rest.tags} onTags={tags => set({ tags })} />
      <div class="td-field">
        <label for={`${id}-alias`}>{trans.__('Alias')}</label>
        <input
          id={`${id}-alias`}
          type="text"
          pattern={ALIAS_NAME}
          title={trans.__('Letters, digits, _ or -, beginning with a letter; neither latest nor like v1')}
          placeholder={trans.__('none; or such as %1', 'production')}
          autocomplete="off"
          spellcheck={false}
          aria-describedby={`${id}-alias-help`}
          value={rest.alias}
          onInput={event => set({ alias: event.currentTarget.value })}
        />
        <span id={`${id}-alias-help`} class="td-muted">
          {trans.__('A name that stands for this version from then on, and for no other.')}
        </span>
      </div>
      <div class="td-tools">
        <button
          type="button"
          class="td-primary"
          disabled={action.busy || isRegistered || count === 0 || source.reach === 'never'}
          onClick={event =>
            event.currentTarget.form?.reportValidity() && action.run(register, made => registered(made, trans))
          }
        >
          {action.busy ? trans.__('Registering…') : isRegistered ? trans.__('Registered') : trans.__('Register')}
        </button>
        {count === 0 && <span class="td-muted">{trans.__('Choose at least one file.')}</span>}
        {source.reach === 'never' && <span class="td-muted">{trans.__('Nothing can be registered from here.')}</span>}
      </div>
      <Outcome action={action} />
    </form>
  );
}

function registered({ id, aliases }: ModelVersion, trans: ITrans): string {
  return aliases.length > 0
    ? trans.__('Registered as %1, and gave it the alias %2.', id, aliases.join(', '))
    : trans.__('Registered as %1.', id);
}

interface IFileChoiceProps {
  files: readonly RunFile[];
  total: number;
  choice: Choice;
  onChoice(choice: Choice): void;
}

function FileChoice({ files, total, choice, onChoice }: IFileChoiceProps) {
  const trans = useTrans();
  const [wanted, setWanted] = useState('');
  const names = files.map(file => file.name);
  const chosen = files.filter(file => choice === 'all' || choice.has(file.name));
  const count = choice === 'all' ? total : chosen.length;
  const size = bytes(chosen.reduce((sum, file) => sum + (file.size ?? 0), 0));
  const shown = files.filter(file => file.name.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <fieldset class="td-files-choice">
      <legend>{trans.__('Files of %1', OUTPUTS)}</legend>
      <div class="td-tools">
        <span class="td-muted td-number" aria-live="polite">
          {files.length < total
            ? trans.__('%1 of %2, more than %3', count, total, size)
            : trans.__('%1 of %2, %3', count, total, size)}
        </span>
        <button type="button" disabled={choice === 'all'} onClick={() => onChoice('all')}>
          {trans._p('files', 'All')}
        </button>
        <button type="button" disabled={count === 0} onClick={() => onChoice(new Set())}>
          {trans._p('files', 'None')}
        </button>
        {files.length > FEW_FILES && (
          <input
            type="search"
            placeholder={trans.__('Filter')}
            aria-label={trans.__('Filter files')}
            value={wanted}
            onInput={event => setWanted(event.currentTarget.value)}
          />
        )}
      </div>
      <ul>
        {shown.map(file => (
          <li key={file.name}>
            <label title={file.name}>
              <input
                type="checkbox"
                checked={choice === 'all' || choice.has(file.name)}
                onChange={() => onChoice(toggled(choice, names, file.name))}
              />
              <span>{shortened(file.name.slice(OUTPUTS.length), 120)}</span>
            </label>
            <span class="td-muted td-number">{bytes(file.size)}</span>
          </li>
        ))}
      </ul>
      {files.length < total && (
        <p class="td-muted">
          {trans.__('The first %1 of %2 are listed. “All” takes all of them.', files.length, total)}
        </p>
      )}
    </fieldset>
  );
}

import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
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
  toggled,
  wishId
} from '../model/registry';
import type { RunModel } from '../model/run_model';
import type { ISelection } from '../model/selection';
import { modelPath, query, runPath } from '../sources/source';
import { Frame } from './frame';
import type { IHost } from './header';
import { useAction, useLoaded, useName, useRun, useSettled } from './hooks';
import { Outcome } from './outcome';
import { Versions } from './versions';

/** Files that are listed at once; all of them can be chosen all the same. */
const MOST_FILES = 1000;
const MOST_MODELS = 200;
const EMPTY: IForm = { name: '', description: '', tags: [], alias: '' };

interface IOutputs {
  files: RunFile[];
  total: number;
  more: boolean;
}

/** Registering what a run left as a model, on its own; see {@link Registration}. */
export function RegistrationCard({ model, host = {} }: { model: RunModel; host?: IHost }) {
  useRun(model);
  return (
    <Frame label="Register a model">
      <h3 class="td-name">{`Register ${model.state?.display_name || model.target.run}`}</h3>
      <Registration model={model} host={host} />
    </Frame>
  );
}

/** Makes outputs of a run a model's next version, and shows the versions that there are with who moved their aliases. */
export function Registration({ model, host }: { model: RunModel; host: IHost }) {
  const { source, target } = model;
  const [typed, setTyped] = useState<string | null>(null);
  const [revision, changed] = useReducer((count: number) => count + 1, 0);
  const known = useLoaded(async signal => {
    const ask = (asked: { run?: string }) =>
      source.request<{ models: ModelVersion[] }>(
        modelPath(target.workspace, null, query({ ...asked, limit: MOST_MODELS })),
        { signal }
      );
    const [all, own] = await Promise.all([ask({}), ask({ run: target.run })]);
    return { all: all.models, own: own.models };
  }, `${target.workspace} ${target.run} ${revision}`);
  const all = known.value?.all ?? [];
  const own = known.value?.own ?? [];
  const name = typed ?? likelyName([...own, ...all], target.run, model.run?.experiment);
  const settled = useSettled(name.trim());
  return (
    <div class="td-registration">
      <div class="td-stack">
        <Own versions={own} />
        <Form
          model={model}
          selection={host.files}
          name={name}
          known={all}
          onName={setTyped}
          onMade={version => {
            setTyped(version.name);
            changed(undefined);
          }}
        />
        {known.error && <p class="td-notice">{known.error}</p>}
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
  if (versions.length === 0) {
    return null;
  }
  const names = versions.map(one => (one.aliases.length > 0 ? `${one.id} (${one.aliases.join(', ')})` : one.id));
  return <p class="td-muted">{`Registered from this run already: ${shortened(names.join(', '), 300)}`}</p>;
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
  onName(name: string): void;
  onMade(version: ModelVersion): void;
}

function Form({ model, selection, name, known, onName, onMade }: IFormProps) {
  const { source, target } = model;
  const id = useName();
  const [rest, setRest] = useState(EMPTY);
  const [picked, pick] = usePicked(selection);
  const wish = useRef({ what: '', id: '' });
  const action = useAction(source);
  const outputs = useLoaded(
    signal =>
      source.request<IOutputs>(runPath(target, `/files${query({ prefix: OUTPUTS, limit: MOST_FILES })}`), { signal }),
    `${target.run} ${model.ended}`
  );
  if (outputs.value === undefined) {
    return <p class="td-empty">{outputs.error || 'Looking for files…'}</p>;
  }
  const { files, total, more } = outputs.value;
  if (total === 0) {
    return (
      <p class="td-empty">
        No outputs {model.ended ? 'to register' : 'yet'}. What a script writes to <code>./outputs</code> can be made a
        model.{' '}
        {!model.ended && (
          <button type="button" onClick={outputs.again}>
            Look again
          </button>
        )}
      </p>
    );
  }
  const names = files.map(file => file.name);
  const choice = picked ?? (total <= FEW_FILES ? 'all' : new Set<string>());
  const count = choice === 'all' ? total : names.filter(one => choice.has(one)).length;
  const set = (part: Partial<IForm>) => setRest(now => ({ ...now, ...part }));
  const register = async (): Promise<ModelVersion> => {
    // Whoever asks again after a broken connection gets the version that was made, if one was.
    const asked = registrationOf(target.run, { ...rest, name }, choice, names, more, '');
    const what = JSON.stringify(asked);
    if (wish.current.what !== what) {
      wish.current = { what, id: wishId() };
    }
    const made = await source.request<ModelVersion>(modelPath(target.workspace, null), {
      method: 'POST',
      body: { ...asked, request_id: wish.current.id }
    });
    wish.current = { what: '', id: '' };
    onMade(made);
    return made;
  };
  // By its button alone: Enter in a field, be it to take a name that is offered, sends nothing.
  return (
    <form class="td-stack" aria-label="Register a version" onSubmit={event => event.preventDefault()}>
      <div class="td-field">
        <label for={`${id}-name`}>Name</label>
        <input
          id={`${id}-name`}
          type="text"
          required
          pattern={MODEL_NAME}
          title="Letters, digits, -, . or _, beginning with a letter or digit"
          placeholder="such as pt-dnn"
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
          The run goes on: what it writes later is not part of the version.{' '}
          <button type="button" onClick={outputs.again}>
            Look again
          </button>
        </p>
      )}
      <div class="td-field">
        <label for={`${id}-description`}>Description</label>
        <textarea
          id={`${id}-description`}
          rows={2}
          value={rest.description}
          onInput={event => set({ description: event.currentTarget.value })}
        />
      </div>
      <Tags tags={rest.tags} onTags={tags => set({ tags })} />
      <div class="td-field">
        <label for={`${id}-alias`}>Alias</label>
        <input
          id={`${id}-alias`}
          type="text"
          pattern={ALIAS_NAME}
          title="Letters, digits, _ or -, beginning with a letter; neither latest nor like v1"
          placeholder="none; or such as production"
          autocomplete="off"
          spellcheck={false}
          aria-describedby={`${id}-alias-help`}
          value={rest.alias}
          onInput={event => set({ alias: event.currentTarget.value })}
        />
        <span id={`${id}-alias-help`} class="td-muted">
          A name that stands for this version from then on, and for no other.
        </span>
      </div>
      <div class="td-tools">
        <button
          type="button"
          class="td-primary"
          disabled={action.busy || count === 0 || source.reach === 'never'}
          onClick={event => event.currentTarget.form?.reportValidity() && action.run(register, registered)}
        >
          {action.busy ? 'Registering…' : 'Register'}
        </button>
        {count === 0 && <span class="td-muted">Choose at least one file.</span>}
        {source.reach === 'never' && <span class="td-muted">Nothing can be registered from here.</span>}
      </div>
      <Outcome action={action} />
    </form>
  );
}

function registered({ id, aliases }: ModelVersion): string {
  return `Registered as ${id}${aliases.length > 0 ? ` (${aliases.join(', ')})` : ''}.`;
}

interface IFileChoiceProps {
  files: readonly RunFile[];
  total: number;
  choice: Choice;
  onChoice(choice: Choice): void;
}

function FileChoice({ files, total, choice, onChoice }: IFileChoiceProps) {
  const [wanted, setWanted] = useState('');
  const names = files.map(file => file.name);
  const chosen = files.filter(file => choice === 'all' || choice.has(file.name));
  const count = choice === 'all' ? total : chosen.length;
  const size = bytes(chosen.reduce((sum, file) => sum + (file.size ?? 0), 0));
  const shown = files.filter(file => file.name.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <fieldset class="td-files-choice">
      <legend>{`Files of ${OUTPUTS}`}</legend>
      <div class="td-tools">
        <span
          class="td-muted td-number"
          aria-live="polite"
        >{`${count} of ${total}, ${files.length < total ? 'more than ' : ''}${size}`}</span>
        <button type="button" disabled={choice === 'all'} onClick={() => onChoice('all')}>
          All
        </button>
        <button type="button" disabled={count === 0} onClick={() => onChoice(new Set())}>
          None
        </button>
        {files.length > FEW_FILES && (
          <input
            type="search"
            placeholder="Filter"
            aria-label="Filter files"
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
        <p class="td-muted">{`The first ${files.length} of ${total} are listed. “All” takes all of them.`}</p>
      )}
    </fieldset>
  );
}

function Tags({ tags, onTags }: { tags: IForm['tags']; onTags(tags: IForm['tags']): void }) {
  const change = (at: number, tag: readonly [string, string]) =>
    onTags(tags.map((one, index) => (index === at ? tag : one)));
  return (
    <fieldset class="td-tags">
      <legend>Tags</legend>
      {tags.map(([name, value], at) => (
        <div key={at} class="td-tag">
          <input
            type="text"
            aria-label={`Name of tag ${at + 1}`}
            placeholder="name"
            maxLength={500}
            value={name}
            onInput={event => change(at, [event.currentTarget.value, value])}
          />
          <input
            type="text"
            aria-label={`Value of tag ${at + 1}`}
            placeholder="value"
            value={value}
            onInput={event => change(at, [name, event.currentTarget.value])}
          />
          <button
            type="button"
            aria-label={`Remove tag ${name || at + 1}`}
            onClick={() => onTags(tags.filter((_, index) => index !== at))}
          >
            ×
          </button>
        </div>
      ))}
      <button type="button" onClick={() => onTags([...tags, ['', '']])}>
        Add a tag
      </button>
    </fieldset>
  );
}

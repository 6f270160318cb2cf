import { useEffect, useRef, useState } from 'preact/hooks';
import type { Compute, Machine } from '../../../widgets/src/compute_documents';
import { shortened } from '../../../widgets/src/format';
import { computePath } from '../../../widgets/src/model/compute_model';
import {
  fieldIn,
  fieldsOf,
  filledIn,
  type IApiDocument,
  type ISchema,
  settingsByKind,
  type Typed,
  typedOf
} from '../../../widgets/src/model/settings_form';
import { failureText } from '../../../widgets/src/problems';
import type { Source } from '../../../widgets/src/sources/source';
import { Frame } from '../../../widgets/src/views/frame';
import { useLoaded, useName } from '../../../widgets/src/views/hooks';
import { type IDrafts, KeptSoon } from '../remembered';
import type { ITraindock } from '../tokens';
import { Field } from './field';
import { type ITypedForm, keptOf, typedFormOf } from './typed';

type Trans = ITraindock['trans'];

/** What most people set, in this order; all else is a click away. */
const COMMON = ['max_nodes', 'cpus', 'memory', 'gpus_per_node', 'gpu', 'engine', 'description'];

interface IComputeFormProps {
  traindock: Pick<ITraindock, 'source' | 'trans'>;
  /** What is typed, kept until it is saved or taken back. */
  drafts: IDrafts<ITypedForm>;
  workspace: string;
  /** Name of the compute target that is to be changed; null for a new one. */
  name: string | null;
  /** Called with what was made or changed, unless its owner should know something of it. */
  onDone(compute: Compute): void;
  onClose(): void;
}

interface IKnown {
  schemas: Map<string, ISchema>;
  document: IApiDocument;
  compute: Compute | null;
  engines: string[];
  /** What was typed and not saved. */
  kept: ITypedForm | null;
}

/** Makes a compute target, or changes one: a form made from the API's description of its settings. */
export function ComputeForm(props: IComputeFormProps) {
  const { traindock, drafts, workspace, name } = props;
  const { trans, source } = traindock;
  const { value, error, again } = useLoaded(
    async signal => ({
      ...(await load(source, workspace, name, signal)),
      kept: typedFormOf(await drafts.fetch(draftName(workspace, name)))
    }),
    `${workspace} ${name}`
  );
  const title = name === null ? trans.__('New compute target') : trans.__('Compute target %1', name);
  return (
    <Frame label={title}>
      <h3 class="td-name">{title}</h3>
      {value === undefined && error === '' && <p class="td-empty">{trans.__('Asking what can be set…')}</p>}
      {value === undefined && error !== '' && (
        <div role="alert">
          <p class="td-notice">{shortened(error, 2000)}</p>
          <button type="button" onClick={again}>
            {trans.__('Try again')}
          </button>
        </div>
      )}
      {value !== undefined && <Filling {...props} known={value} />}
    </Frame>
  );
}

function draftName(workspace: string, name: string | null): string {
  return `${workspace}/${name ?? ''}`;
}

async function load(
  source: Source,
  workspace: string,
  name: string | null,
  signal: AbortSignal
): Promise<Omit<IKnown, 'kept'>> {
  const machine = `/workspaces/${encodeURIComponent(workspace)}/machine`;
  const [document, { engines }, compute] = await Promise.all([
    source.request<IApiDocument>('/openapi', { signal }),
    source.request<Machine>(machine, { signal }),
    name === null ? null : source.request<Compute>(computePath(workspace, name), { signal })
  ]);
  return { schemas: settingsByKind(document), document, compute, engines: engines.map(({ address }) => address) };
}

/** What a person is told about what was sent. */
interface ITold {
  /** About all of it. */
  above: string;
  /** By field. */
  beside: Record<string, string>;
}

const NOTHING: ITold = { above: '', beside: {} };

function Filling(props: IComputeFormProps & { known: IKnown }) {
  const { traindock, drafts, workspace, known, onDone, onClose } = props;
  const { source, trans } = traindock;
  const id = useName();
  const form = useRef<HTMLFormElement>(null);
  const [compute, setCompute] = useState(known.compute);
  const first = compute?.kind ?? [...known.schemas.keys()][0] ?? '';
  const [name, setName] = useState(known.kept?.name ?? '');
  const [kind, setKind] = useState(
    compute === null && known.schemas.has(known.kept?.kind ?? '') ? (known.kept?.kind ?? first) : first
  );
  const [typed, setTyped] = useState<Readonly<Record<string, Typed>>>(known.kept?.typed ?? {});
  const [restored, setRestored] = useState(known.kept !== null);
  const [busy, setBusy] = useState(false);
  const [told, tell] = useState(NOTHING);
  const [more, showMore] = useState(Object.keys(known.kept?.typed ?? {}).some(one => !COMMON.includes(one)));
  const [warnings, warn] = useState<readonly string[]>([]);
  const schema = known.schemas.get(kind);
  const keep = useKept(drafts, draftName(workspace, props.name), { name, kind, typed }, form =>
    keptOf(form, schema === undefined ? [] : fieldsOf(schema, known.document))
  );
  const forget = (): void => {
    setName('');
    setTyped({});
    setRestored(false);
    keep({ name: '', kind, typed: {} });
  };
  useEffect(() => {
    if (compute === null && !restored) {
      form.current?.querySelector('input')?.focus(); // whoever has opened it, by keys perhaps, begins there
    }
  }, []);
  if (schema === undefined) {
    return <p class="td-empty">{trans.__('This page does not know what “%1” can be set to.', kind)}</p>;
  }
  const fields = fieldsOf(schema, known.document);
  const before = compute?.settings ?? {};
  const refuse = (beside: Record<string, string>, above = ''): void => {
    tell({ above, beside });
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  };
  const save = async (): Promise<void> => {
    const { values, problems } = filledIn(fields, typed, before, trans);
    const nameless = compute === null && !isName(name.trim(), known.document);
    if (nameless || Object.keys(problems).length > 0) {
      refuse({ ...problems, ...(nameless ? { name: nameRule(trans) } : {}) });
      return;
    }
    if (compute !== null && Object.keys(values).length === 0) {
      tell({ above: trans.__('Nothing was changed.'), beside: {} });
      return;
    }
    setBusy(true);
    try {
      const made = await (compute === null
        ? source.request<IChecked>(computePath(workspace, null), {
            method: 'POST',
            body: { name: name.trim(), kind, settings: values }
          })
        : source.request<IChecked>(computePath(workspace, compute.name), {
            method: 'PATCH',
            body: { settings: values }
          }));
      tell(NOTHING);
      forget();
      setCompute(made);
      warn(made.warnings);
      if (made.warnings.length === 0) {
        onDone(made);
      }
    } catch (error) {
      const text = failureText(error, trans);
      const field = fieldIn(compute === null ? [{ name: 'name' }, ...fields] : fields, text);
      refuse(field === null ? {} : { [field]: text }, field === null ? text : '');
    } finally {
      setBusy(false);
    }
  };
  const common = COMMON.flatMap(one => fields.filter(field => field.name === one));
  const rest = fields.filter(field => !COMMON.includes(field.name));
  const amongRest = rest.some(
    field =>
      told.beside[field.name] !== undefined ||
      typedOf(field, before[field.name] ?? field.default) !== typedOf(field, field.default)
  );
  const drawn = (shown: typeof fields) =>
    shown.map(field => (
      <Field
        key={`${kind} ${field.name}`}
        trans={trans}
        field={field}
        value={typed[field.name]}
        before={before[field.name]}
        problem={told.beside[field.name] ?? ''}
        proposals={field.name === 'engine' ? known.engines : []}
        onTyped={value => setTyped(now => ({ ...now, [field.name]: value }))}
      />
    ));
  return (
    <form
      ref={form}
      class="td-stack jp-Traindock-Form"
      noValidate
      onSubmit={event => {
        event.preventDefault();
        void save();
      }}
    >
      {restored && (
        <p class="td-notice">
          {trans.__('It is filled in as you left it.')}{' '}
          <button type="button" onClick={forget}>
            {trans.__('Begin anew')}
          </button>
        </p>
      )}
      {told.above !== '' && (
        <p class="td-notice" role="alert">
          {shortened(told.above, 2000)}
        </p>
      )}
      {warnings.length > 0 && (
        <div class="td-notice" role="status">
          <p>{trans.__('%1 is saved. What you should know:', compute?.name ?? '')}</p>
          <ul>
            {warnings.map(warning => (
              <li key={warning}>{shortened(warning, 2000)}</li>
            ))}
          </ul>
        </div>
      )}
      {compute === null && (
        <>
          <div class="td-field">
            <label for={`${id}-name`}>{trans.__('Name')}</label>
            <input
              id={`${id}-name`}
              type="text"
              autocomplete="off"
              spellcheck={false}
              placeholder={trans.__('such as gpu-box')}
              value={name}
              aria-invalid={told.beside.name !== undefined}
              aria-describedby={`${id}-name-help`}
              onInput={event => setName(event.currentTarget.value)}
            />
            <span id={`${id}-name-help`} class={told.beside.name === undefined ? 'td-muted' : 'td-notice'}>
              {told.beside.name ?? nameRule(trans)}
            </span>
          </div>
          <fieldset class="td-stack">
            <legend>{trans.__('Kind')}</legend>
            {[...known.schemas].map(([one, { description = '' }]) => (
              <label key={one} class="jp-Traindock-FormOption">
                <input
                  type="radio"
                  name={`${id}-kind`}
                  checked={one === kind}
                  onChange={() => {
                    setKind(one);
                    tell(NOTHING);
                  }}
                />
                <span>
                  <strong>{one}</strong> <span class="td-muted">{description}</span>
                </span>
              </label>
            ))}
          </fieldset>
        </>
      )}
      <div class="jp-Traindock-Fields">{drawn(common)}</div>
      {rest.length > 0 && (
        <details open={more || amongRest} onToggle={event => showMore(event.currentTarget.open)}>
          <summary>{trans.__('More settings')}</summary>
          <div class="jp-Traindock-Fields">{drawn(rest)}</div>
        </details>
      )}
      <div class="td-tools">
        <button type="submit" class="td-primary" disabled={busy}>
          {compute === null ? trans.__('Create') : trans.__('Save')}
        </button>
        <button
          type="button"
          onClick={() => {
            forget();
            onClose();
          }}
        >
          {trans.__('Close')}
        </button>
        {busy && <span class="td-muted">{trans.__('Its engine is asked, too…')}</span>}
      </div>
    </form>
  );
}

/**
 * Keep what is typed a while after the last key, and when the form goes.
 *
 * @returns What keeps something else at once.
 */
function useKept(
  drafts: IDrafts<ITypedForm>,
  name: string,
  now: ITypedForm,
  keptOf: (form: ITypedForm) => ITypedForm
): (form: ITypedForm) => void {
  const last = useRef(JSON.stringify(now));
  const [keeping] = useState(() => new KeptSoon());
  const text = JSON.stringify(now);
  useEffect(() => {
    if (text !== last.current) {
      last.current = text;
      keeping.soon(() => drafts.save(name, keptOf(now)));
    }
  }, [text]);
  useEffect(() => () => keeping.now(), []);
  return form => {
    keeping.forget();
    last.current = JSON.stringify(form);
    drafts.save(name, form);
  };
}

/** A compute target, and what its owner should know. */
interface IChecked extends Compute {
  warnings: string[];
}

function isName(name: string, document: IApiDocument): boolean {
  const { pattern } = document.components.schemas.ComputeName ?? {};
  return pattern === undefined ? name !== '' : new RegExp(pattern, 'u').test(name);
}

function nameRule(trans: Trans): string {
  return trans.__('2 to 24 letters, digits or -, beginning with a letter and not ending with -.');
}

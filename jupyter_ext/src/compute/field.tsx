import { words } from '../../../widgets/src/format';
import { type IField, type Typed, typedOf } from '../../../widgets/src/model/settings_form';
import { useName } from '../../../widgets/src/views/hooks';
import type { ITraindock } from '../tokens';

interface IFieldProps {
  trans: ITraindock['trans'];
  field: IField;
  /** What is typed; undefined while nobody has typed anything. */
  value: Typed | undefined;
  /** What it was set to; undefined where it was not. */
  before: unknown;
  /** What is wrong with it, or "". */
  problem: string;
  proposals: readonly string[];
  onTyped(value: Typed): void;
}

/** A field of a form that a schema describes, with its description, or what is wrong, below it. */
export function Field(props: IFieldProps) {
  const { trans, field, problem } = props;
  const id = useName();
  const help = `${id}-help`;
  return (
    <div class="td-field">
      <label for={id}>{labelOf(field.name)}</label>
      <Input {...props} id={id} help={help} />
      <span id={help} class="td-muted">
        {problem !== '' && <span class="td-notice">{problem} </span>}
        {byLabels(field.help).replace(/\bnull\b/g, trans.__('empty'))}
        {field.kind === 'lines' && ` ${trans.__('One on each line.')}`}
        {field.kind === 'pairs' && ` ${trans.__('One name=value on each line.')}`}
        {field.kind === 'secret' && ` ${trans.__('It is not shown; what is left empty stays as it is.')}`}
      </span>
    </div>
  );
}

/** `max_nodes` as `Max nodes`; what is an abbreviation is written like one. */
function labelOf(name: string): string {
  const text = words(name)
    .replace(/\bgpus\b/g, 'GPUs')
    .replace(/\bgpu\b/g, 'GPU')
    .replace(/\bcpus\b/g, 'CPUs')
    .replace(/\bvm\b/g, 'VM');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Return a description of the API with other settings by what their fields are called. */
function byLabels(help: string): string {
  return help.replace(/\b[a-z]+(?:_[a-z]+)+\b/g, name => `“${labelOf(name)}”`);
}

/** Return what an empty field means, which descriptions of the API tell as `; null for …`; "" where this one does not. */
function meaningOfEmpty(help: string): string {
  return byLabels(/; null for (.+?)\.?$/.exec(help)?.[1] ?? '');
}

function Input(props: IFieldProps & { id: string; help: string }) {
  const { trans, field, before, problem, proposals, onTyped, id, help } = props;
  const value = props.value ?? typedOf(field, before ?? field.default ?? null);
  const shared = { id, 'aria-describedby': help, 'aria-invalid': problem !== '' };
  if (field.kind === 'switch') {
    return (
      <input
        {...shared}
        type="checkbox"
        checked={value === true}
        onChange={event => onTyped(event.currentTarget.checked)}
      />
    );
  }
  const text = String(value);
  if (field.kind === 'choice') {
    return (
      <select {...shared} value={text} onChange={event => onTyped(event.currentTarget.value)}>
        {field.choices.map(choice => (
          <option key={choice} value={choice}>
            {choice === '' ? meaningOfEmpty(field.help) || trans.__('none') : choice}
          </option>
        ))}
      </select>
    );
  }
  if (field.kind === 'lines' || field.kind === 'pairs' || (field.maxLength ?? 0) > 10_000) {
    return (
      <textarea
        {...shared}
        rows={2}
        spellcheck={false}
        maxLength={field.kind === 'text' ? field.maxLength : undefined}
        value={text}
        onInput={event => onTyped(event.currentTarget.value)}
      />
    );
  }
  const numeric = field.kind === 'integer' || field.kind === 'number';
  return (
    <>
      <input
        {...shared}
        type={field.kind === 'secret' ? 'password' : 'text'}
        inputMode={numeric ? 'decimal' : undefined}
        autocomplete={field.kind === 'secret' ? 'new-password' : 'off'}
        spellcheck={false}
        placeholder={field.nullable ? meaningOfEmpty(field.help) || trans.__('none') : undefined}
        maxLength={field.maxLength}
        list={proposals.length > 0 ? `${id}-proposals` : undefined}
        value={text}
        onInput={event => onTyped(event.currentTarget.value)}
      />
      {proposals.length > 0 && (
        <datalist id={`${id}-proposals`}>
          {proposals.map(one => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
    </>
  );
}

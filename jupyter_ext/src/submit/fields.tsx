import type { TranslationBundle } from '@jupyterlab/translation';
import type { ComponentChildren } from 'preact';
import { useFocusOfAdded, useName } from '../../../widgets/src/views/hooks';
import type { Pair } from './draft';
import type { Place } from './faults';

/** What every field has. */
interface IFieldProps {
  label: ComponentChildren;
  /** Where it is in the form. */
  place: Place;
  /** What is wrong with it; `""` where nothing is. */
  fault: string;
  help?: ComponentChildren;
}

/** What an element has to have for its label, its help and its fault. */
export interface IFieldAttributes {
  id: string;
  'data-place': Place;
  'aria-invalid': boolean;
  'aria-describedby': string | undefined;
}

/** A labelled part of a form, with what is wrong with it beneath. */
export function Field({
  label,
  place,
  fault,
  help,
  children
}: IFieldProps & { children: (attributes: IFieldAttributes) => ComponentChildren }) {
  const id = useName();
  const described = [help ? `${id}-help` : '', fault === '' ? '' : `${id}-fault`].filter(name => name !== '');
  return (
    <div class={fault === '' ? 'td-field' : 'td-field jp-mod-faulty'}>
      <label for={id}>{label}</label>
      {children({
        id,
        'data-place': place,
        'aria-invalid': fault !== '',
        'aria-describedby': described.join(' ') || undefined
      })}
      {help && (
        <span id={`${id}-help`} class="td-muted jp-Traindock-help">
          {help}
        </span>
      )}
      <Fault id={`${id}-fault`} text={fault} />
    </div>
  );
}

/** What is wrong with a field. */
export function Fault({ id, text }: { id: string; text: string }) {
  return text === '' ? null : (
    <span id={id} class="jp-Traindock-fault">
      {text}
    </span>
  );
}

interface ITextProps extends IFieldProps {
  value: string;
  onValue(value: string): void;
  placeholder?: string;
  /** What may be meant. */
  known?: readonly string[];
  secret?: boolean;
  numeric?: boolean;
}

/** A line of text. */
export function TextField({ value, onValue, placeholder, known, secret, numeric, ...field }: ITextProps) {
  return (
    <Field {...field}>
      {attributes => (
        <>
          <input
            {...attributes}
            type={secret ? 'password' : 'text'}
            inputMode={numeric ? 'numeric' : undefined}
            autocomplete={secret ? 'new-password' : 'off'}
            spellcheck={false}
            placeholder={placeholder}
            list={known === undefined ? undefined : `${attributes.id}-known`}
            value={value}
            onInput={event => onValue(event.currentTarget.value)}
          />
          {known !== undefined && (
            <datalist id={`${attributes.id}-known`}>
              {known.map(name => (
                <option key={name} value={name} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

interface IAreaProps extends IFieldProps {
  value: string;
  onValue(value: string): void;
  placeholder?: string;
  rows?: number;
}

/** Lines of text. */
export function AreaField({ value, onValue, placeholder, rows = 3, ...field }: IAreaProps) {
  return (
    <Field {...field}>
      {attributes => (
        <textarea
          {...attributes}
          class="jp-Traindock-code"
          rows={rows}
          spellcheck={false}
          placeholder={placeholder}
          value={value}
          onInput={event => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

interface IChoiceProps extends IFieldProps {
  value: string;
  /** Values with what people call them. */
  choices: readonly Pair[];
  onValue(value: string): void;
}

/** One of several values. */
export function ChoiceField({ value, choices, onValue, ...field }: IChoiceProps) {
  return (
    <Field {...field}>
      {attributes => (
        <select {...attributes} value={value} onChange={event => onValue(event.currentTarget.value)}>
          {choices.map(([one, name]) => (
            <option key={one} value={one} selected={one === value}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface IPairsProps {
  legend: string;
  place: Place;
  fault: string;
  pairs: readonly Pair[];
  onPairs(pairs: readonly Pair[]): void;
  /** What one of them is called: “Name of variable 1”. */
  one: (part: 'name' | 'value', number: number) => string;
  add: string;
  isSecret?: (name: string) => boolean;
  help?: string;
  trans: TranslationBundle;
}

/** Names with values. */
export function PairsField({ legend, place, fault, pairs, onPairs, one, add, isSecret, help, trans }: IPairsProps) {
  const id = useName();
  const change = (at: number, pair: Pair): void => onPairs(pairs.map((old, index) => (index === at ? pair : old)));
  const described = fault === '' ? undefined : `${id}-fault`;
  const frame = useFocusOfAdded(pairs.length);
  return (
    <fieldset ref={frame} class={fault === '' ? 'td-tags' : 'td-tags jp-mod-faulty'} aria-describedby={described}>
      <legend>{legend}</legend>
      {pairs.map(([name, value], at) => (
        <div key={at} class="td-tag">
          <input
            type="text"
            data-place={at === 0 ? place : undefined}
            aria-label={one('name', at + 1)}
            aria-invalid={fault !== ''}
            aria-describedby={described}
            placeholder={trans.__('name')}
            maxLength={500}
            spellcheck={false}
            value={name}
            onInput={event => change(at, [event.currentTarget.value, value])}
          />
          <input
            type={isSecret?.(name) ? 'password' : 'text'}
            autocomplete={isSecret?.(name) ? 'new-password' : 'off'}
            aria-label={one('value', at + 1)}
            placeholder={trans.__('value')}
            spellcheck={false}
            value={value}
            onInput={event => change(at, [name, event.currentTarget.value])}
          />
          <button
            type="button"
            aria-label={trans.__('Remove %1', name || at + 1)}
            onClick={event => {
              event.currentTarget.closest('fieldset')?.querySelector<HTMLElement>('.jp-Traindock-add')?.focus();
              onPairs(pairs.filter((_, index) => index !== at));
            }}
          >
            ×
          </button>
        </div>
      ))}
      <button
        type="button"
        class="jp-Traindock-add"
        data-place={pairs.length === 0 ? place : undefined}
        onClick={() => onPairs([...pairs, ['', '']])}
      >
        {add}
      </button>
      {help && <p class="td-muted jp-Traindock-help">{help}</p>}
      <Fault id={`${id}-fault`} text={fault} />
    </fieldset>
  );
}

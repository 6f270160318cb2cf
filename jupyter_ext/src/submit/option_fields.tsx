import type { TranslationBundle } from '@jupyterlab/translation';
import { useState } from 'preact/hooks';
import { useName } from '../../../widgets/src/views/hooks';
import type { ScriptDocument, ScriptOption } from './documents';
import { placeOf } from './faults';
import { AreaField, ChoiceField, Fault, TextField } from './fields';
import type { FormModel } from './model';
import {
  defaultOf,
  isBoolOfText,
  isEither,
  isFilled,
  isList,
  isTicked,
  nameOf,
  type OptionValue
} from './option_values';
import { isSecretOption } from './secrets';

/** With more options than these one looks for some of them. */
const MANY = 12;

/** A form with a script's arguments. */
interface IArgumentsModel extends Pick<FormModel, 'script' | 'draft' | 'faultAt' | 'set'> {
  setOption(name: string, value: OptionValue): void;
  resetOptions(): void;
}

/** The arguments of a script: a field for each option that it has, and one for all others. */
export function ArgumentFields({ model, trans }: { model: IArgumentsModel; trans: TranslationBundle }) {
  const [wanted, setWanted] = useState('');
  const { script, draft } = model;
  if (script === null) {
    return null;
  }
  const { commands = [] } = script;
  const changed = script.options.filter(option => isFilled(option, draft.options[nameOf(option)]));
  const fits = (option: ScriptOption): boolean =>
    `${option.flags.join(' ')} ${option.dest} ${option.help}`.toLowerCase().includes(wanted.trim().toLowerCase());
  const groups = new Map<string, ScriptOption[]>();
  for (const option of script.options) {
    if (fits(option) || model.faultAt(placeOf(nameOf(option))) !== '') {
      groups.set(option.group, [...(groups.get(option.group) ?? []), option]);
    }
  }
  return (
    <>
      {!script.parsed && script.why !== '' && commands.length === 0 && <p class="td-notice">{script.why}</p>}
      {script.notes.map(note => (
        <p key={note} class="td-muted">
          {note}
        </p>
      ))}
      {script.options.length > 0 && (
        <div class="td-tools">
          {script.options.length > MANY && (
            <input
              type="search"
              placeholder={trans.__('Filter options')}
              aria-label={trans.__('Filter options')}
              value={wanted}
              onInput={event => setWanted(event.currentTarget.value)}
            />
          )}
          <span class="td-muted" role="status">
            {changed.length === 0
              ? trans.__('All as the script has them. What you leave empty stays so.')
              : trans._n('%1 of %2 is given.', '%1 of %2 are given.', changed.length, script.options.length)}
          </span>
          {changed.length > 0 && (
            <button type="button" onClick={() => model.resetOptions()}>
              {trans.__('Reset')}
            </button>
          )}
        </div>
      )}
      {[...groups].map(([group, options]) => (
        <fieldset key={group} class="jp-Traindock-options" aria-label={group || trans.__('Options')}>
          {group !== '' && groups.size > 1 && <h4>{group}</h4>}
          {options.map(option => (
            <OptionField
              key={nameOf(option)}
              option={option}
              value={draft.options[nameOf(option)]}
              fault={model.faultAt(placeOf(nameOf(option)))}
              trans={trans}
              onValue={value => model.setOption(nameOf(option), value)}
            />
          ))}
        </fieldset>
      ))}
      {groups.size === 0 && wanted !== '' && <p class="td-muted">{trans.__('No option has “%1” in it.', wanted)}</p>}
      {commands.length > 0 && <Commands commands={commands} trans={trans} />}
      <AreaField
        label={script.options.length === 0 ? trans.__('Arguments') : trans.__('Other arguments')}
        place="free"
        fault={model.faultAt('free')}
        rows={2}
        placeholder={trans.__('such as --epochs 10 --name "a b"')}
        help={trans.__('As on a command line: spaces part words, quotes keep them together.')}
        value={draft.free}
        onValue={free => model.set({ free })}
      />
    </>
  );
}

/** What goes into the free arguments for a script that has sub-commands. */
function Commands({
  commands,
  trans
}: {
  commands: NonNullable<ScriptDocument['commands']>;
  trans: TranslationBundle;
}) {
  return (
    <div class="jp-Traindock-commands">
      <p>{trans.__('Write the sub-command with its options as arguments below:')}</p>
      <ul>
        {commands.map(({ name, options }) => (
          <li key={name}>
            <code>{name}</code>{' '}
            <span class="td-muted">
              {options.map(option => (option.required ? nameOf(option) : `[${nameOf(option)}]`)).join(' ')}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

interface IOptionProps {
  option: ScriptOption;
  value: OptionValue | undefined;
  fault: string;
  trans: TranslationBundle;
  onValue(value: OptionValue): void;
}

/** The field of one option. */
export function OptionField({ option, value, fault, trans, onValue }: IOptionProps) {
  const name = nameOf(option);
  const place = placeOf(name);
  const label = (
    <>
      <code>{name}</code>
      {option.required && <span class="td-muted">{trans.__(' (needed)')}</span>}
    </>
  );
  if (isTicked(option)) {
    return <Ticked option={option} value={value === true} fault={fault} onValue={onValue} />;
  }
  const words: Record<string, string> = { True: trans.__('yes'), False: trans.__('no') };
  const usual =
    isEither(option) || isBoolOfText(option) ? (words[defaultOf(option)] ?? defaultOf(option)) : defaultOf(option);
  const isComputed = option.default === null && option.default_source !== '';
  const unchanged = usual === '' ? trans.__('not given') : trans.__('%1 (as the script has it)', usual);
  const choices = choicesOf(option, trans);
  if (choices !== null) {
    return (
      <ChoiceField
        label={label}
        place={place}
        fault={fault}
        help={option.help}
        value={String(value ?? '')}
        choices={[['', option.required ? trans.__('Choose…') : unchanged], ...choices]}
        onValue={chosen => onValue(isEither(option) && chosen !== '' ? chosen === 'true' : chosen)}
      />
    );
  }
  return (
    <TextField
      label={label}
      place={place}
      fault={fault}
      help={option.help}
      secret={isSecretOption(name)}
      numeric={option.type === 'int'}
      placeholder={(isComputed ? trans.__('computed: %1', usual) : usual) || hintOf(option, trans)}
      value={String(value ?? '')}
      onValue={onValue}
    />
  );
}

function choicesOf(option: ScriptOption, trans: TranslationBundle): [string, string][] | null {
  if (isEither(option)) {
    return [
      ['true', trans.__('yes')],
      ['false', trans.__('no')]
    ];
  }
  if (isBoolOfText(option)) {
    return [
      ['True', trans.__('yes')],
      ['False', trans.__('no')]
    ];
  }
  if (option.choices === null || isList(option)) {
    return null;
  }
  return option.choices.map(choice => {
    const text = defaultOf({ ...option, default: choice });
    return [text, text];
  });
}

/** Return what kind of value is wanted. */
function hintOf(option: ScriptOption, trans: TranslationBundle): string {
  if (option.action === 'count') {
    return trans.__('how often');
  }
  if (isList(option)) {
    return option.choices === null ? trans.__('values, with spaces between them') : option.choices.join(' ');
  }
  switch (option.type) {
    case 'int':
      return trans.__('a whole number');
    case 'float':
      return trans.__('a number');
    default:
      return option.metavar ?? '';
  }
}

function Ticked({
  option,
  value,
  fault,
  onValue
}: Pick<IOptionProps, 'option' | 'fault' | 'onValue'> & { value: boolean }) {
  const name = nameOf(option);
  const id = useName();
  return (
    <div class="td-field jp-Traindock-ticked">
      <label>
        <input
          type="checkbox"
          data-place={placeOf(name)}
          aria-describedby={option.help === '' ? undefined : id}
          checked={value}
          onChange={event => onValue(event.currentTarget.checked)}
        />
        <code>{name}</code>
      </label>
      {option.help !== '' && (
        <span id={id} class="td-muted jp-Traindock-help">
          {option.help}
        </span>
      )}
      <Fault id={`${id}-fault`} text={fault} />
    </div>
  );
}

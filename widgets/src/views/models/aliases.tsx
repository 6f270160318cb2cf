import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Alias } from '../../documents';
import { clock } from '../../format';
import { ALIAS_NAME } from '../../model/registry';
import type { Source } from '../../sources/source';
import { PLACE, Sentence, useTrans } from '../../translation';
import { type IAction, useName } from '../hooks';
import type { IKnown } from './known';

interface IAliasesProps {
  source: Source;
  /** Of the model in the API. */
  path: string;
  known: IKnown;
  action: IAction;
  act(work: () => Promise<unknown>, done: string): void;
  /** What else can be done with one. */
  more?(alias: Alias): ComponentChildren;
}

/** Which version each alias stands for, with one click back to the one before, and a way to move it elsewhere. */
export function Aliases({ source, path, known, action, act, more }: IAliasesProps) {
  const trans = useTrans();
  const able = source.reach !== 'never';
  const at = (alias: string) => `${path}/aliases/${encodeURIComponent(alias)}`;
  return (
    <>
      <ul class="td-aliases" aria-label={trans.__('Aliases')}>
        {known.aliases.map(one => {
          const { alias, version, previous, since, by } = one;
          return (
            <li key={alias}>
              <span>
                <Sentence text={trans.__('%1 is version %2', PLACE, version)}>
                  <strong class="td-alias">{alias}</strong>
                </Sentence>{' '}
                <span class="td-muted">{trans.__('since %1, by %2', clock(since), by)}</span>
              </span>
              {previous !== null && able && (
                <button
                  type="button"
                  disabled={action.busy}
                  aria-label={trans.__('Roll %1 back to version %2', alias, previous)}
                  onClick={() =>
                    act(
                      () => source.request(`${at(alias)}/roll-back`, { method: 'POST', body: { expected: version } }),
                      trans.__('Rolled %1 back to version %2.', alias, previous)
                    )
                  }
                >
                  {trans.__('Roll back to %1', previous)}
                </button>
              )}
              {more?.(one)}
            </li>
          );
        })}
        {known.aliases.length === 0 && <li class="td-muted">{trans.__('No alias stands for a version yet.')}</li>}
      </ul>
      {able && (
        <MoveAlias
          known={known}
          busy={action.busy}
          onMove={(alias, version) => {
            const expected = known.aliases.find(one => one.alias === alias)?.version ?? null;
            act(
              () => source.request(at(alias), { method: 'PUT', body: { version, expected } }),
              trans.__('Moved %1 to version %2.', alias, version)
            );
          }}
        />
      )}
    </>
  );
}

interface IMoveProps {
  known: IKnown;
  busy: boolean;
  onMove(alias: string, version: number): void;
}

function MoveAlias({ known, busy, onMove }: IMoveProps) {
  const trans = useTrans();
  const id = useName();
  const [alias, setAlias] = useState('production');
  const [chosen, choose] = useState<number | null>(null);
  const numbers = known.versions.map(one => one.version);
  const version = chosen !== null && numbers.includes(chosen) ? chosen : (numbers[0] as number);
  const there = known.aliases.some(one => one.alias === alias.trim() && one.version === version);
  return (
    <form class="td-tools" aria-label={trans.__('Move an alias')} onSubmit={event => event.preventDefault()}>
      <label>
        {trans.__('Alias')}
        <input
          type="text"
          required
          pattern={ALIAS_NAME}
          title={trans.__('Letters, digits, _ or -, beginning with a letter; neither latest nor like v1')}
          size={12}
          autocomplete="off"
          spellcheck={false}
          list={`${id}-aliases`}
          value={alias}
          onInput={event => setAlias(event.currentTarget.value)}
        />
      </label>
      <datalist id={`${id}-aliases`}>
        {[...new Set([...known.aliases.map(one => one.alias), 'production'])].map(one => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <label>
        {trans.__('to version')}
        <select value={version} onChange={event => choose(Number(event.currentTarget.value))}>
          {numbers.map(number => (
            <option key={number} value={number}>
              {number}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        disabled={busy || there}
        onClick={event => event.currentTarget.form?.reportValidity() && onMove(alias.trim(), version)}
      >
        {trans.__('Move')}
      </button>
    </form>
  );
}

import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon, moveDownIcon, moveUpIcon } from '@jupyterlab/ui-components';
import type { ComponentChildren } from 'preact';
import type { RunState } from '../../../../widgets/src/documents';
import { shortened } from '../../../../widgets/src/format';
import { stateWord } from '../../../../widgets/src/state_words';
import { useName } from '../../../../widgets/src/views/hooks';
import { Choice } from '../choice';
import { Icon } from '../icon';
import { nameOf } from '../run_title';
import { SearchField } from '../search_field';
import type { RunList } from './run_list';
import { belongingName, type IRunQuery } from './run_query';

const LONGEST_NAME = 60;
/** Tags and values that are offered. */
const MOST_OFFERED = 200;

/** What is looked for in names, and the groups that all runs are of. */
export function Search({ list, trans }: { list: RunList; trans: TranslationBundle }) {
  const { text, within } = list.query;
  const { shown } = list.chosen;
  const [hidden, ...more] = list.chosen.hidden;
  return (
    <div class="jp-Traindock-Search">
      <SearchField
        label={trans.__('Filter runs by name, id or experiment')}
        placeholder={trans.__('Filter by name')}
        longest={1024}
        value={text}
        search={text => list.ask({ text })}
      />
      {within.map(one => {
        const name = shortened(belongingName(one, trans), LONGEST_NAME);
        return (
          <button
            key={`${one.by} ${one.value}`}
            type="button"
            class="jp-Traindock-Chip"
            title={trans.__('Show runs of all others, too')}
            aria-label={trans.__('Only %1: show all others, too', name)}
            onClick={() => list.ask({ within: within.filter(other => other !== one) })}
          >
            <span class="jp-Traindock-Name">{name}</span>
            <Icon icon={closeIcon} />
          </button>
        );
      })}
      {hidden !== undefined && more.length === 0 && shown.length === 0 && (
        <button
          type="button"
          class="jp-Traindock-Chip"
          title={trans.__('Selected: %1. Ctrl and a click select another one besides', nameOf(hidden))}
          aria-label={trans.__('1 selected (not shown): select none')}
          onClick={() => list.select(one => one.clear())}
        >
          <span class="jp-Traindock-Name">{trans.__('1 selected (not shown)')}</span>
          <Icon icon={closeIcon} />
        </button>
      )}
    </div>
  );
}

/** Which states and tags are listed, in which order, and by what they are grouped. */
export function Options({ list, trans }: { list: RunList; trans: TranslationBundle }) {
  const { query } = list;
  const known = useName();
  const ask = (change: Partial<IRunQuery>): void => list.ask(change);
  return (
    <div class="jp-Traindock-RunOptions">
      <Labeled label={trans.__('State')}>
        <Choice
          label={trans.__('State')}
          value={query.state}
          options={states(trans)}
          choose={state => ask({ state })}
        />
      </Labeled>
      <Labeled label={trans.__('Tag')}>
        <span class="jp-Traindock-Field">
          <input
            type="search"
            aria-label={trans.__('Only runs with this tag')}
            placeholder={trans.__('name or name=value')}
            maxLength={1024}
            list={known}
            value={query.tag}
            onInput={event => ask({ tag: event.currentTarget.value })}
          />
        </span>
        <datalist id={known}>
          {offered(list).map(one => (
            <option key={one} value={one} />
          ))}
        </datalist>
      </Labeled>
      <Labeled label={trans.__('Sort')}>
        <Choice
          label={trans.__('Sort by')}
          value={query.order}
          options={[
            ['created', trans.__('Newest')],
            ['name', trans.__('Name')],
            ['duration', trans.__('Duration')],
            ['metric', trans.__('Metric')]
          ]}
          choose={order => ask({ order: order as IRunQuery['order'], reversed: false })}
        />
        <button
          type="button"
          class="jp-Traindock-IconButton"
          aria-pressed={query.reversed}
          aria-label={trans.__('Reverse the order')}
          title={trans.__('Reverse the order')}
          onClick={() => ask({ reversed: !query.reversed })}
        >
          <Icon icon={query.reversed ? moveUpIcon : moveDownIcon} />
        </button>
      </Labeled>
      <Labeled label={trans.__('Metric')}>
        <Choice
          label={trans.__('Metric that is shown')}
          value={query.metric}
          options={[
            ['', tellingWord(list, trans)],
            ...[...list.metrics].sort().map(name => [name, shortened(name, LONGEST_NAME)] as const)
          ]}
          choose={metric => ask({ metric })}
        />
      </Labeled>
      <Labeled label={trans.__('Group')}>
        <Choice
          label={trans.__('Group by')}
          value={query.group}
          options={[
            ['', trans.__('not at all')],
            ['experiment', trans.__('Experiment')],
            ['parent', trans.__('Parent run')],
            ...tagNames(list).map(name => [`tag:${name}`, trans.__('Tag %1', shortened(name, LONGEST_NAME))] as const)
          ]}
          choose={group => ask({ group })}
        />
      </Labeled>
    </div>
  );
}

/** Says by what runs are left out while the fields that say so are not shown: else they would look lost. */
export function Filtered({ list, trans }: { list: RunList; trans: TranslationBundle }) {
  const told = optionWords(list.query, trans);
  if (told.length === 0) {
    return null;
  }
  return (
    <div class="jp-Traindock-Filtered">
      <span role="status">{trans.__('Only: %1', told.join(', '))}</span>
      <button type="button" class="jp-Traindock-TextButton" onClick={() => list.ask({ state: '', tag: '' })}>
        {trans.__('Show all runs')}
      </button>
    </div>
  );
}

/** Return by what runs are left out, in words. */
export function filterWords(query: IRunQuery, trans: TranslationBundle): string[] {
  const text = query.text.trim();
  return [
    ...(text === '' ? [] : [`“${shortened(text, LONGEST_NAME)}”`]),
    ...query.within.map(one => shortened(belongingName(one, trans), LONGEST_NAME)),
    ...optionWords(query, trans)
  ];
}

/** Return those of them that the fields of {@link Options} say. */
function optionWords({ state, tag }: IRunQuery, trans: TranslationBundle): string[] {
  const word = states(trans).find(([name]) => name === state)?.[1] ?? state;
  return [...(state === '' ? [] : [word]), ...(tag.trim() === '' ? [] : [shortened(tag.trim(), LONGEST_NAME)])];
}

function Labeled({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <>
      <span aria-hidden="true">{label}</span>
      <span class="jp-Traindock-Option">{children}</span>
    </>
  );
}

/** Return what is chosen where no metric is: each run's own, and that one by which all are ordered. */
function tellingWord({ query, ordering }: RunList, trans: TranslationBundle): string {
  return query.metric === '' && ordering !== undefined
    ? trans.__('the telling one: %1', shortened(ordering, LONGEST_NAME))
    : trans.__('the telling one');
}

function states(trans: TranslationBundle): (readonly [string, string])[] {
  const named = (state: RunState) => [state, stateWord(state, trans)] as const;
  return [
    ['', trans.__('all')],
    ['unfinished', trans.__('unfinished')],
    named('Running'),
    named('Queued'),
    ['ended', trans.__('ended')],
    named('Completed'),
    named('Failed'),
    named('Canceled')
  ];
}

/** Return the names of tags to group by: those that were seen, and the one that is chosen. */
function tagNames({ tags, query }: RunList): string[] {
  const names = new Set(tags.keys());
  if (query.group.startsWith('tag:')) {
    names.add(query.group.slice('tag:'.length));
  }
  return [...names].sort().slice(0, MOST_OFFERED);
}

function offered({ tags }: RunList): string[] {
  const found = [...tags].flatMap(([name, values]) => [name, ...[...values].map(value => `${name}=${value}`)]);
  return found
    .filter(one => one.length <= LONGEST_NAME)
    .sort()
    .slice(0, MOST_OFFERED);
}

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import { useState } from 'preact/hooks';
import type { RunRow } from '../../../../widgets/src/documents';
import { shortened } from '../../../../widgets/src/format';
import { useName } from '../../../../widgets/src/views/hooks';
import { Icon } from '../icon';
import { ViewWidget } from '../view_widget';

/** Names of tags, each with values. */
export type Tags = ReadonlyMap<string, ReadonlySet<string>>;

/** By name, what tags are set to; null where they are removed. */
export type TagChanges = Record<string, string | null>;

const LONGEST = 60;
const MOST_OFFERED = 200;

/** What is filled in. */
export interface ITagsDraft {
  /** Names of tags that are to be removed. */
  removed: ReadonlySet<string>;
  /** Of a tag that is to be set; "" for none. */
  name: string;
  value: string;
}

const EMPTY: ITagsDraft = { removed: new Set(), name: '', value: '' };

/** Ask for changes of the tags of runs, and again for a value that is nothing's; null where nothing is to be done. */
export async function askForTags(
  rows: readonly RunRow[],
  known: Tags,
  trans: TranslationBundle
): Promise<TagChanges | null> {
  let draft = EMPTY;
  for (;;) {
    const { button, value } = await showDialog<ITagsDraft>({
      title: trans._n('Tags of %1 run', 'Tags of %1 runs', rows.length, rows.length),
      body: new TagsBody(rows, known, draft, trans),
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Apply') })],
      focusNodeSelector: 'input'
    });
    if (!button.accept || value === null) {
      return null;
    }
    if (!isNameless(value)) {
      return changesOf(value);
    }
    draft = value;
  }
}

/** What such a question has in its middle. */
export class TagsBody extends ViewWidget implements Dialog.IBodyWidget<ITagsDraft> {
  /** @param draft - What was filled in before, and may have to be said of it. */
  constructor(
    rows: readonly RunRow[],
    known: Tags,
    private draft: ITagsDraft,
    trans: TranslationBundle
  ) {
    super(
      () => (
        <TagsForm
          rows={rows}
          known={known}
          before={draft}
          trans={trans}
          fill={filled => {
            this.draft = filled;
          }}
        />
      ),
      trans
    );
    this.addClass('jp-Traindock-Tags');
  }

  getValue(): ITagsDraft {
    return this.draft;
  }
}

/** Return what is to be done, as the API has it. */
export function changesOf({ removed, name, value }: ITagsDraft): TagChanges {
  const set = name.trim();
  return { ...Object.fromEntries([...removed].map(one => [one, null])), ...(set === '' ? {} : { [set]: value }) };
}

function isNameless({ name, value }: ITagsDraft): boolean {
  return name.trim() === '' && value !== '';
}

function TagsForm({
  rows,
  known,
  before,
  trans,
  fill
}: {
  rows: readonly RunRow[];
  known: Tags;
  before: ITagsDraft;
  trans: TranslationBundle;
  fill: (draft: ITagsDraft) => void;
}) {
  const [draft, setDraft] = useState(before);
  const names = useName();
  const values = useName();
  const fault = useName();
  const change = (part: Partial<ITagsDraft>): void => {
    const filled = { ...draft, ...part };
    setDraft(filled);
    fill(filled);
  };
  const { removed, name, value } = draft;
  const refused = isNameless(before) && isNameless(draft);
  const toggle = (tag: string): void => {
    const gone = new Set(removed);
    if (!gone.delete(tag)) {
      gone.add(tag);
    }
    change({ removed: gone });
  };
  return (
    <>
      <ul class="jp-Traindock-TagList" aria-label={trans.__('Tags that there are')}>
        {tagsOf(rows).map(({ tag, shown, count }) => (
          <li key={tag}>
            <button
              type="button"
              class="jp-Traindock-Chip"
              aria-pressed={removed.has(tag)}
              aria-label={trans.__('Remove %1', shown)}
              title={removed.has(tag) ? trans.__('Will be removed. Press again to keep it') : trans.__('Remove it')}
              onClick={() => toggle(tag)}
            >
              <span class="jp-Traindock-Name">{shown}</span>
              {count < rows.length && <span>{trans.__('(%1 of %2)', count, rows.length)}</span>}
              <Icon icon={closeIcon} />
            </button>
          </li>
        ))}
      </ul>
      <label>
        {trans.__('Tag to set')}
        <input
          class="jp-mod-styled"
          list={names}
          maxLength={255}
          aria-invalid={refused}
          aria-describedby={refused ? fault : undefined}
          value={name}
          onInput={({ currentTarget }) => change({ name: currentTarget.value })}
        />
      </label>
      {refused && (
        <p class="jp-Traindock-Trouble" role="alert" id={fault}>
          {trans.__('Name the tag that is to have this value, or leave the value empty.')}
        </p>
      )}
      <label>
        {trans.__('Its value')}
        <input
          class="jp-mod-styled"
          list={values}
          maxLength={65536}
          value={value}
          onInput={({ currentTarget }) => change({ value: currentTarget.value })}
        />
      </label>
      <datalist id={names}>{offered(known.keys())}</datalist>
      <datalist id={values}>{offered(known.get(name.trim())?.keys() ?? [])}</datalist>
    </>
  );
}

function offered(texts: Iterable<string>) {
  const few = [...texts].filter(text => text.length <= LONGEST).sort();
  return few.slice(0, MOST_OFFERED).map(text => <option key={text} value={text} />);
}

/** Return the tags that any of the runs has, with their value where all have the same. */
function tagsOf(rows: readonly RunRow[]): { tag: string; shown: string; count: number }[] {
  const found = new Map<string, string[]>();
  for (const row of rows) {
    for (const [tag, value] of Object.entries(row.tags)) {
      found.set(tag, [...(found.get(tag) ?? []), value]);
    }
  }
  return [...found].sort().map(([tag, values]) => {
    const same = new Set(values).size === 1;
    return { tag, shown: shortened(same ? `${tag}=${values[0]}` : `${tag}=…`, LONGEST), count: values.length };
  });
}

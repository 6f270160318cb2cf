import { useTrans } from '../translation';
import { useFocusOfAdded } from './hooks';

/** Tags as they are typed, each a name with a value. */
export type TypedTags = readonly (readonly [name: string, value: string])[];

/** Fields for tags, of which there may be none. */
export function Tags({ tags, onTags }: { tags: TypedTags; onTags(tags: TypedTags): void }) {
  const trans = useTrans();
  const change = (at: number, tag: readonly [string, string]) =>
    onTags(tags.map((one, index) => (index === at ? tag : one)));
  const frame = useFocusOfAdded(tags.length);
  return (
    <fieldset ref={frame} class="td-tags">
      <legend>{trans.__('Tags')}</legend>
      {tags.map(([name, value], at) => (
        <div key={at} class="td-tag">
          <input
            type="text"
            aria-label={trans.__('Name of tag %1', at + 1)}
            placeholder={trans.__('name')}
            maxLength={500}
            value={name}
            onInput={event => change(at, [event.currentTarget.value, value])}
          />
          <input
            type="text"
            aria-label={trans.__('Value of tag %1', at + 1)}
            placeholder={trans.__('value')}
            value={value}
            onInput={event => change(at, [name, event.currentTarget.value])}
          />
          <button
            type="button"
            aria-label={trans.__('Remove tag %1', name || at + 1)}
            onClick={() => onTags(tags.filter((_, index) => index !== at))}
          >
            ×
          </button>
        </div>
      ))}
      <button type="button" onClick={() => onTags([...tags, ['', '']])}>
        {trans.__('Add a tag')}
      </button>
    </fieldset>
  );
}

import type { ComponentChildren } from 'preact';

/** A line of a section: its name, and what there is under it. */
export type Fact = readonly [name: string, value: ComponentChildren];

/** Facts under a title, or in their place a sentence. */
export function Section({ title, rows, empty = '' }: { title: string; rows: readonly Fact[]; empty?: string }) {
  return (
    <div>
      <h4>{title}</h4>
      {rows.length === 0 ? (
        <p class="td-muted">{empty}</p>
      ) : (
        <dl>
          {rows.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}

/** The beginning of a hash, which tells it from others; the whole of it is shown on hover and copied with it. */
export function Hash({ text }: { text: string }) {
  return <code title={text}>{text.slice(0, 12)}</code>;
}

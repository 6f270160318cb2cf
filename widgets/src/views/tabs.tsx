import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { useKeptHeight } from './kept_height';

/** Panels of which one is shown, with the tabs that choose it: by mouse, or by arrow keys. */
export function Tabs<Name extends string>({
  names,
  words,
  label,
  chosen,
  choose,
  onUsed,
  keeps,
  stays,
  draw
}: {
  names: readonly Name[];
  /** What they are called. */
  words: Readonly<Record<Name, string>>;
  label: string;
  chosen: Name;
  choose: (name: Name) => void;
  /** Called when somebody does something in the panel: points at something, scrolls, or presses a key. */
  onUsed?: () => void;
  /** The panel that never becomes lower while it is shown, since values arrive in it. */
  keeps?: Name;
  /** Panels that are as somebody has left them when they are shown again. While hidden they are not drawn. */
  stays: readonly Name[];
  /** Draws the panel that is shown. */
  draw: (name: Name) => ComponentChildren;
}) {
  const left = useRef(new Map<Name, ComponentChildren>()).current;
  const shown = draw(chosen);
  if (stays.includes(chosen)) {
    left.set(chosen, shown);
  }
  const turn = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) {
      return;
    }
    const next = (names.indexOf(chosen) + step + names.length) % names.length;
    choose(names[next] as Name);
    (event.currentTarget as HTMLElement).querySelectorAll('button')[next]?.focus();
  };
  return (
    <>
      <div class="td-tabs" role="tablist" aria-label={label} onKeyDown={turn}>
        {names.map(name => (
          <button
            type="button"
            role="tab"
            key={name}
            aria-selected={name === chosen}
            tabIndex={name === chosen ? 0 : -1}
            onClick={() => choose(name)}
          >
            {words[name]}
          </button>
        ))}
      </div>
      {names.map(
        name =>
          (name === chosen || left.has(name)) && (
            <Panel key={name} label={words[name]} hidden={name !== chosen} keeps={name === keeps} onUsed={onUsed}>
              {name === chosen ? shown : left.get(name)}
            </Panel>
          )
      )}
    </>
  );
}

function Panel({
  label,
  hidden,
  keeps,
  onUsed,
  children
}: {
  label: string;
  hidden: boolean;
  /** Whether it never becomes lower while it is shown. */
  keeps: boolean;
  onUsed: (() => void) | undefined;
  children: ComponentChildren;
}) {
  const place = useKeptHeight(keeps && !hidden ? label : null);
  return (
    <div
      ref={place}
      class="td-panel"
      role="tabpanel"
      aria-label={label}
      hidden={hidden}
      onPointerDown={onUsed}
      onWheel={onUsed}
      onKeyDown={onUsed}
      onFocusIn={onUsed}
    >
      {children}
    </div>
  );
}

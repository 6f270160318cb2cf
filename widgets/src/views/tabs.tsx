import type { ComponentChildren } from 'preact';

/** Panels of which one is shown, with the tabs that choose it: by mouse, or by arrow keys. */
export function Tabs<Name extends string>({
  names,
  label,
  chosen,
  choose,
  children
}: {
  names: readonly Name[];
  label: string;
  chosen: Name;
  choose: (name: Name) => void;
  children: ComponentChildren;
}) {
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
            {name}
          </button>
        ))}
      </div>
      <div class="td-panel" role="tabpanel" aria-label={chosen}>
        {children}
      </div>
    </>
  );
}

import type { ComponentChildren } from 'preact';

/** What surrounds a card: its border, and what keeps a notebook's shortcuts away from the keys pressed in it. */
export function Frame({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <article class="td-card" aria-label={label} onFocusIn={event => keepKeys(event.target)}>
      {children}
    </article>
  );
}

/**
 * Have keys go to what has the focus, and not to the notebook around it.
 *
 * In a notebook's command mode JupyterLab takes keys for its own wherever they are pressed, unless text is entered there:
 * two times d on a button would delete the cell. It looks for this attribute at the very element, and at no other.
 */
function keepKeys(target: EventTarget | null): void {
  if (target instanceof Element && !target.matches('input:not([type="checkbox"], [type="range"]), textarea')) {
    target.setAttribute('data-lm-suppress-shortcuts', 'true');
  }
}

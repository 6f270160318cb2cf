import type { ComponentChildren } from 'preact';

/** What may be wider or higher than its place: reached, and scrolled, by the keyboard as well. */
export function Scrolling({ looks, label, children }: { looks: string; label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    // biome-ignore lint/a11y/useSemanticElements: a section would be a landmark in each card, and a fieldset is of forms
    <div class={looks} tabIndex={0} role="group" aria-label={label}>
      {children}
    </div>
  );
}

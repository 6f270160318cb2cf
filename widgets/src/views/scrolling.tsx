import type { ComponentChildren } from 'preact';

/** What may be wider or higher than its place: reached, and scrolled, by the keyboard as well. */
export function Scrolling({ looks, label, children }: { looks: string; label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section class={looks} tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/**
 * A button for what cannot be taken back: a second one, in its place, does it.
 *
 * The one that leaves things as they are gets the focus, and lies where the first one was, so that neither a key that is
 * held nor a double click goes through both. Escape leaves things as they are, too.
 */
export function ConfirmedButton({
  label,
  question,
  yes,
  no,
  disabled,
  act,
  onLost
}: {
  label: string;
  question: string;
  yes: string;
  no: string;
  disabled: boolean;
  act: () => void;
  /** Called where the focus is here, and will be nowhere: once nothing is here any more, or it cannot be pressed. */
  onLost: () => void;
}) {
  const [asked, ask] = useState<boolean | null>(null);
  const first = useRef<HTMLButtonElement>(null);
  const sure = useRef<HTMLButtonElement>(null);
  const safe = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // not when it is shown for the first time: nobody has been here yet
    if (asked !== null) {
      (asked ? safe : first).current?.focus();
    }
  }, [asked]);
  useLayoutEffect(
    () => () => {
      if ([first, sure, safe].some(({ current }) => current !== null && current === document.activeElement)) {
        onLost();
      }
    },
    []
  );
  if (!asked || disabled) {
    return (
      <button type="button" ref={first} disabled={disabled} onClick={() => ask(true)}>
        {label}
      </button>
    );
  }
  const leave = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') {
      event.stopPropagation(); // in a notebook it would leave the cell as well
      ask(false);
    }
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would not stay in the line of buttons
    <span class="td-confirm" role="group" aria-label={question} onKeyDown={leave}>
      <button
        type="button"
        class="td-danger"
        ref={sure}
        onClick={() => {
          ask(null);
          act();
          onLost();
        }}
      >
        {yes}
      </button>
      <button type="button" ref={safe} onClick={() => ask(false)}>
        {no}
      </button>
    </span>
  );
}

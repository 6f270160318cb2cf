import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/** Lines that PageUp and PageDown move by. */
const PAGE = 10;

/** Return what gives the focus to the line that has it in the list; where the focused line goes, the next one gets it. */
export function useFocus(grid: { current: HTMLElement | null }, focused: string | null): () => void {
  const wanted = useRef(false);
  const here = grid.current?.contains(document.activeElement) ?? false;
  const take = (): void => {
    wanted.current = false;
    focusedLine(grid.current)?.focus();
  };
  useLayoutEffect(() => {
    const left = here && grid.current?.contains(document.activeElement) === false;
    if (wanted.current || left) {
      take();
    }
  });
  // what is selected from elsewhere, such as a run that was just submitted, is brought into sight
  useEffect(() => {
    focusedLine(grid.current)?.scrollIntoView({ block: 'nearest' });
  }, [focused]);
  return () => {
    wanted.current = true;
  };
}

/** Return the line that has the focus, or gets it. */
export function focusedLine(grid: HTMLElement | null): HTMLElement | null {
  return grid?.querySelector<HTMLElement>('tr[tabindex="0"]') ?? null;
}

/** Return by how many lines a key moves in a list of so many; undefined where it does not. */
export function stepOf(key: string, lines: number): number | undefined {
  switch (key) {
    case 'ArrowDown':
      return 1;
    case 'ArrowUp':
      return -1;
    case 'PageDown':
      return PAGE;
    case 'PageUp':
      return -PAGE;
    case 'Home':
      return -lines;
    case 'End':
      return lines;
    default:
      return undefined;
  }
}

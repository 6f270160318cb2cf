import { useLayoutEffect, useRef } from 'preact/hooks';

/**
 * Keep an element as high as it was: what is in it may become less while a run goes on, and what is below would jump.
 *
 * @param key - What is shown in it. Something else, or another width, has a height of its own; null is not kept.
 */
export function useKeptHeight(key: string | null) {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null || key === null) {
      return;
    }
    let width = element.offsetWidth;
    let kept = 0;
    const observer = new ResizeObserver(() => {
      if (element.offsetWidth !== width) {
        width = element.offsetWidth;
        kept = 0;
        element.style.minHeight = '';
      } else if (element.offsetHeight > kept) {
        kept = element.offsetHeight;
        element.style.minHeight = `${kept}px`;
      }
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      element.style.minHeight = '';
    };
  }, [key]);
  return place;
}

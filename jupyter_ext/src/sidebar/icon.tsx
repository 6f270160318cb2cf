import type { LabIcon } from '@jupyterlab/ui-components';
import { useLayoutEffect, useRef } from 'preact/hooks';

/** One of JupyterLab's icons in a view, in the colours of the theme. What it means is said beside it. */
export function Icon({ icon }: { icon: LabIcon }) {
  const place = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    if (place.current !== null) {
      icon.element({ container: place.current });
    }
  }, [icon]);
  return <span class="jp-Traindock-Icon" aria-hidden="true" ref={place} />;
}

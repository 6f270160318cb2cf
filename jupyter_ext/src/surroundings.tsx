import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Guard } from '../../widgets/src/views/guard';
import type { Versions } from './versions';

/** What is around every view of this page: what keeps it from being blank, and what is to be known about all of them. */
export function Surroundings({ versions, children }: { versions: Versions; children: ComponentChildren }) {
  const [note, say] = useState(versions.note);
  useEffect(() => versions.observe(() => say(versions.note)), [versions]);
  return (
    <>
      {note !== '' && (
        <p class="td-card td-notice" role="status">
          {note}
        </p>
      )}
      <Guard>{children}</Guard>
    </>
  );
}

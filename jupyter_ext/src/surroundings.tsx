import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type ITrans, Translated } from '../../widgets/src/translation';
import { Guard } from '../../widgets/src/views/guard';
import type { Versions } from './versions';

/** What is around every view of this page: what keeps it from being blank, and what is to be known about all of them. */
export function Surroundings({
  versions,
  trans,
  children
}: {
  versions: Versions;
  /** What has every view speak the language of the page. */
  trans: ITrans;
  children: ComponentChildren;
}) {
  const [note, say] = useState(versions.note);
  useEffect(() => versions.observe(() => say(versions.note)), [versions]);
  return (
    <Translated value={trans}>
      {note !== '' && (
        <p class="td-card td-notice" role="status">
          {note}
        </p>
      )}
      <Guard>{children}</Guard>
    </Translated>
  );
}

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ErrorDocument } from '../../../widgets/src/documents';
import { problemOf } from '../../../widgets/src/problems';
import type { Connection } from '../../../widgets/src/sources/source';

/** Says why something cannot be shown, and asks for it again; or that no news come, which end by themselves. */
export function Problem({
  error,
  connection = 'connected',
  again,
  trans
}: {
  error: ErrorDocument | null;
  /** By which news come. */
  connection?: Connection;
  again: () => void;
  trans: TranslationBundle;
}) {
  if (connection === 'broken' && (error === null || error.code === 'unreachable')) {
    return (
      <p class="jp-Traindock-Notice jp-Traindock-Broken" role="status">
        {trans.__('The connection is broken; the list goes on once it is back.')}
      </p>
    );
  }
  if (error === null) {
    return null;
  }
  return (
    <div class="jp-Traindock-Notice" role="alert">
      <p>{problemOf(error, trans)}</p>
      <button type="button" class="jp-mod-styled jp-mod-minimal" onClick={again}>
        {trans.__('Try again')}
      </button>
    </div>
  );
}

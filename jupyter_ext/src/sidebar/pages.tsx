import type { TranslationBundle } from '@jupyterlab/translation';

/** Turns the pages of a list; nothing where there is one page alone. */
export function Pages({
  offset,
  shown,
  more,
  turn,
  label,
  trans
}: {
  offset: number;
  /** How many are shown. */
  shown: number;
  more: boolean;
  turn: (pages: 1 | -1) => void;
  /** What they are pages of, where there are several lists. */
  label?: string;
  trans: TranslationBundle;
}) {
  if (offset === 0 && !more) {
    return null;
  }
  return (
    <nav class="jp-Traindock-Pages" aria-label={label ?? trans.__('Pages')}>
      <button type="button" class="jp-Traindock-TextButton" disabled={offset === 0} onClick={() => turn(-1)}>
        {trans.__('Previous')}
      </button>
      <span role="status" class="jp-Traindock-Number">
        {shown === 0 ? trans.__('none') : trans.__('%1 to %2', offset + 1, offset + shown)}
      </span>
      <button type="button" class="jp-Traindock-TextButton" disabled={!more} onClick={() => turn(1)}>
        {trans.__('Next')}
      </button>
    </nav>
  );
}

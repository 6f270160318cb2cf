import { useTrans } from '../translation';
import type { ILoaded } from './hooks';

/** Says what is asked for, or why it did not come: a connection that is back brings nothing by itself. */
export function Pending({ loaded: { error, again }, words }: { loaded: ILoaded<unknown>; words: string }) {
  const trans = useTrans();
  return error === '' ? (
    <p class="td-empty">{words}</p>
  ) : (
    <p class="td-empty">
      {error}{' '}
      <button type="button" onClick={again}>
        {trans.__('Look again')}
      </button>
    </p>
  );
}

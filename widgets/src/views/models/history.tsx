import type { AliasMove } from '../../documents';
import { clock } from '../../format';
import { type ITrans, UNTRANSLATED, useTrans } from '../../translation';
import { MOST_MOVES } from './known';

/** Who moved the aliases of a model when. */
export function History({ moves }: { moves: readonly AliasMove[] }) {
  const trans = useTrans();
  if (moves.length === 0) {
    return null;
  }
  return (
    <details class="td-history">
      <summary>
        {moves.length === MOST_MOVES
          ? trans.__('Who moved aliases (%1 newest)', moves.length)
          : trans.__('Who moved aliases (%1)', moves.length)}
      </summary>
      <ol>
        {moves.map((move, at) => (
          <li key={at}>
            <span class="td-muted td-number">{clock(move.time)}</span> {told(move, trans)}
          </li>
        ))}
      </ol>
    </details>
  );
}

/** Return what somebody did, in a sentence. */
export function told({ alias, version, previous, by, rolled_back }: AliasMove, trans: ITrans = UNTRANSLATED): string {
  if (version === null) {
    return trans.__('%1 removed %2, which was version %3.', by, alias, previous);
  }
  if (rolled_back) {
    return trans.__('%1 rolled %2 back from version %3 to %4.', by, alias, previous, version);
  }
  return previous === null
    ? trans.__('%1 made version %2 %3.', by, version, alias)
    : trans.__('%1 moved %2 from version %3 to %4.', by, alias, previous, version);
}

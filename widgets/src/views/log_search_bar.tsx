import { useMemo } from 'preact/hooks';
import { grouped } from '../format';
import { type LogSearch, MOST_HITS } from '../model/log_search';
import { failureText } from '../problems';
import { type ITrans, useTrans } from '../translation';
import type { ILogParts } from './log_parts';

interface ILogSearchBarProps {
  parts: ILogParts;
  wanted: string;
  want(text: string): void;
}

/** Asks what is to be looked for in a log, says how often it is there, and goes from one such line to the next. */
export function LogSearchBar({ parts, wanted, want }: ILogSearchBarProps) {
  const trans = useTrans();
  const { search, current, go } = parts;
  const none = search.hits.length === 0;
  // said once for what was typed, and not again with each line that comes
  const spoken = useMemo(() => (search.whole ? countOf(search, trans) : ''), [search, search.text, search.whole]);
  return (
    <>
      <input
        type="search"
        placeholder={trans.__('Search')}
        aria-label={trans.__('Search the log')}
        value={wanted}
        onInput={event => want(event.currentTarget.value)}
        onKeyDown={event => {
          if (event.key === 'Enter' && !none) {
            go(current + (event.shiftKey ? -1 : 1));
          }
        }}
      />
      {search.text !== '' && (
        <>
          <button
            type="button"
            aria-label={trans.__('Previous line found')}
            disabled={none}
            onClick={() => go(current - 1)}
          >
            ↑
          </button>
          <button
            type="button"
            aria-label={trans.__('Next line found')}
            disabled={none}
            onClick={() => go(current + 1)}
          >
            ↓
          </button>
          <span class="td-muted">{foundNote(parts, trans)}</span>
        </>
      )}
      <span class="td-hidden" role="status">
        {spoken}
      </span>
    </>
  );
}

/** Say how far a search is: `3 of 120 lines with “loss” · line 1,204`. */
function foundNote({ search, current }: ILogParts, trans: ITrans): string {
  if (search.error !== null) {
    return failureText(search.error, trans);
  }
  const count = countOf(search, trans);
  const hit = search.hits[current];
  const share = search.size > 0 ? Math.floor((100 * search.searched) / search.size) : 0;
  return [
    hit === undefined ? count : trans.__('%1 of %2', grouped(current + 1), count),
    search.busy ? trans.__('%1 searched', `${share} %`) : '',
    hit === undefined || hit.line === null ? '' : trans.__('line %1', grouped(hit.line))
  ]
    .filter(Boolean)
    .join(' · ');
}

function countOf({ hits, cut, text }: LogSearch, trans: ITrans): string {
  return cut
    ? trans.__('the first %1 lines with “%2”, of more', grouped(MOST_HITS), text)
    : trans._n('%2 line with “%3”', '%2 lines with “%3”', hits.length, grouped(hits.length), text);
}

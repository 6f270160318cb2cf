import type { ErrorDocument, Trouble } from './documents';
import { type Reach, RequestError } from './sources/source';
import { type ITrans, UNTRANSLATED } from './translation';

type Words = Record<string, (trans: ITrans) => string>;

/** What the API's own words, which are for those who write requests, mean to who looks at a card. */
const WORDS: Words = {
  workspace_not_found: trans =>
    trans.__('The workspace of this run is not where it was. This goes on by itself once it is back.'),
  run_not_found: trans => trans.__('This run was deleted.'),
  kernel_unreachable: trans => trans.__('The kernel does not answer. Is it still running?')
};

/** Have errors that a kernel never tells be put into words as well: its modules have to be small. */
export function addWords(words: Words): void {
  Object.assign(WORDS, words);
}

/** Return why a run cannot be shown, and what to do next. */
export function problemOf(error: ErrorDocument, trans: ITrans = UNTRANSLATED): string {
  return WORDS[error.code]?.(trans) ?? sentences(error.message, error.advice);
}

/**
 * Return what to do where nothing new comes.
 *
 * @param words - What is said where a connection to a server is broken, which comes back by itself.
 */
export function brokenText(reach: Reach, runs: number, words: string, trans: ITrans): string {
  return reach === 'now'
    ? words
    : trans._n(
        'The kernel has ended; the run goes on. Execute the cell again to follow it.',
        'The kernel has ended; the runs go on. Execute the cell again to follow them.',
        runs
      );
}

/** Return why no run goes on, and what to do next. */
export function troubleText({ message, advice }: Trouble): string {
  return sentences(message, advice);
}

/** Return why something was refused, and what to do next. */
export function failureText(error: unknown, trans: ITrans = UNTRANSLATED): string {
  if (error instanceof RequestError) {
    return problemOf(error, trans);
  }
  return error instanceof Error ? error.message : String(error);
}

/** What only those who write requests can do. */
const REQUEST = /\b(GET|POST|PUT|PATCH|DELETE) [/…]/;

function sentences(message: string, advice: string): string {
  const next = REQUEST.test(advice) ? '' : advice;
  return `${/[.!?:]$/.test(message) ? message : `${message}.`} ${next}`.trim();
}

import type { ErrorDocument } from '../documents';

/** What the API's own words, which are for those who write requests, mean to who looks at a card. */
const WORDS: Record<string, string> = {
  workspace_not_found: 'This Jupyter server does not know the workspace of this run.',
  run_not_found: 'This run was deleted.'
};

/** Return why a run cannot be shown, and what to do next. */
export function problemOf(error: ErrorDocument): string {
  const message = /[.!?:]$/.test(error.message) ? error.message : `${error.message}.`;
  return WORDS[error.code] ?? `${message} ${error.advice}`.trim();
}

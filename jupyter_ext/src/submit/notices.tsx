import type { TranslationBundle } from '@jupyterlab/translation';
import { emptiedVariables, forgottenNames } from './forgotten';
import type { FormModel } from './model';
import type { NewRunModel } from './new_run';
import { maskedWords } from './secrets';
import { quoteWords } from './words';

/** What a person should know of what is filled in before anything is sent. */
export function Notices({ model, trans }: { model: FormModel; trans: TranslationBundle }) {
  const emptied = emptiedVariables(model.forgotten, model.draft); // which is said where they are
  const forgotten = model.forgotten.filter(place => !emptied.includes(place));
  return (
    <>
      {forgotten.length > 0 && (
        <p class="td-notice" role="status">
          {trans.__(
            'Not remembered, since it is secret: %1. Write it again where the run needs it.',
            forgottenNames(forgotten, trans)
          )}{' '}
          <button type="button" onClick={() => model.dismissForgotten()}>
            {trans.__('Dismiss')}
          </button>
        </p>
      )}
    </>
  );
}

/** What a person should know of the script since it was read for the first time. */
export function ScriptNotices({ model, trans }: { model: NewRunModel; trans: TranslationBundle }) {
  const { strays, unread } = model;
  const words = Object.entries(strays).map(([name, value]) => (value === true ? name : `${name}=${value}`));
  return (
    <>
      {unread !== '' && (
        <p class="td-notice" role="status">
          {trans.__('The options are those of before, since the script cannot be read now: %1', unread)}{' '}
          <button type="button" onClick={() => model.readAgain()}>
            {trans.__('Try again')}
          </button>
        </p>
      )}
      {words.length > 0 && (
        <p class="td-notice" role="status">
          {trans.__(
            'Not sent, since the script has no such options now: %1. Fill it in once more where it belongs.',
            quoteWords(maskedWords(words))
          )}{' '}
          <button type="button" onClick={() => model.dropStrays()}>
            {trans.__('Dismiss')}
          </button>
        </p>
      )}
    </>
  );
}

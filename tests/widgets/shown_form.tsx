/** The form of a script in a page: a new one each time that `show` is called. */

import { render } from 'preact';
import { act } from 'preact/test-utils';
import type { ScriptDocument } from '../../jupyter_ext/src/submit/documents';
import { type IOpening, NewRunModel } from '../../jupyter_ext/src/submit/new_run';
import { NewRunForm } from '../../jupyter_ext/src/submit/new_run_form';
import { host, node, settle, trans } from './form_page';
import { newRunPage, SCRIPT } from './submitting';

/** What the form is in. */
export let page: ReturnType<typeof newRunPage>;

export const usePage = (made: typeof page) => {
  page = made;
};
/** Return what was sent to paths that end like this. */
export const sent = (end: string) => page.source.sent.filter(([path]) => path.endsWith(end)).map(([, body]) => body);

export const show = async (
  script: ScriptDocument = SCRIPT,
  path = script.path,
  change = () => {},
  opening?: IOpening
) => {
  usePage(newRunPage(script));
  change();
  const model = new NewRunModel(page, path, opening);
  await act(async () => render(<NewRunForm model={model} trans={trans} host={host} />, node));
  await settle();
  return model;
};

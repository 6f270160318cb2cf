import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { briefName, type INamed, runName } from '../../widgets/src/model/run_name';
import { failureText } from '../../widgets/src/problems';

/** Names that a dialog lists. */
export const MOST_NAMED = 8;
export const LONGEST_NAME = 80;
/** Requests that are under way at once. */
const AT_ONCE = 4;

/**
 * Do something with each run, some at once, and say in the end with which it could not be done, and why.
 *
 * @param title - Says that it could not be done.
 * @param act - Does it; rejects where it cannot be done.
 * @param done - Called before that is said.
 */
export async function eachRun<Run extends INamed>(
  runs: readonly Run[],
  title: string,
  act: (run: Run) => Promise<unknown>,
  trans: TranslationBundle,
  done: () => void = () => undefined
): Promise<void> {
  const failed: string[] = [];
  const left = [...runs];
  const work = async (): Promise<void> => {
    for (let run = left.shift(); run !== undefined; run = left.shift()) {
      try {
        await act(run);
      } catch (error) {
        failed.push(`${briefName(runName(run), LONGEST_NAME)}: ${failureText(error, trans)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, runs.length) }, work));
  done();
  if (failed.length > 0) {
    const shown = failed.slice(0, MOST_NAMED);
    await tell(title, [...shown, ...(failed.length > shown.length ? ['…'] : [])]);
  }
}

/** Show a dialog that tells something. */
export async function tell(title: string, lines: readonly string[]): Promise<void> {
  await showDialog({ title, body: paragraphs(lines), buttons: [Dialog.okButton()] });
}

/** Return what a dialog shows below its title: a text alone would have no lines. */
export function paragraphs(lines: readonly string[]): Widget {
  const body = new Widget();
  for (const line of lines) {
    const paragraph = document.createElement('p');
    paragraph.textContent = line;
    body.node.append(paragraph);
  }
  body.addClass('jp-Traindock-Paragraphs');
  return body;
}

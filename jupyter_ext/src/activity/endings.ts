import type { TranslationBundle } from '@jupyterlab/translation';
import { numberOf } from '../../../widgets/src/documents';
import { duration, metric, shortened } from '../../../widgets/src/format';
import { briefName, runName } from '../../../widgets/src/model/run_name';
import { bestStatistic, telling } from '../../../widgets/src/model/runs_model';
import { reasonWords, stateWord } from '../../../widgets/src/state_words';
import type { ActiveRun } from './activity';

/** JupyterLab cuts off what is longer than 140 characters. */
const LONGEST_NAME = 50;
const LONGEST_METRIC = 30;
const LONGEST_REASON = 55;

/** How a notification looks. */
export type Looks = 'success' | 'error' | 'warning';

/** Milliseconds for which an end is told in front of all else; among Lab's notifications it stays until it is taken away. */
export const SHOWN_FOR: Readonly<Record<Looks, number>> = { success: 10_000, warning: 10_000, error: 30_000 };

/** Return how people are told of a run that has ended. */
export function looksOf({ state }: ActiveRun): Looks {
  return state === 'Completed' ? 'success' : state === 'Failed' ? 'error' : 'warning';
}

/** Return what became of a run, in a line: its state, name, time and the metric that tells most, or why it failed. */
export function endingOf(run: ActiveRun, trans: TranslationBundle): string {
  const name = briefName(runName(run), LONGEST_NAME);
  const told = [trans.__('%1: %2', stateWord(run.state, trans), name)];
  const why = run.state === 'Failed' ? whyOf(run, trans) : '';
  if (why !== '') {
    told.push(why);
  }
  if (run.seconds !== null) {
    told.push(trans.__('after %1', duration(run.seconds)));
  }
  const best = telling(Object.keys(run.metrics));
  const statistics = best === undefined ? undefined : run.metrics[best];
  if (why === '' && best !== undefined && statistics !== undefined) {
    told.push(`${shortened(best, LONGEST_METRIC)} ${metric(numberOf(statistics[bestStatistic(best)]))}`);
  }
  return told.join(' · ');
}

function whyOf({ detail, reason }: ActiveRun, trans: TranslationBundle): string {
  return shortened(detail || (reason === null ? '' : reasonWords(reason, trans)), LONGEST_REASON);
}

import type { ICount } from './progress';

/** Whether a script tells of an epoch before its work or after it. */
export type Custom = 'before' | 'after';

/** When an epoch was told of, in seconds since the script began. */
export interface IAnnounced {
  epoch: number;
  at: number;
}

/** How often something was logged, and when first and last, in seconds since the script began. */
export interface ILoggedTimes {
  count: number;
  first: number;
  last: number;
}

// What is only known once an epoch's work was done.
const RESULT =
  /(?:loss|acc|err|score|f1|auc|mae|mse|ppl|perplexity|iou|bleu|took|elapsed)\w{0,20}\s{0,4}[:=]?\s{0,4}-?\d|\b(?:done|finished|completed?)\b/i;

/** Return whether a line has results in it, which nobody has before an epoch's work. */
function hasResults(line: string): boolean {
  return RESULT.test(line);
}

/**
 * Return whether lines such as `Epoch 3/25` come before an epoch's work, undefined where nothing tells.
 *
 * @param line - The last of them.
 * @param epoch - The epoch that it tells of, counted from 1.
 * @param seen - Those that came while somebody looked on, from the first of the run on; empty where its coming was missed.
 * @param logged - What was logged.
 */
export function customOf(
  line: string,
  epoch: ICount,
  seen: readonly IAnnounced[],
  logged: readonly ILoggedTimes[]
): Custom | undefined {
  if (hasResults(line)) {
    return 'after';
  }
  const early = isEarly(seen);
  if (early) {
    return 'before';
  }
  // What is logged for each epoch was logged for this one, too, or not yet.
  const counts = logged.map(({ count }) => count);
  if (epoch.done >= 2 && counts.includes(epoch.done)) {
    return 'after';
  }
  if (epoch.done >= 2 && counts.includes(epoch.done - 1)) {
    return 'before';
  }
  return early === false ? 'after' : undefined;
}

/** First epochs are rarely quicker than the others, and not by more than this. */
const QUICKEST = 0.8;

/** Return whether the first came before an epoch's work can have been done, undefined where that is not known. */
export function isEarly(announced: readonly IAnnounced[]): boolean | undefined {
  const [first, second] = announced;
  if (first === undefined || second === undefined || second.epoch <= first.epoch) {
    return undefined;
  }
  return first.at < ((second.at - first.at) / (second.epoch - first.epoch)) * QUICKEST;
}

import type { Series } from './series';

/** How far a run is. */
export interface Progress {
  /** What is counted, as it is shown: `Epoch 3 of 25`. */
  label: string;
  /** From 0 to 1. */
  fraction: number;
  /** Seconds that remain, if they can be told. */
  remaining: number | null;
}

/** How much of something is done. */
export interface ICount {
  done: number;
  total: number;
}

/** What a run tells by what it logs. */
export interface ILogged {
  /** The last value of a metric named `epoch`. */
  epoch?: number;
  /** Whether parts of epochs are logged: 2.5 is half way through the third then. */
  parts?: boolean;
  /** The step that it has come to, of how many. */
  steps?: ICount;
}

// tqdm: "Training:  45%|####5     | 45/100 [00:12<00:15,  3.60it/s]"
// Nowhere may two repetitions that take the same follow each other: a line of blanks would take seconds.
const BAR = /^(.*?)(\d{1,3})%\|[^|]*\|\s*([^\s/]+)\/([^\s[]+)\s*\[[^<\]]*<([^,\]]*)/;
const OF = /\s{0,9}(?::\s{0,9})?(?:\[\s{0,9})?(\d{1,15})\s{0,9}(?:\/|of)\s{0,9}(\d{1,15})/;
const EPOCH = new RegExp(`\\bepoch${OF.source}`, 'i');
const STEP = new RegExp(`\\b(?:global_)?(?:step|iter|iteration)${OF.source}`, 'i');
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const ESCAPES = /\u001b\[[0-9;?]*[A-Za-z]/g;

/** Return what a line of tqdm tells, or undefined for any other line. */
export function barOf(line: string): Progress | undefined {
  const found = BAR.exec(line.replace(ESCAPES, ''));
  if (found === null) {
    return undefined;
  }
  const [, title, percent, done, total, remaining] = found as unknown as [
    string,
    string,
    string,
    string,
    string,
    string
  ];
  const name = title.trim().replace(/:$/, '');
  return {
    label: `${name ? `${name} ` : ''}${done} of ${total}`,
    fraction: Math.min(1, Number(percent) / 100),
    remaining: seconds(remaining)
  };
}

/** Return the epoch that a line such as `Epoch 3/25` tells of; it may not be done yet. */
export function epochOf(line: string): ICount | undefined {
  return countOf(EPOCH.exec(line));
}

/** Return the step that a line such as `step 120/5000` tells of. */
export function stepOf(line: string): ICount | undefined {
  return countOf(STEP.exec(line));
}

function countOf(found: RegExpExecArray | null): ICount | undefined {
  const [done, total] = [Number(found?.[1]), Number(found?.[2])];
  return total > 0 && done <= total ? { done, total } : undefined;
}

/**
 * Return how far a run is: by its epochs where it tells of them, else by its steps, else by the bar that it draws.
 *
 * @param lines - The last lines of its output.
 * @param logged - What it tells by its metrics.
 * @param wanted - How many epochs it was asked for by its arguments, if it was.
 * @param elapsed - Seconds since its script began.
 */
export function progressOf(
  lines: readonly string[],
  logged: ILogged,
  wanted: number | undefined,
  elapsed: number | null
): Progress | undefined {
  const told = toldBy(lines);
  const { epoch: value, parts = false } = logged;
  const byMetric = value !== undefined && wanted !== undefined && wanted > 0 && value <= wanted;
  const epoch = told.epoch ?? (byMetric ? { done: value, total: wanted } : undefined);
  if (epoch !== undefined) {
    const part = told.step === undefined ? (told.bar?.fraction ?? 0) : told.step.done / told.step.total;
    const done = parts && told.epoch === undefined ? epoch.done : Math.max(0, epoch.done - 1) + part;
    return counted('Epoch', epoch, done / epoch.total, elapsed);
  }
  const steps = logged.steps ?? told.step;
  return steps === undefined ? told.bar : counted('Step', steps, steps.done / steps.total, elapsed);
}

/** Return what lines tell, the last of each kind; steps and bars before the last epoch are of another one. */
function toldBy(lines: readonly string[]): { epoch?: ICount; step?: ICount; bar?: Progress } {
  let step: ICount | undefined;
  let bar: Progress | undefined;
  for (let at = lines.length - 1; at >= 0; at--) {
    const line = lines[at] as string;
    step ??= stepOf(line);
    bar ??= at >= lines.length - 3 ? barOf(line) : undefined;
    const epoch = epochOf(line);
    if (epoch !== undefined) {
      return { epoch, step, bar };
    }
  }
  return { step, bar };
}

function counted(name: string, { done, total }: ICount, fraction: number, elapsed: number | null): Progress {
  const known = Math.min(1, Math.max(0, fraction));
  const remaining = elapsed !== null && known > 0.02 ? (elapsed / known) * (1 - known) : null;
  const shown = (count: number): string => count.toLocaleString('en', { maximumFractionDigits: 2 });
  return { label: `${name} ${shown(done)} of ${shown(total)}`, fraction: known, remaining };
}

const EPOCHS = /^--?(?:num[_-]?|n[_-]?|max[_-]?)?(?:train[_-]?)?epochs?(?:=(\d+))?$/i;
const STEPS =
  /^--?(?:num[_-]?|max[_-]?|total[_-]?)?(?:train(?:ing)?[_-]?)?(?:steps|timesteps|iters|iterations)(?:=(\d+))?$/i;

/** Return the number of epochs that arguments such as `--num_epochs 25` ask for. */
export function epochsWanted(words: readonly unknown[]): number | undefined {
  return wantedBy(words, EPOCHS);
}

/** Return the number of steps that arguments such as `--max_steps 5000` ask for. */
export function stepsWanted(words: readonly unknown[]): number | undefined {
  return wantedBy(words, STEPS);
}

function wantedBy(words: readonly unknown[], names: RegExp): number | undefined {
  for (let at = 0; at < words.length; at++) {
    const found = names.exec(String(words[at]));
    const value = Number(found?.[1] ?? (found ? words[at + 1] : Number.NaN));
    if (Number.isInteger(value) && value > 0) {
      return value;
    }
  }
  return undefined;
}

const STEP_METRIC = /(?:^|\/)(?:global_)?(?:step|iteration)$/i;
const TOTAL_METRIC = /(?:^|\/)(?:max|total)_steps$/i;

/** Return what metrics tell of how far a run is, `wanted` being the steps that it was asked for, if it was. */
export function loggedBy(metrics: ReadonlyMap<string, Series>, wanted: number | undefined): ILogged {
  const all = [...metrics.values()];
  const latest = (name: RegExp): number | undefined => all.find(series => name.test(series.name))?.latest;
  const total = wanted ?? latest(TOTAL_METRIC);
  const done = latest(STEP_METRIC) ?? greatest(all.map(series => series.steps.at(-1) ?? Number.NaN));
  const epochs = metrics.get('epoch');
  return {
    epoch: epochs?.latest,
    parts: epochs?.last.some(value => !Number.isInteger(value)),
    steps: done !== undefined && total !== undefined && done >= 0 && done <= total ? { done, total } : undefined
  };
}

function greatest(values: readonly number[]): number | undefined {
  const known = values.filter(Number.isFinite);
  return known.length > 0 ? Math.max(...known) : undefined;
}

/** Return the seconds of a clock such as `01:02:03`; null for anything else. */
function seconds(clock: string): number | null {
  const parts = clock.trim().split(':').map(Number);
  return parts.length >= 2 && parts.every(Number.isFinite) ? parts.reduce((sum, part) => sum * 60 + part, 0) : null;
}

import type { IAnnounced, ILoggedTimes } from './epoch_custom';
import type { IMoment } from './pace';
import type { Series } from './series';

/** How far a run is. */
export interface Progress {
  /** What is counted, as it is shown: `Epoch 3 of 25`. */
  label: string;
  /** From 0 to 1. */
  fraction: number;
  /** Seconds that remain, if they can be told. */
  remaining: number | null;
  /** Whether fewer are likely: they are told by one unit, with all that the script did before it, such as imports. */
  isMost?: boolean;
}

/** A bar that a script draws, as it counts. */
export interface IBar extends Omit<Progress, 'label'> {
  /** What it is of; empty where it does not say so. */
  name: string;
  done: string;
  total: string;
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
  /** Its first value and its last one, and how many there are. */
  epochs?: { first: IAnnounced; last: IAnnounced; count: number };
  /** How often each metric was logged, and when. */
  times?: ILoggedTimes[];
  /** The step that it has come to, of how many. */
  steps?: ICount;
  /** The first steps and the last ones of which it is known when they were done; none while that is one time alone. */
  stepped?: readonly IMoment[];
}

// tqdm: "Training:  45%|####5     | 45/100 [00:12<00:15,  3.60it/s]"
// Nowhere may two repetitions that take the same follow each other: a line of blanks would take seconds.
const BAR = /^(.*?)(\d{1,3})%\|[^|]*\|\s*([^\s/]+)\/([^\s[]+)\s*\[[^<\]]*<([^,\]]*)/;
const OF = /\s{0,9}(?::\s{0,9})?(?:\[\s{0,9})?(\d{1,15})\s{0,9}(?:\/|of)\s{0,9}(\d{1,15})/;
const EPOCH = new RegExp(`\\bepoch${OF.source}`, 'i');
const STEP = new RegExp(`\\b(?:global_)?(?:step|iter|iteration)${OF.source}`, 'i');
const EPOCHS_BAR = /^\s*epochs?:?\s+\d{1,3}%\|/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const ESCAPES = /\u001b\[[0-9;?]*[A-Za-z]/g;

/** Return what a line of tqdm tells, or undefined for any other line. */
export function barOf(line: string): IBar | undefined {
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
    name,
    done,
    total,
    fraction: Math.min(1, Number(percent) / 100),
    remaining: seconds(remaining)
  };
}

/** Return the epoch that a line such as `Epoch 3/25` tells of; it may not be done yet. */
export function epochOf(line: string): ICount | undefined {
  return countedBy(EPOCH.exec(line.replace(ESCAPES, '')));
}

/** Return the step that a line such as `step 120/5000` tells of. */
export function stepOf(line: string): ICount | undefined {
  return countedBy(STEP.exec(line.replace(ESCAPES, '')));
}

function countedBy(found: RegExpExecArray | null): ICount | undefined {
  return countOf(Number(found?.[1]), Number(found?.[2]));
}

function countOf(done: number, total: number): ICount | undefined {
  return total > 0 && done <= total ? { done, total } : undefined;
}

/** What lines tell, the last of each kind. */
export interface ITold {
  epoch?: ICount;
  /** The line that tells of the epoch. */
  line?: string;
  step?: ICount;
  /** Whether the step is in the same line as the epoch. */
  stepInLine?: boolean;
  bar?: IBar;
  /** Epochs that are done, by a bar that counts them. */
  counted?: ICount;
}

/** Return what lines tell, the last of each kind; steps and bars before the last epoch are of another one. */
export function toldBy(lines: readonly string[]): ITold {
  const told: ITold = {};
  for (let at = lines.length - 1; at >= 0; at--) {
    const line = (lines[at] as string).replace(ESCAPES, '');
    if (at >= lines.length - 3) {
      const bar = barOf(line);
      const counts = bar !== undefined && EPOCHS_BAR.test(line);
      told.counted ??= counts ? countOf(Number(bar.done), Number(bar.total)) : undefined;
      told.bar ??= counts ? undefined : bar;
    }
    const epoch = epochOf(line);
    const step = stepOf(line);
    told.step ??= step;
    if (epoch !== undefined) {
      return { ...told, epoch, line, stepInLine: step !== undefined };
    }
  }
  return told;
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

/**
 * Return what metrics tell of how far a run is.
 *
 * @param wanted - The steps that it was asked for, if it was.
 * @param start - When its script began, in seconds since 1970.
 */
export function loggedBy(metrics: ReadonlyMap<string, Series>, wanted: number | undefined, start = 0): ILogged {
  const all = [...metrics.values()];
  const total = wanted ?? all.find(series => TOTAL_METRIC.test(series.name))?.latest;
  const counter = all.find(series => STEP_METRIC.test(series.name));
  const spans = counter ? [spanOf(counter.last, counter, start)] : all.map(one => spanOf(one.steps, one, start));
  const done = greatest(spans.map(([, last]) => last.done));
  const epochs = metrics.get('epoch');
  return {
    epoch: epochs?.latest,
    parts: epochs?.last.some(value => !Number.isInteger(value)),
    epochs: epochs && announcedBy(epochs, start),
    times: all.map(({ count, times }) => ({
      count,
      first: (times[0] as number) - start,
      last: (times[times.length - 1] as number) - start
    })),
    steps: done !== undefined && total !== undefined && done >= 0 && done <= total ? { done, total } : undefined,
    stepped: spans
      .filter(([first, last]) => last.done > first.done)
      .reduce<readonly IMoment[]>((most, one) => (one[1].done > (most[1]?.done ?? 0) ? one : most), [])
  };
}

/** Return when the first and the last of what a column of a metric counts was done. */
function spanOf(column: readonly number[], { times }: Series, start: number): [first: IMoment, last: IMoment] {
  const at = (index: number): IMoment => ({
    done: column.at(index) ?? Number.NaN,
    at: (times.at(index) as number) - start
  });
  return [at(0), at(-1)];
}

function announcedBy({ last, times, count }: Series, start: number): ILogged['epochs'] {
  const at = (index: number): IAnnounced => ({
    epoch: last.at(index) as number,
    at: (times.at(index) as number) - start
  });
  return { first: at(0), last: at(-1), count };
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

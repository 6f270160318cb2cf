import { type BucketColumns, numberOf, type PointsDocument, type SeriesDocument } from '../documents';

/** What x is on a chart. */
export type Axis = 'step' | 'time' | 'index';

/** Buckets that a series is kept in at most, and all of a run together; beyond that, each two are merged. */
const MOST = 4096;
const MOST_TOGETHER = 64 * MOST;

/** Return the buckets that each of so many series of a run is kept in at most: hundreds have no room for thousands each. */
export function mostOf(count: number): number {
  return Math.max(2, Math.min(MOST, Math.floor(MOST_TOGETHER / count)));
}

/**
 * One metric as a page keeps it: buckets of one or more points, of bounded number, from which no spike is lost.
 *
 * `last` is what a line is drawn through; `min` and `max`, of finite values alone, span the band around it. Other points are
 * counted: those that are no numbers in `nans`, infinities in `above` and `below`.
 */
export class Series {
  constructor(readonly name: string) {}

  /** Seconds since 1970 of the last point in each bucket. */
  readonly times: number[] = [];
  /** Step of the last point in each bucket; NaN for one without. */
  readonly steps: number[] = [];
  /** How many points there were up to and with each bucket. */
  readonly indices: number[] = [];
  readonly last: number[] = [];
  readonly min: number[] = [];
  readonly max: number[] = [];
  readonly nans: number[] = [];
  readonly above: number[] = [];
  readonly below: number[] = [];
  /** Number of points. */
  count = 0;
  /** Whether there may be more infinities than were counted: buckets that come tell whether there are any, not how many. */
  moreInfinities = false;
  /** Smallest and largest finite value; NaN while there is none. */
  lowest = Number.NaN;
  highest = Number.NaN;
  /** Whether any point has a step. */
  stepped = false;

  /** The last value; NaN while there is none. */
  get latest(): number {
    return this.last.length ? (this.last[this.last.length - 1] as number) : Number.NaN;
  }

  /** Number of points that are no numbers. */
  get notNumbers(): number {
    return total(this.nans);
  }

  /** Number of points that are infinity, and of those that are minus infinity; see `moreInfinities`. */
  get infinities(): readonly [above: number, below: number] {
    return [total(this.above), total(this.below)];
  }

  /** Number of points that a logarithm cannot show; where points were merged, at least so many. */
  get notAboveZero(): number {
    return this.min.filter(value => value <= 0).length;
  }

  /** Return the column that is x. Where no point has a step, that is the index. */
  x(axis: Axis): readonly number[] {
    return axis === 'time' ? this.times : axis === 'step' && this.stepped ? this.steps : this.indices;
  }

  /** Add what is new. */
  add(document: SeriesDocument): void {
    if ('buckets' in document) {
      this._addBuckets(document.buckets);
    } else {
      this._addPoints(document);
    }
    this.keep(MOST);
  }

  /** Merge neighbours until no more than `most` buckets are left, of two at least. */
  keep(most: number): void {
    while (this.last.length > most) {
      this._halve();
    }
  }

  private _addPoints(document: PointsDocument): void {
    for (let at = 0; at < document.values.length; at++) {
      const value = numberOf(document.values[at] as PointsDocument['values'][number]);
      const step = document.steps?.[at] ?? null;
      this._push(document.times[at] as number, step, value, value, value, 1, Number.isNaN(value) ? 1 : 0);
    }
  }

  private _addBuckets(columns: BucketColumns): void {
    for (let at = 0; at < columns.last.length; at++) {
      this._push(
        columns.final[at] as number,
        columns.final_step?.[at] ?? null,
        numberOf(columns.last[at] as number),
        numberOf(columns.min[at] as number),
        numberOf(columns.max[at] as number),
        columns.count[at] as number,
        columns.nans[at] as number
      );
    }
  }

  private _push(
    time: number,
    step: number | null,
    last: number,
    min: number,
    max: number,
    count: number,
    nans: number
  ): void {
    this.count += count;
    this.stepped = this.stepped || step !== null;
    this.times.push(time);
    this.steps.push(step ?? Number.NaN);
    this.indices.push(this.count - 1);
    const [above, below] = [max === Number.POSITIVE_INFINITY ? 1 : 0, min === Number.NEGATIVE_INFINITY ? 1 : 0];
    this.moreInfinities = this.moreInfinities || (count > 1 && above + below > 0);
    const least = firstFinite(min, last, max);
    const most = firstFinite(max, last, min);
    this.last.push(last);
    this.min.push(least);
    this.max.push(most);
    this.nans.push(nans);
    this.above.push(above);
    this.below.push(below);
    this.lowest = lesser(this.lowest, least);
    this.highest = greater(this.highest, most);
  }

  /** Merge each two neighbours after the first bucket, which tells when all began, and with what. */
  private _halve(): void {
    const length = this.last.length;
    let to = 1;
    for (let from = 1; from < length; from += 2, to++) {
      const end = Math.min(from + 1, length - 1);
      for (const column of [this.times, this.steps, this.indices, this.last]) {
        column[to] = column[end] as number;
      }
      this.min[to] = lesser(this.min[from] as number, this.min[end] as number);
      this.max[to] = greater(this.max[from] as number, this.max[end] as number);
      for (const column of [this.nans, this.above, this.below]) {
        column[to] = (column[from] as number) + (end > from ? (column[end] as number) : 0);
      }
    }
    const { times, steps, indices, last, min, max, nans, above, below } = this;
    for (const column of [times, steps, indices, last, min, max, nans, above, below]) {
      column.length = to;
    }
  }
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, one) => sum + one, 0);
}

/** Return the first of some values that is finite, or NaN: what is best known of a bucket whose extreme is infinite. */
function firstFinite(...values: number[]): number {
  return values.find(Number.isFinite) ?? Number.NaN;
}

/** Return the lesser of two numbers, of which what is no number does not count. */
export function lesser(one: number, other: number): number {
  return Number.isNaN(one) ? other : Number.isNaN(other) ? one : Math.min(one, other);
}

/** Return the greater of two numbers, of which what is no number does not count. */
export function greater(one: number, other: number): number {
  return Number.isNaN(one) ? other : Number.isNaN(other) ? one : Math.max(one, other);
}

/**
 * Smooth values as TensorBoard does: an exponential moving average without bias towards its beginning.
 *
 * @param weight - From 0 (as they are) to less than 1. What is no finite number stays as it is, and does not count.
 */
export function smoothed(values: readonly number[], weight: number): number[] {
  if (weight <= 0) {
    return [...values];
  }
  let average = 0;
  let seen = 0;
  return values.map(value => {
    if (!Number.isFinite(value)) {
      return value;
    }
    average = average * weight + (1 - weight) * value;
    seen++;
    return average / (1 - weight ** seen);
  });
}

const PARTS = /(^|[_./\- ])(train|training|val|valid|validation|test|eval)(?=$|[_./\- ])/i;

/** Return the chart that a metric belongs to: `train_loss` and `val_loss` share one. */
export function chartOf(name: string): string {
  const rest = name.replace(PARTS, '').replace(/^[_./\- ]+|[_./\- ]+$/g, '');
  return rest || name;
}

/**
 * Group names by chart. A metric that has a chart to itself names it.
 *
 * They are in the order in which they came, but what tells how good a model is stands before what else was logged, such as a
 * learning rate: that goes by names, so that no chart moves while values arrive.
 */
export function charts(names: Iterable<string>): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const name of names) {
    const chart = chartOf(name);
    found.set(chart, [...(found.get(chart) ?? []), name]);
  }
  const isMeasure = ([chart]: [string, string[]]): boolean => bestOf(chart) !== undefined;
  const ordered = [...[...found].filter(isMeasure), ...[...found].filter(one => !isMeasure(one))];
  return new Map(
    ordered.map(([chart, group]) => {
      const [name] = group as [string];
      return [group.length === 1 && !found.has(name) ? name : chart, group];
    })
  );
}

/** Words of names whose metrics are best where they are smallest, and largest. */
const SMALL = /^(?:\w*loss(?:es)?|errs?|\w*errors?|perplexity|ppl|\w*mse|s?mape|s?mae|wer|cer|latency|seconds)$/;
const LARGE =
  /^(?:acc\d*|\w*accuracy|f\d(?:score)?|\w*auc|\w*precision|\w*recall|m?iou|m?ap|bleu\d?|rouge\w*|\w*score|rewards?|r2)$/;

/**
 * Return which value of a metric is its best, as its name tells: `min`, `max`, or undefined where it does not.
 *
 * Whole words count, `cancer_auc` has no `cer` in it, and of several the last: a `score_loss` is a loss.
 */
export function bestOf(name: string): 'min' | 'max' | undefined {
  const kinds = wordsOf(name).map(word => (SMALL.test(word) ? 'min' : LARGE.test(word) ? 'max' : undefined));
  return kinds.filter(kind => kind !== undefined).pop();
}

/** Return the words of `val_loss`, `val/loss` or `valLoss`; `mAP` and `rougeL` are one. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z]{2})([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
}

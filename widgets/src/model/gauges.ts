import type { ResourceFacts } from '../documents';
import { memory } from '../format';
import { type ITrans, UNTRANSLATED } from '../translation';
import type { Series } from './series';

/** What a job uses of one resource: one line for each device, or one alone. */
export interface IGauge {
  /** Which resource, whatever there is of it. */
  kind: string;
  title: string;
  unit: ResourceFacts['unit'];
  /** Without any while nothing was seen. */
  series: Series[];
  /** The most that one of them was; NaN while nothing was seen. */
  peak: number;
  /** How much of it there is, of each device; null where that is not known. */
  limit: number | null;
  limitOf: string | null;
}

/** What is shown, in this order; of GPUs each device has a series of its own. */
const KINDS: readonly {
  kind: string;
  title(trans: ITrans): string;
  unit: ResourceFacts['unit'];
  names: RegExp;
  gpu: boolean;
}[] = [
  { kind: 'CPU', title: trans => trans.__('CPU'), unit: 'processors', names: /^cpu$/, gpu: false },
  { kind: 'Memory', title: trans => trans.__('Memory'), unit: 'bytes', names: /^memory$/, gpu: false },
  { kind: 'GPU', title: trans => trans.__('GPU'), unit: 'percent', names: /^gpu\/\d+\/busy$/, gpu: true },
  { kind: 'GPU memory', title: trans => trans.__('GPU memory'), unit: 'bytes', names: /^gpu\/\d+\/memory$/, gpu: true }
];

/**
 * Return what is to be shown of what a job uses; nothing where nothing was seen, nor is expected to be.
 *
 * @param seen - Series by name.
 * @param facts - What is known about each, as the run tells it.
 * @param expected - Whether something may still be seen: then it gets its place at once.
 * @param gpus - How many devices the run asked for.
 */
export function gaugesOf(
  seen: ReadonlyMap<string, Series>,
  facts: Readonly<Record<string, ResourceFacts>>,
  expected: boolean,
  gpus: number,
  trans: ITrans = UNTRANSLATED
): IGauge[] {
  if (!expected && seen.size === 0) {
    return [];
  }
  const found: IGauge[] = [];
  for (const { kind, title, unit, names, gpu } of KINDS) {
    const mine = [...seen.values()].filter(series => names.test(series.name));
    mine.sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }));
    if (mine.length > 0 || (expected && (!gpu || gpus > 0))) {
      const known = mine.map(series => facts[series.name]).filter(fact => fact !== undefined);
      const limits = known.map(fact => fact.limit).filter(limit => limit !== null);
      found.push({
        kind,
        title: kind === 'GPU' && mine.length > 1 ? trans._n('%1 GPU', '%1 GPUs', mine.length) : title(trans),
        unit,
        series: mine,
        peak: mine.length > 0 ? Math.max(...mine.map(series => series.highest)) : Number.NaN,
        limit: limits.length > 0 ? Math.max(...limits) : null,
        limitOf: known[0]?.limit_of ?? null
      });
    }
  }
  return found;
}

/** Return the value last seen, in words: of several devices how busy they are on average, or the fullest memory. */
export function nowOf(gauge: IGauge, trans: ITrans = UNTRANSLATED): string {
  const values = gauge.series.map(series => series.latest);
  if (values.length === 0) {
    return '–';
  }
  if (gauge.unit === 'percent' && values.length > 1) {
    return trans.__('avg %1', amount(values.reduce((sum, value) => sum + value, 0) / values.length, gauge.unit));
  }
  return amount(Math.max(...values), gauge.unit);
}

/** Return the peak and what there is, in words: `peak 3.2 of 4 CPUs`; nothing while nothing was seen. */
export function peakOf(gauge: IGauge, trans: ITrans = UNTRANSLATED): string {
  if (Number.isNaN(gauge.peak)) {
    return '';
  }
  const peak = amount(gauge.peak, gauge.unit);
  if (gauge.limit === null || gauge.unit === 'percent') {
    return trans.__('peak %1', peak);
  }
  const limit = limitOf(gauge.limit, gauge.unit, trans);
  const unit = limit.split(' ')[1];
  // `peak 31 of 80 GiB` is as clear as with the unit twice, and fits
  const short = unit !== undefined && peak.endsWith(` ${unit}`) ? peak.slice(0, -unit.length - 1) : peak;
  return gauge.series.length > 1
    ? trans.__('peak %1 of %2 each', short, limit)
    : trans.__('peak %1 of %2', short, limit);
}

/** Whose limits there are, as the API names them. */
const OWNERS: Record<string, (trans: ITrans) => string> = {
  machine: trans => trans._p('owner of a limit', 'machine'),
  container: trans => trans._p('owner of a limit', 'container'),
  'control group': trans => trans._p('owner of a limit', 'control group')
};

/** Return whose limit it is, in words; nothing where that goes without saying. */
export function ownerOf(gauge: IGauge, trans: ITrans = UNTRANSLATED): string {
  if (gauge.limit === null || gauge.limitOf === null || gauge.limitOf === 'device') {
    return '';
  }
  return `(${OWNERS[gauge.limitOf]?.(trans) ?? gauge.limitOf})`;
}

/** Return all about it as a sentence, for those who hear it and for those who point at it. */
export function sentenceOf(gauge: IGauge, running: boolean, trans: ITrans = UNTRANSLATED): string {
  const parts = [
    running ? trans.__('%1 now', nowOf(gauge, trans)) : '',
    Number.isNaN(gauge.peak) ? '' : trans.__('%1 at most', amount(gauge.peak, gauge.unit)),
    gauge.limit === null
      ? ''
      : trans.__('limit %1', `${limitOf(gauge.limit, gauge.unit, trans)} ${ownerOf(gauge, trans)}`.trim())
  ];
  return trans.__('%1: %2', gauge.title, parts.filter(part => part !== '').join(', '));
}

/** Return the value at the upper edge of a small chart: the limit where it is near, else somewhat over the peak. */
export function topOf(gauge: IGauge): number {
  if (gauge.unit === 'percent') {
    return 100;
  }
  const peak = Number.isNaN(gauge.peak) ? 0 : gauge.peak;
  return gauge.limit !== null && peak > gauge.limit / 2 ? Math.max(gauge.limit, peak) : peak * 1.15 || 1;
}

/** The series of what a job has of the machine's memory. */
const MEMORY = 'memory';
/** Columns of a small chart, each of which has the largest value in it. */
const COLUMNS = 120;

/**
 * Return a series as the path of an SVG, in a box of 100 by 100, without losing a spike.
 *
 * A job has memory as long as there is one: where none was seen it had ended, and what it had before stands for it.
 *
 * @param from - Time at the left edge, in seconds.
 * @param to - Time at the right edge.
 * @param top - Value at the upper edge; 0 is at the lower one.
 */
export function pathOf(series: Series, from: number, to: number, top: number): string {
  const most = new Map<number, number>();
  let before = Number.NaN;
  series.times.forEach((time, at) => {
    const column = to > from ? Math.round(((time - from) / (to - from)) * COLUMNS) : COLUMNS;
    const seen = series.max[at] as number;
    const value = series.name === MEMORY && seen === 0 ? before : seen;
    before = value;
    if (column >= 0 && column <= COLUMNS && Number.isFinite(value)) {
      most.set(column, Math.max(value, most.get(column) ?? 0));
    }
  });
  const points = [...most].map(([column, value]) => {
    const y = 100 * (1 - Math.min(1, Math.max(0, value / top)));
    return `${round((100 * column) / COLUMNS)} ${round(y)}`;
  });
  if (points.length === 1) {
    points.unshift(`0 ${(points[0] as string).split(' ')[1]}`); // one value alone is a level line
  }
  return points.length === 0 ? '' : `M${points.join('L')}`;
}

function amount(value: number, unit: ResourceFacts['unit']): string {
  switch (unit) {
    case 'bytes':
      return memory(value);
    case 'percent':
      return `${Math.round(value)} %`;
    case 'processors':
      return String(value < 10 ? Math.round(value * 100) / 100 : Math.round(value * 10) / 10);
  }
}

function limitOf(value: number, unit: ResourceFacts['unit'], trans: ITrans): string {
  return unit === 'processors' ? trans._n('%2 CPU', '%2 CPUs', value, amount(value, unit)) : amount(value, unit);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

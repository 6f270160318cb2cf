import type { ResourceFacts } from '../documents';
import { memory } from '../format';
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
const KINDS: readonly { title: string; unit: ResourceFacts['unit']; names: RegExp; gpu: boolean }[] = [
  { title: 'CPU', unit: 'processors', names: /^cpu$/, gpu: false },
  { title: 'Memory', unit: 'bytes', names: /^memory$/, gpu: false },
  { title: 'GPU', unit: 'percent', names: /^gpu\/\d+\/busy$/, gpu: true },
  { title: 'GPU memory', unit: 'bytes', names: /^gpu\/\d+\/memory$/, gpu: true }
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
  gpus: number
): IGauge[] {
  if (!expected && seen.size === 0) {
    return [];
  }
  const found: IGauge[] = [];
  for (const { title, unit, names, gpu } of KINDS) {
    const mine = [...seen.values()].filter(series => names.test(series.name));
    mine.sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }));
    if (mine.length > 0 || (expected && (!gpu || gpus > 0))) {
      const known = mine.map(series => facts[series.name]).filter(fact => fact !== undefined);
      const limits = known.map(fact => fact.limit).filter(limit => limit !== null);
      found.push({
        kind: title,
        title: title === 'GPU' && mine.length > 1 ? `${mine.length} GPUs` : title,
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
export function nowOf(gauge: IGauge): string {
  const values = gauge.series.map(series => series.latest);
  if (values.length === 0) {
    return '–';
  }
  if (gauge.unit === 'percent' && values.length > 1) {
    return `avg ${amount(values.reduce((sum, value) => sum + value, 0) / values.length, gauge.unit)}`;
  }
  return amount(Math.max(...values), gauge.unit);
}

/** Return the peak and what there is, in words: `peak 3.2 of 4 CPUs`; nothing while nothing was seen. */
export function peakOf(gauge: IGauge): string {
  if (Number.isNaN(gauge.peak)) {
    return '';
  }
  const peak = amount(gauge.peak, gauge.unit);
  if (gauge.limit === null || gauge.unit === 'percent') {
    return `peak ${peak}`;
  }
  const limit = limitOf(gauge.limit, gauge.unit);
  const unit = limit.split(' ')[1];
  // `peak 31 of 80 GiB` is as clear as with the unit twice, and fits
  const short = unit !== undefined && peak.endsWith(` ${unit}`) ? peak.slice(0, -unit.length - 1) : peak;
  return `peak ${short} of ${limit}${gauge.series.length > 1 ? ' each' : ''}`;
}

/** Return whose limit it is, in words; nothing where that goes without saying. */
export function ownerOf(gauge: IGauge): string {
  return gauge.limit === null || gauge.limitOf === null || gauge.limitOf === 'device' ? '' : `(${gauge.limitOf})`;
}

/** Return all about it as a sentence, for those who hear it and for those who point at it. */
export function sentenceOf(gauge: IGauge, running: boolean): string {
  const parts = [
    running ? `${nowOf(gauge)} now` : '',
    Number.isNaN(gauge.peak) ? '' : `${amount(gauge.peak, gauge.unit)} at most`,
    gauge.limit === null ? '' : `limit ${limitOf(gauge.limit, gauge.unit)} ${ownerOf(gauge)}`.trim()
  ];
  return `${gauge.title}: ${parts.filter(part => part !== '').join(', ')}`;
}

/** Return the value at the upper edge of a small chart: the limit where it is near, else somewhat over the peak. */
export function topOf(gauge: IGauge): number {
  if (gauge.unit === 'percent') {
    return 100;
  }
  const peak = Number.isNaN(gauge.peak) ? 0 : gauge.peak;
  return gauge.limit !== null && peak > gauge.limit / 2 ? Math.max(gauge.limit, peak) : peak * 1.15 || 1;
}

/** Columns of a small chart, each of which has the largest value in it. */
const COLUMNS = 120;

/**
 * Return a series as the path of an SVG, in a box of 100 by 100, without losing a spike.
 *
 * @param from - Time at the left edge, in seconds.
 * @param to - Time at the right edge.
 * @param top - Value at the upper edge; 0 is at the lower one.
 */
export function pathOf(series: Series, from: number, to: number, top: number): string {
  const most = new Map<number, number>();
  series.times.forEach((time, at) => {
    const column = to > from ? Math.round(((time - from) / (to - from)) * COLUMNS) : COLUMNS;
    const value = series.max[at] as number;
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

function limitOf(value: number, unit: ResourceFacts['unit']): string {
  return unit === 'processors' ? `${amount(value, unit)} CPU${value === 1 ? '' : 's'}` : amount(value, unit);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

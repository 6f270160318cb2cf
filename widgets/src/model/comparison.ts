import { duration, metric, words } from '../format';
import { isData, parameters } from './parameters';
import type { RunModel } from './run_model';
import { bestOf } from './series';

/** What a run has in a line of a table. */
export type Value = string | null | undefined;

/** A line of a table that has a column for each run. */
export interface IRow {
  name: string;
  /** What each run has: null for nothing, undefined while that is not known. */
  values: readonly Value[];
  /** Whether not all runs have the same. */
  differs: boolean;
  /** Places of the runs whose value is the best of all, where one can be; empty where all are as good. */
  best: readonly number[];
}

/** Lines that belong together. */
export interface ISection {
  title: string;
  /** Whether it is what the runs came to, which always differs, and not what they were given. */
  outcome: boolean;
  rows: readonly IRow[];
}

/** What is looked at of a run's spec. */
interface ISpec {
  arguments?: unknown[];
  script?: string | null;
  command?: string[];
  gpus?: number;
  node_count?: number;
  environment?: Record<string, unknown>;
  environment_variables?: Record<string, string>;
}

/** Title of the section that has how runs went. */
const OUTCOME = 'Run';

/** Return what the runs were asked for and what they came to. */
export function results(runs: readonly RunModel[], now = Date.now()): ISection[] {
  const given = runs.map(run => run.run && new Map(parameters(spec(run).arguments ?? [])));
  return filled([
    { title: 'Metrics', outcome: true, rows: metricRows(runs) },
    section(
      'Parameters',
      given.map(values => values && picked(values, name => !isData(name)))
    ),
    section(
      'Data',
      given.map(values => values && picked(values, isData))
    ),
    section(
      'Run',
      runs.map(run => facts(run, now))
    ),
    section(
      'Tags',
      runs.map(run => run.state && new Map(Object.entries(run.state.tags)))
    )
  ]);
}

/** Return what the runs were executed in. */
export function environments(runs: readonly RunModel[]): ISection[] {
  return filled([
    section(
      'Environment',
      runs.map(run => run.run && surroundings(run))
    ),
    section(
      'Packages',
      runs.map(run => run.run && packages(run))
    ),
    section(
      'Environment variables',
      runs.map(run => run.run && new Map(Object.entries(spec(run).environment_variables ?? {})))
    )
  ]);
}

/** Return the names of runs as a legend has them: each another one. */
export function names(runs: readonly RunModel[]): string[] {
  const found = runs.map(run => run.state?.display_name || run.run?.display_name || run.target.run);
  return found.map((name, at) => {
    const twin = found.some((other, place) => other === name && place !== at);
    const number = runs[at]?.run?.number;
    return twin ? `${name} (${number === undefined ? at + 1 : `number ${number}`})` : name;
  });
}

function spec(run: RunModel): ISpec {
  return (run.run?.spec ?? {}) as ISpec;
}

function filled(sections: readonly ISection[]): ISection[] {
  return sections.filter(one => one.rows.length > 0);
}

function picked(values: ReadonlyMap<string, string>, wanted: (name: string) => boolean): Map<string, string> {
  return new Map([...values].filter(([name]) => wanted(name)));
}

/** Return a line for each name that any run has. */
function section(title: string, columns: readonly (ReadonlyMap<string, string> | null)[]): ISection {
  const found = new Set(columns.flatMap(column => [...(column?.keys() ?? [])]));
  return {
    title,
    outcome: title === OUTCOME,
    rows: [...found].map(name =>
      row(
        name,
        columns.map(column => (column === null ? undefined : (column.get(name) ?? null)))
      )
    )
  };
}

function row(name: string, values: readonly Value[], best: readonly number[] = []): IRow {
  return { name, values, differs: new Set(values.filter(value => value !== undefined)).size > 1, best };
}

/** The last value of each metric, and its best where its name tells which that is. */
function metricRows(runs: readonly RunModel[]): IRow[] {
  const found = new Set(runs.flatMap(run => [...run.series.keys()]));
  return [...found].flatMap(name => {
    const series = runs.map(run => run.series.get(name));
    const kind = bestOf(name);
    const last = series.map(one => one?.latest);
    const rows = [row(`${name}, last`, last.map(shown), bestPlaces(last, kind))];
    if (kind !== undefined && series.some(one => (one?.count ?? 0) > 1)) {
      const best = series.map(one => (kind === 'min' ? one?.lowest : one?.highest));
      rows.unshift(row(`${name}, best`, best.map(shown), bestPlaces(best, kind)));
    }
    return rows;
  });
}

function shown(value: number | undefined): string | null {
  return value === undefined ? null : metric(value);
}

function bestPlaces(values: readonly (number | undefined)[], kind: 'min' | 'max' | undefined): number[] {
  const finite = values.filter((value): value is number => Number.isFinite(value));
  if (kind === undefined || new Set(finite).size < 2) {
    return [];
  }
  const best = kind === 'min' ? Math.min(...finite) : Math.max(...finite);
  return values.flatMap((value, at) => (value === best ? [at] : []));
}

function facts(run: RunModel, now: number): Map<string, string> {
  const { script, command = [], gpus = 0, node_count = 1 } = spec(run);
  const found = new Map<string, string>();
  if (run.state !== null) {
    found.set('state', words(run.state.state === 'Failed' ? `Failed: ${run.state.reason ?? ''}` : run.state.state));
    found.set('duration', duration(run.seconds(run.clock.at(now))));
  }
  if (run.run !== null) {
    found.set('script', script ?? command.join(' '));
    found.set('compute target', run.run.compute_target);
    found.set('GPUs', String(gpus));
    found.set('experiment', run.run.experiment);
    if (node_count > 1) {
      found.set('nodes', String(node_count));
    }
  }
  return found;
}

/** What is no difference: how often and how long something was built, and what is listed elsewhere. */
const APART = new Set([
  'pip',
  'conda',
  'packages',
  'notices',
  'why',
  'seconds',
  'action',
  'key',
  'environment_variables',
  'user_managed'
]);

function surroundings(run: RunModel): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of [
    ...Object.entries(spec(run).environment ?? {}),
    ...Object.entries(run.run?.environment ?? {})
  ]) {
    if (!APART.has(name)) {
      add(found, words(name), value);
    }
  }
  return found;
}

function add(found: Map<string, string>, name: string, value: unknown): void {
  if (Array.isArray(value)) {
    if (value.length > 0) {
      found.set(name, value.map(String).join(', '));
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [inner, one] of Object.entries(value)) {
      add(found, `${name}: ${words(inner)}`, one);
    }
  } else if (value !== null && value !== undefined && value !== '' && value !== false) {
    found.set(name, String(value));
  }
}

/** Packages by name, with the versions that were installed, or else those that were asked for. */
function packages(run: RunModel): Map<string, string> {
  const installed = texts(run.run?.environment?.packages);
  const recipe = spec(run).environment ?? {};
  const asked = installed.length > 0 ? installed : [...texts(recipe.conda), ...texts(recipe.pip)];
  const found = asked.map(text => {
    const [, name = text, rest = ''] = /^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(.*)$/s.exec(text) ?? [];
    return [name.toLowerCase().replace(/[_.]+/g, '-'), rest.replace(/^={1,3}\s*/, '') || 'any'] as const;
  });
  return new Map(found.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

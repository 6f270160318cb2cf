import { duration, ticks, words } from '../format';
import { reasonWords, stateWord } from '../state_words';
import { type ITrans, UNTRANSLATED } from '../translation';
import { dataNote, dataOf, type IGiven, parameters } from './parameters';
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
  notebook?: string | null;
  command?: string[];
  gpus?: number;
  node_count?: number;
  environment?: Record<string, unknown>;
  environment_variables?: Record<string, string>;
}

/** Return what the runs were asked for and what they came to. */
export function results(runs: readonly RunModel[], now = Date.now(), trans: ITrans = UNTRANSLATED): ISection[] {
  const given = runs.map(run => run.run && new Map(parameters(spec(run).arguments ?? [], trans)));
  const data = runs.map(run => run.run && dataOf(run.run, trans));
  const named = new Set(data.flatMap(column => column?.map(one => one.name) ?? []));
  return filled([
    { title: trans.__('Metrics'), outcome: true, rows: metricRows(runs, trans) },
    section(
      trans.__('Parameters'),
      given.map(values => values && picked(values, name => !named.has(name)))
    ),
    section(
      trans.__('Data'),
      data.map(
        (column, at) =>
          column &&
          new Map([
            ...picked(given[at] ?? new Map(), name => named.has(name)),
            ...column.map(one => described(one, trans))
          ])
      )
    ),
    section(
      trans.__('Run'),
      runs.map(run => facts(run, now, trans)),
      true
    ),
    section(
      trans.__('Tags'),
      runs.map(run => run.state && new Map(Object.entries(run.state.tags)))
    )
  ]);
}

/** Return what the runs were executed in. */
export function environments(runs: readonly RunModel[], trans: ITrans = UNTRANSLATED): ISection[] {
  return filled([
    section(
      trans.__('Environment'),
      runs.map(run => run.run && surroundings(run))
    ),
    section(
      trans.__('Packages'),
      runs.map(run => run.run && packages(run, trans))
    ),
    section(
      trans.__('Environment variables'),
      runs.map(run => run.run && new Map(Object.entries(spec(run).environment_variables ?? {})))
    )
  ]);
}

/** Return the names of runs as a legend has them: each another one. */
export function names(runs: readonly RunModel[], trans: ITrans = UNTRANSLATED): string[] {
  const found = runs.map(run => run.name);
  return found.map((name, at) => {
    const twin = found.some((other, place) => other === name && place !== at);
    const number = runs[at]?.run?.number;
    if (!twin) {
      return name;
    }
    return number === undefined ? `${name} (${at + 1})` : trans.__('%1 (number %2)', name, number);
  });
}

function spec(run: RunModel): ISpec {
  return (run.run?.spec ?? {}) as ISpec;
}

function filled(sections: readonly ISection[]): ISection[] {
  return sections.filter(one => one.rows.length > 0);
}

function described({ name, value, fact }: IGiven, trans: ITrans): [string, string] {
  return [name, fact === undefined ? value : `${value} (${dataNote(fact, trans)})`];
}

function picked(values: ReadonlyMap<string, string>, wanted: (name: string) => boolean): Map<string, string> {
  return new Map([...values].filter(([name]) => wanted(name)));
}

/** Return a line for each name that any run has. */
function section(title: string, columns: readonly (ReadonlyMap<string, string> | null)[], outcome = false): ISection {
  const found = new Set(columns.flatMap(column => [...(column?.keys() ?? [])]));
  return {
    title,
    outcome,
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
function metricRows(runs: readonly RunModel[], trans: ITrans): IRow[] {
  const found = new Set(runs.flatMap(run => [...run.series.keys()]));
  return [...found].flatMap(name => {
    const series = runs.map(run => run.series.get(name));
    const kind = bestOf(name);
    const last = series.map(one => one?.latest);
    const rows = [metricRow(trans.__('%1, last', name), last, kind)];
    if (kind !== undefined && series.some(one => (one?.count ?? 0) > 1)) {
      const best = series.map(one => (kind === 'min' ? one?.lowest : one?.highest));
      rows.unshift(metricRow(trans.__('%1, best', name), best, kind));
    }
    return rows;
  });
}

type Figure = number | undefined;

/** A line with as many digits as it takes to tell different values apart; those that look the same are as good. */
function metricRow(name: string, values: readonly Figure[], kind: 'min' | 'max' | undefined): IRow {
  const shown = ticks(values.map(value => value ?? null)).map(text => text || null);
  const finite = values.filter((value): value is number => Number.isFinite(value));
  const best = shown[values.indexOf(kind === 'min' ? Math.min(...finite) : Math.max(...finite))];
  const better = kind !== undefined && new Set(shown.filter((_, at) => Number.isFinite(values[at]))).size > 1;
  return row(name, shown, better ? shown.flatMap((text, at) => (text === best ? [at] : [])) : []);
}

function facts(run: RunModel, now: number, trans: ITrans): Map<string, string> {
  const { script, notebook, command = [], gpus = 0, node_count = 1 } = spec(run);
  const found = new Map<string, string>();
  if (run.state !== null) {
    const { state, reason } = run.state;
    const word = stateWord(state, trans);
    found.set(
      trans.__('state'),
      state === 'Failed' ? trans.__('%1: %2', word, reasonWords(reason ?? '', trans)) : word
    );
    found.set(trans.__('duration'), duration(run.seconds(run.clock.at(now))));
  }
  if (run.run !== null) {
    found.set(trans.__('script'), script ?? notebook ?? command.join(' '));
    found.set(trans.__('compute target'), run.run.compute_target);
    found.set(trans.__('GPUs'), String(gpus));
    found.set(trans.__('experiment'), run.run.experiment);
    if (node_count > 1) {
      found.set(trans.__('nodes'), String(node_count));
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
function packages(run: RunModel, trans: ITrans): Map<string, string> {
  const installed = texts(run.run?.environment?.packages);
  const recipe = spec(run).environment ?? {};
  const asked = installed.length > 0 ? installed : [...texts(recipe.conda), ...texts(recipe.pip)];
  const found = asked.map(text => {
    const [, name = text, rest = ''] = /^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(.*)$/s.exec(text) ?? [];
    return [
      name.toLowerCase().replace(/[_.]+/g, '-'),
      rest.replace(/^={1,3}\s*/, '') || trans._p('version of a package', 'any')
    ] as const;
  });
  return new Map(found.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

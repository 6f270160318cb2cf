import type { TranslationBundle } from '@jupyterlab/translation';
import type { RunRow } from '../../../../widgets/src/documents';
import { briefName } from '../../../../widgets/src/model/run_name';
import { bestStatistic, metricOrder } from '../../../../widgets/src/model/runs_model';
import { query } from '../../../../widgets/src/sources/source';

/** Of a parent's name; in front of it is what it is to its runs. */
const LONGEST_NAME = 150;

/** A group that runs are of. */
export interface Belonging {
  /** "experiment", "parent" or "tag:NAME". */
  by: string;
  /** Null for those without a parent, or without the tag. */
  value: string | null;
  /** What the parent is called; null for other groups, and where that is not known. */
  name?: string | null;
}

/** Which runs are listed, how they are ordered, and by what they are grouped. */
export interface IRunQuery {
  /** What their name, id or experiment contains. */
  text: string;
  /** A state, "unfinished" or "ended"; "" for any. */
  state: string;
  /** A tag, as "name" or "name=value"; "" for any. */
  tag: string;
  /** Of which groups they are, all of them. */
  within: readonly Belonging[];
  order: 'created' | 'name' | 'duration' | 'metric';
  /** Whether the oldest, last, shortest or worst come first. */
  reversed: boolean;
  /** The metric that is shown of each, and ordered by; "" for that one of each run that tells most. */
  metric: string;
  /** "experiment", "parent" or "tag:NAME"; "" for none. */
  group: string;
}

export const EVERYTHING: IRunQuery = {
  text: '',
  state: '',
  tag: '',
  within: [],
  order: 'created',
  reversed: false,
  metric: '',
  group: ''
};

/** Runs that have something in common, as the server tells it. */
export interface RunGroup {
  /** Null for those without a parent, or without the tag. */
  value: string | null;
  /** What the parent is called; null for other groups, and where it is gone. */
  name: string | null;
  runs: number;
  unfinished: number;
  /** ISO 8601, UTC. */
  newest: string | null;
}

interface Parameters extends Record<string, string | number | readonly string[] | undefined> {
  tag?: readonly string[];
  without_tag?: readonly string[];
}

/** Whether any run may be left out. */
export function isFiltered({ text, state, tag, within }: IRunQuery): boolean {
  return within.length > 0 || [text, state, tag].some(one => one.trim() !== '');
}

/**
 * Return the path that asks for a page of runs.
 *
 * @param telling - The metric that stands for those of each run, where one has to be ordered by.
 */
export function runsPath(
  workspace: string,
  asked: IRunQuery,
  telling: string | undefined,
  page: { limit: number; offset: number }
): string {
  return pathOf(workspace, 'runs', { ...filters(asked), ...order(asked, telling), ...page });
}

/** Return the path that asks for a page of groups. */
export function groupsPath(workspace: string, asked: IRunQuery, page: { limit: number; offset: number }): string {
  return pathOf(workspace, 'run-groups', { by: asked.group, ...filters(asked), ...page });
}

/** Return the curves' path for runs. */
export function sparklinesPath(workspace: string, runs: readonly string[], metric: string): string {
  return `/workspaces/${encodeURIComponent(workspace)}/sparklines${query({ metric: metric || undefined, run: runs })}`;
}

/** Return what of runs is known for filters: the names of their metrics, and their tags with the values they have. */
export function learn(rows: readonly RunRow[], metrics: Set<string>, tags: Map<string, Set<string>>): void {
  for (const row of rows) {
    for (const name of Object.keys(row.metrics)) {
      metrics.add(name);
    }
    for (const [name, value] of Object.entries(row.tags)) {
      tags.set(name, (tags.get(name) ?? new Set()).add(value));
    }
  }
}

function pathOf(workspace: string, what: string, parameters: Parameters): string {
  return `/workspaces/${encodeURIComponent(workspace)}/${what}${query(parameters)}`;
}

function filters({ text, state, tag, within }: IRunQuery): Parameters {
  const found: Parameters = {
    text: text.trim() || undefined,
    state: state || undefined,
    tag: tag.trim() === '' ? [] : [tag.trim()],
    without_tag: []
  };
  for (const { by, value } of within) {
    if (by.startsWith('tag:')) {
      const name = by.slice('tag:'.length);
      const key = value === null ? 'without_tag' : 'tag';
      found[key] = [...(found[key] ?? []), value === null ? name : `${name}=${value}`];
    } else if (value !== null) {
      // runs that are part of no other are what is listed anyway
      found[by] = value;
    }
  }
  return found;
}

function order({ order, reversed, metric }: IRunQuery, telling: string | undefined): Parameters {
  if (order === 'metric') {
    const name = metric || telling;
    if (name === undefined) {
      return {};
    }
    const statistic = bestStatistic(name);
    return { order: metricOrder(name), statistic, descending: String((statistic !== 'min') !== reversed) };
  }
  // names begin at their beginning, times at their end
  return { order, descending: String((order !== 'name') !== reversed) };
}

/** Return what a group is called. */
export function belongingName({ by, value, name }: Belonging, trans: TranslationBundle): string {
  if (by.startsWith('tag:')) {
    const tag = by.slice('tag:'.length);
    return value === null ? trans.__('without %1', tag) : `${tag}=${value}`;
  }
  if (by === 'parent') {
    return value === null
      ? trans.__('part of no other run')
      : trans.__('parts of %1', briefName(name ?? value, LONGEST_NAME));
  }
  return value ?? trans.__('none');
}

import type { IStateDB } from '@jupyterlab/statedb';
import {
  type ErrorDocument,
  type RunRow,
  type RunsDocument,
  TERMINAL,
  type Trouble
} from '../../../../widgets/src/documents';
import { Observed } from '../../../../widgets/src/model/observed';
import { telling } from '../../../../widgets/src/model/runs_model';
import { ServerClock } from '../../../../widgets/src/model/server_clock';
import { type Changes, Upkeep } from '../../../../widgets/src/model/upkeep';
import type { Connection, Disposer, Source } from '../../../../widgets/src/sources/source';
import type { Workspaces } from '../../workspaces';
import { groupKey, groupLines, type Line, type OpenGroup, runLine } from './list_lines';
import type { ListSelection } from './list_selection';
import { EVERYTHING, groupsPath, type IRunQuery, learn, type RunGroup, runsPath } from './run_query';
import { SelectedRuns } from './selected_runs';
import { Sparklines } from './sparklines';

/** Under which the order of the list is remembered. */
const KEY = 'jupyterlab-traindock:runs';
/** Rows of a page. With the groups and theirs, and the sections beside, the whole page has at most 200 rows. */
const PAGE = 50;
const GROUPS = 20;
/** Runs of a group that are shown in it; all of them are a filter away. */
const IN_GROUP = 15;
/** Groups that are open at once. */
const MOST_OPEN = 5;
/** Milliseconds after which metrics of runs that go on are asked for again: nothing tells of them. */
const REFRESH = 5000;

/** What a page of runs and one of groups tell besides them. */
type Page = Pick<RunsDocument, 'more' | 'trouble'>;

interface GroupsDocument extends Page {
  groups: RunGroup[];
}

/** The runs of the workspace that is looked at, a page or some groups of them, kept up to date while anybody looks. */
export class RunList extends Observed {
  /**
   * @param source - The server.
   * @param workspaces - Which workspace is looked at.
   * @param state - Where order and groups are kept; null where they are forgotten with the page.
   */
  constructor(
    readonly source: Source,
    readonly workspaces: Workspaces,
    private readonly state: IStateDB | null
  ) {
    super();
    this.sparklines = new Sparklines(source);
    this._upkeep = new Upkeep(source, {
      load: () => this._load(),
      take: changes => this._take(changes),
      changed: () => this._changed(),
      refused: ({ code }) => {
        if (code === 'workspace_not_found' || code === 'workspace_unreadable') {
          void workspaces.load();
        }
      },
      troubled: trouble => {
        this.trouble = trouble;
        this._changed();
      }
    });
  }

  query: IRunQuery = EVERYTHING;
  /** What the runs that are shown were asked for by: since then something else may have been chosen. */
  answered: IRunQuery = EVERYTHING;
  /** How many runs, or groups, are before those of this page. */
  offset = 0;
  /** Whether there are more behind these. */
  more = false;
  /** Whether it is known what there is. */
  told = false;
  /** Why no run goes on, for want of a dispatcher; null where they do. */
  trouble: Trouble | null = null;
  /** Those that are selected, also on other pages. */
  readonly chosen = new SelectedRuns();
  /** By which what runs take is counted on. */
  readonly clock = new ServerClock();
  /** Names of all metrics that were seen. */
  readonly metrics = new Set<string>();
  /** Names of all tags that were seen, with their values. */
  readonly tags = new Map<string, Set<string>>();
  readonly sparklines: Sparklines;

  /** Why it cannot be told. */
  get error(): ErrorDocument | null {
    return this._upkeep.error;
  }

  get connection(): Connection {
    return this._upkeep.connection;
  }

  /** The id of the workspace that is listed; null where there is none. */
  get workspace(): string | null {
    return this._workspace;
  }

  /** The metric by which runs are ordered if none is chosen. */
  get telling(): string | undefined {
    return telling([...this.metrics]);
  }

  /** The metric by which they are ordered; undefined where they are in another order. */
  get ordering(): string | undefined {
    return this.query.order === 'metric' ? this.query.metric || this.telling : undefined;
  }

  /** What is to be seen, in order. */
  get lines(): readonly Line[] {
    return this._lines;
  }

  /** The runs that are to be seen. */
  get rows(): readonly RunRow[] {
    return this._lines.flatMap(line => (line.kind === 'run' ? [line.row] : []));
  }

  /** Those that are selected, also where they are not to be seen: first those that are. */
  get selected(): readonly RunRow[] {
    return this.chosen.rows;
  }

  get selection(): ListSelection {
    return this.chosen.selection;
  }

  /** List other runs, or in another order; from the first page on. */
  ask(change: Partial<IRunQuery>): void {
    if (change.group !== undefined && change.group !== this.query.group) {
      this._open.clear();
      this._groups = [];
    }
    this.query = { ...this.query, ...change };
    this.offset = 0;
    this._remember();
    this._show();
    void this._upkeep.now();
  }

  /** Show the next page, or that before. */
  turn(pages: 1 | -1): void {
    this.offset = Math.max(0, this.offset + pages * (this.query.group === '' ? PAGE : GROUPS));
    this._open.clear();
    this._show();
    void this._upkeep.now();
  }

  /** Show the runs of a group, or no longer. The one that was opened first is closed where too many are open. */
  toggle(group: RunGroup, open: boolean): void {
    const key = groupKey(group);
    if (open && !this._open.has(key)) {
      this._open.set(key, { group, rows: null, more: false });
      const [first] = this._open.keys();
      if (this._open.size > MOST_OPEN && first !== undefined) {
        this._open.delete(first);
      }
      void this._upkeep.now();
    } else if (!open) {
      this._open.delete(key);
    }
    this._show();
  }

  /** List the runs of a group alone: it has more than are in sight. */
  enter({ value, name }: RunGroup): void {
    const { group, within } = this.query;
    this.ask({ group: '', within: [...within.filter(one => one.by !== group), { by: group, value, name }] });
  }

  /** Ask again for what is shown. */
  reload(): Promise<void> {
    return this._upkeep.now();
  }

  /** Tell all who look that something else is selected, or has the focus. */
  select(change: (selection: ListSelection) => void): void {
    this.chosen.select(change);
    this._changed();
  }

  protected _follow(): Disposer {
    let leave: Disposer | null = null;
    let gone = false;
    void this._recall().then(() => {
      leave = gone ? null : this.workspaces.each(id => this._enter(id));
    });
    const timer = setInterval(() => {
      if (!document.hidden && this.rows.some(row => !TERMINAL.has(row.state))) {
        this._upkeep.soon();
      }
    }, REFRESH);
    return () => {
      gone = true;
      leave?.();
      clearInterval(timer);
    };
  }

  /** Follow a workspace. */
  private _enter(id: string | null): Disposer | null {
    if (id !== this._workspace) {
      this._forget(id);
    }
    void this._check();
    return id === null ? null : this._upkeep.follow(id);
  }

  /** Learn what has become of selected runs that are not to be seen, where that was not told. */
  private async _check(): Promise<void> {
    if (this._workspace !== null && (await this.chosen.check(this.source, this._workspace))) {
      this._show();
    }
  }

  /** Know nothing: another workspace is listed. What was asked of the one before is none of this one's. */
  private _forget(id: string | null): void {
    if (this._workspace !== null) {
      const { group } = this.query;
      this.query = { ...this.query, text: '', state: '', tag: '', within: [], metric: '' };
      this.query = { ...this.query, group: group.startsWith('tag:') ? '' : group };
    }
    this._workspace = id;
    this.offset = 0;
    this.told = false;
    this._upkeep.clear();
    this.trouble = null;
    this._rows = [];
    this._groups = [];
    this._open.clear();
    this.sparklines.clear();
    this.metrics.clear();
    this.tags.clear();
    this.chosen.clear();
    this._show();
  }

  private _take({ runs, changed_runs: changed, gone, reload }: Changes): boolean {
    this._patch(runs, new Set(gone));
    if (reload) {
      void this._check();
    }
    return reload || changed.length + gone.length > 0;
  }

  /** Show at once what is new about runs that are in sight; whether they still belong there, the server says. */
  private _patch(changed: readonly RunRow[], gone: ReadonlySet<string>): void {
    const known = new Map(changed.map(row => [row.id, row]));
    const patched = (rows: readonly RunRow[]): RunRow[] =>
      rows.filter(row => !gone.has(row.id)).map(row => known.get(row.id) ?? row);
    this._rows = patched(this._rows);
    for (const open of this._open.values()) {
      open.rows = open.rows && patched(open.rows);
    }
    this.chosen.patch(changed, gone);
    this._show();
  }

  private async _load(): Promise<void> {
    const workspace = this._workspace;
    if (workspace !== null) {
      await (this.query.group === '' ? this._loadPage(workspace) : this._loadGroups(workspace));
    }
  }

  private async _loadPage(workspace: string): Promise<void> {
    const { query, offset } = this;
    const [answer] = await this._ordered(workspace, telling => [
      runsPath(workspace, query, telling, { limit: PAGE, offset })
    ]);
    if (answer !== undefined && workspace === this._workspace && query === this.query && offset === this.offset) {
      this._rows = answer.runs;
      this._answered(answer, answer.runs);
      this._leaveEmptyPage(answer.runs.length);
      await this._draw(workspace, answer.runs);
    }
  }

  private async _loadGroups(workspace: string): Promise<void> {
    const { query, offset } = this;
    const path = groupsPath(workspace, query, { limit: GROUPS, offset });
    const open = [...this._open.values()];
    const [found, members] = await Promise.all([
      this.source.request<GroupsDocument>(path),
      this._ordered(workspace, telling =>
        open.map(({ group }) => {
          const own = { ...query, within: [...query.within, { by: query.group, value: group.value }] };
          return runsPath(workspace, own, telling, { limit: IN_GROUP, offset: 0 });
        })
      )
    ]);
    if (workspace !== this._workspace || query !== this.query || offset !== this.offset) {
      return;
    }
    this._groups = found.groups;
    open.forEach((one, at) => {
      one.rows = members[at]?.runs ?? [];
      one.more = members[at]?.more ?? false;
    });
    const rows = members.flatMap(one => one.runs);
    this._answered(found, rows);
    this._leaveEmptyPage(found.groups.length);
    await this._draw(workspace, rows);
  }

  /** Show the page before where all that was on this one is gone. */
  private _leaveEmptyPage(left: number): void {
    if (left === 0 && this.offset > 0) {
      this.turn(-1);
    }
  }

  /**
   * Ask for runs; once more where only the answer tells by which metric they are to be ordered.
   *
   * @param paths - Returns the paths that are asked, given the metric that stands for those of each run.
   */
  private async _ordered(
    workspace: string,
    paths: (telling: string | undefined) => readonly string[]
  ): Promise<RunsDocument[]> {
    for (;;) {
      const asked = this.telling;
      const answers = await Promise.all(paths(asked).map(path => this.source.request<RunsDocument>(path)));
      if (workspace !== this._workspace) {
        return answers;
      }
      for (const { runs } of answers) {
        learn(runs, this.metrics, this.tags);
      }
      const { order, metric } = this.query;
      if (order !== 'metric' || metric !== '' || this.telling === asked) {
        return answers;
      }
    }
  }

  private _answered({ more, trouble }: Page, rows: readonly RunRow[]): void {
    for (const row of rows) {
      this.clock.learn(row);
    }
    this.more = more;
    this.told = true;
    this.answered = this.query;
    this._upkeep.clear();
    this.trouble = trouble === undefined ? this.trouble : trouble;
    this._show();
  }

  private async _draw(workspace: string, rows: readonly RunRow[]): Promise<void> {
    if (await this.sparklines.load(workspace, rows, this.query.metric)) {
      this._changed();
    }
  }

  /** Make lines of what is known, and tell. */
  private _show(): void {
    this._lines =
      this.query.group === ''
        ? this._rows.map(row => runLine(row, 1))
        : this._groups.flatMap(one => groupLines(one, this._open.get(groupKey(one))));
    this.chosen.look(this._lines);
    this._changed();
  }

  private _remember(): void {
    const { order, reversed, group } = this.query;
    void this.state?.save(KEY, { order, reversed, group });
  }

  private async _recall(): Promise<void> {
    if (!this._recalled) {
      const kept = (await this.state?.fetch(KEY).catch(() => undefined)) as Partial<IRunQuery> | undefined;
      if (typeof kept?.order === 'string' && typeof kept.group === 'string') {
        this.query = { ...this.query, order: kept.order, reversed: kept.reversed === true, group: kept.group };
      }
      this._recalled = true;
    }
  }

  private _workspace: string | null = null;
  private readonly _upkeep: Upkeep;
  private _rows: readonly RunRow[] = [];
  private _groups: readonly RunGroup[] = [];
  private readonly _open = new Map<string, OpenGroup>();
  private _lines: readonly Line[] = [];
  private _recalled = false;
}

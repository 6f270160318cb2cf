import type { ErrorDocument } from '../../../../widgets/src/documents';
import { Observed } from '../../../../widgets/src/model/observed';
import { Upkeep } from '../../../../widgets/src/model/upkeep';
import type { Connection, Disposer, Source } from '../../../../widgets/src/sources/source';
import type { Workspaces } from '../../workspaces';
import { ListSelection } from '../runs/list_selection';

/** Rows of a page. */
const PAGE = 25;

/** An experiment, and its runs in numbers, as the server tells it. */
export interface ExperimentRow {
  name: string;
  runs: number;
  unfinished: number;
  /** When the newest was submitted: ISO 8601, UTC. Null where there is none. */
  newest: string | null;
  archived: boolean;
}

/** Which experiments are listed, and in which order. */
export interface IExperimentQuery {
  /** What their name contains. */
  text: string;
  order: 'newest' | 'name' | 'runs';
  /** Whether those that are archived are listed, too. */
  archived: boolean;
}

/** The experiments of the workspace that is looked at, kept up to date while anybody looks. */
export class ExperimentList extends Observed {
  constructor(
    private readonly source: Source,
    readonly workspaces: Workspaces
  ) {
    super();
    this._upkeep = new Upkeep(source, {
      load: () => this._load(),
      take: ({ changed_runs: changed, gone, reload }) => reload || changed.length + gone.length > 0,
      changed: () => this._show()
    });
  }

  query: IExperimentQuery = { text: '', order: 'newest', archived: false };
  /** How many are before those of this page. */
  offset = 0;
  /** Whether it is known which there are. */
  told = false;
  readonly selection = new ListSelection();

  /** Why it cannot be told. */
  get error(): ErrorDocument | null {
    return this._upkeep.error;
  }

  get connection(): Connection {
    return this._upkeep.connection;
  }

  /** Those that are listed, on all pages. */
  get found(): readonly ExperimentRow[] {
    const { text, order } = this.query;
    const wanted = text.trim().toLowerCase();
    const found = this._all.filter(one => one.name.toLowerCase().includes(wanted));
    return order === 'newest'
      ? found.sort((one, other) => (other.newest ?? '').localeCompare(one.newest ?? ''))
      : order === 'runs'
        ? found.sort((one, other) => other.runs - one.runs)
        : found;
  }

  /** Those of this page. */
  get rows(): readonly ExperimentRow[] {
    return this.found.slice(this.offset, this.offset + PAGE);
  }

  /** Whether there are more behind these. */
  get more(): boolean {
    return this.found.length > this.offset + PAGE;
  }

  /** The one that is selected. */
  get selected(): ExperimentRow | undefined {
    return this.rows.find(row => this.selection.selected.has(row.name));
  }

  /** List others, or in another order; from the first page on. */
  ask(change: Partial<IExperimentQuery>): void {
    const again = change.archived !== undefined && change.archived !== this.query.archived;
    this.query = { ...this.query, ...change };
    this.offset = 0;
    this._show();
    if (again) {
      void this.reload();
    }
  }

  /** Show the next page, or that before. */
  turn(pages: 1 | -1): void {
    this.offset = Math.max(0, this.offset + pages * PAGE);
    this._show();
  }

  /** Tell all who look that another one is selected, or has the focus. */
  select(change: (selection: ListSelection) => void): void {
    change(this.selection);
    this._changed();
  }

  /** Ask which there are; while an answer is waited for, once more afterwards. */
  reload(): Promise<void> {
    return this._upkeep.now();
  }

  protected _follow(): Disposer {
    return this.workspaces.each(id => {
      if (id !== this._workspace) {
        this._forget(id);
      }
      return id === null ? null : this._upkeep.follow(id);
    });
  }

  /** Know nothing: another workspace is listed. What was asked of the one before is none of this one's. */
  private _forget(id: string | null): void {
    if (this._workspace !== null) {
      this.query = { ...this.query, text: '' };
    }
    this._workspace = id;
    this._all = [];
    this.told = false;
    this._upkeep.clear();
    this.offset = 0;
    this._show();
  }

  private async _load(): Promise<void> {
    const workspace = this._workspace;
    if (workspace === null) {
      return;
    }
    const { archived } = this.query;
    const { experiments } = await this.source.request<{ experiments: ExperimentRow[] }>(
      `/workspaces/${encodeURIComponent(workspace)}/experiments${archived ? '?archived=true' : ''}`
    );
    if (workspace === this._workspace) {
      this._all = experiments;
      this.told = true;
    }
  }

  private _show(): void {
    if (this.told) {
      // of a page on which nothing is left, the one before is shown
      const last = Math.max(0, Math.ceil(this.found.length / PAGE) - 1) * PAGE;
      this.offset = Math.min(this.offset, last);
    }
    const names = this.rows.map(row => row.name);
    this.selection.update(names, new Set(names));
    this._changed();
  }

  private _all: readonly ExperimentRow[] = [];
  private _workspace: string | null = null;
  private readonly _upkeep: Upkeep;
}

import type { RunDocument, RunRow } from '../../../../widgets/src/documents';
import { RequestError, runPath, type Source } from '../../../../widgets/src/sources/source';
import type { Line } from './list_lines';
import { ListSelection } from './list_selection';

/** Which runs are selected, those of other pages and groups included: what is done with them needs their rows. */
export class SelectedRuns {
  readonly selection = new ListSelection();

  /** Those that are selected: first those in sight, in their order. */
  get rows(): readonly RunRow[] {
    return [...this.shown, ...this.hidden];
  }

  /** Those of them that are in sight. */
  get shown(): readonly RunRow[] {
    return this._rows.filter(row => this.selection.selected.has(row.id));
  }

  /** Those of them that are out of sight. */
  get hidden(): readonly RunRow[] {
    const shown = new Set(this._rows.map(row => row.id));
    return [...this._known.values()].filter(row => !shown.has(row.id));
  }

  /** Look at other lines: what is selected stays so, wherever it is. */
  look(lines: readonly Line[]): void {
    this._rows = lines.flatMap(line => (line.kind === 'run' ? [line.row] : []));
    this.selection.update(
      lines.map(one => one.key),
      new Set(this._rows.map(row => row.id)),
      new Set(this._known.keys())
    );
    this._know();
  }

  /** Select something else, or move the focus. */
  select(change: (selection: ListSelection) => void): void {
    change(this.selection);
    this._know();
  }

  /** Take what is new about runs; those that are gone are selected no longer. */
  patch(changed: readonly RunRow[], gone: ReadonlySet<string>): void {
    for (const row of changed) {
      if (this._known.has(row.id)) {
        this._known.set(row.id, row);
      }
    }
    for (const id of gone) {
      this._known.delete(id);
    }
  }

  /** Select nothing: other runs are listed. */
  clear(): void {
    this.selection.clear();
    this._known.clear();
  }

  /**
   * Ask for those that are out of sight, of which news may have been missed.
   *
   * @returns Whether anything was learnt.
   */
  async check(source: Source, workspace: string): Promise<boolean> {
    const unsure = this.hidden;
    for (const row of unsure) {
      try {
        const { state, reason, detail, display_name, tags, started, ended, seconds } =
          await source.request<RunDocument>(runPath({ workspace, run: row.id }));
        const now = { ...row, state, reason, detail, display_name, tags, started, ended, seconds };
        this.patch([now], new Set());
      } catch (error) {
        if (!(error instanceof RequestError && error.code === 'run_not_found')) {
          break; // whoever lists the runs says why they cannot be told
        }
        this.patch([], new Set([row.id]));
      }
    }
    return unsure.length > 0;
  }

  /** Keep the rows of what is selected. */
  private _know(): void {
    const shown = new Map(this._rows.map(row => [row.id, row]));
    this._known = new Map(
      [...this.selection.selected].flatMap(id => {
        const row = shown.get(id) ?? this._known.get(id);
        return row === undefined ? [] : [[id, row] as const];
      })
    );
  }

  private _rows: readonly RunRow[] = [];
  private _known = new Map<string, RunRow>();
}

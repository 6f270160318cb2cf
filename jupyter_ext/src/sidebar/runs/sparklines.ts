import { type RunRow, TERMINAL, type WireNumber } from '../../../../widgets/src/documents';
import type { Source } from '../../../../widgets/src/sources/source';
import { sparklinesPath } from './run_query';

/** The last values of a metric, few enough to stand in a line. */
export interface Sparkline {
  metric: string;
  values: readonly WireNumber[];
  count: number;
}

/** The curves of runs in a list: those of runs that have ended are asked for once. */
export class Sparklines {
  constructor(private readonly source: Source) {}

  /** Return the curve of a run, if it is known and has values. */
  of(run: string): Sparkline | undefined {
    return this._found.get(run);
  }

  /** Know nothing. */
  clear(): void {
    this._found.clear();
    this._told.clear();
  }

  /**
   * Ask for what is missing, or may have grown.
   *
   * @param metric - Of which metric; "" for that one of each run that tells most.
   * @returns Whether anything was told.
   * @throws RequestError where it is refused, or nobody answers.
   */
  async load(workspace: string, rows: readonly RunRow[], metric: string): Promise<boolean> {
    const wanted = rows.filter(
      ({ id, state, metrics }) =>
        Object.keys(metrics).length > 0 && (!TERMINAL.has(state) || this._told.get(id) !== `${metric} ${state}`)
    );
    if (wanted.length === 0) {
      return false;
    }
    const ids = wanted.map(row => row.id);
    const path = sparklinesPath(workspace, ids, metric);
    const { sparklines } = await this.source.request<{ sparklines: Record<string, Sparkline> }>(path);
    for (const { id, state } of wanted) {
      const curve = sparklines[id];
      this._told.set(id, `${metric} ${state}`);
      if (curve === undefined) {
        this._found.delete(id);
      } else {
        this._found.set(id, curve);
      }
    }
    return true;
  }

  private readonly _found = new Map<string, Sparkline>();
  /** By run, of which metric its curve is, and the state in which it was told. */
  private readonly _told = new Map<string, string>();
}

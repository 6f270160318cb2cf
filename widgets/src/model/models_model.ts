import type { ErrorDocument, ModelRow } from '../documents';
import { type Connection, type Disposer, modelPath, query, type Source } from '../sources/source';
import { Observed } from './observed';
import { Upkeep } from './upkeep';

/** Rows of a page. */
const PAGE = 20;

/** Which models are listed, and in which order. */
export interface IModelsQuery {
  /** What is in their names; "" for any. */
  text: string;
  order: 'created' | 'name';
  offset: number;
}

/** A page of the registered models of a workspace, kept up to date while anybody looks at it. */
export class ModelsModel extends Observed {
  constructor(
    readonly source: Source,
    readonly workspace: string
  ) {
    super();
    this._upkeep = new Upkeep(source, {
      load: () => this._load(),
      take: ({ models = [] }) => models.length > 0,
      changed: () => this._changed()
    });
  }

  query: IModelsQuery = { text: '', order: 'created', offset: 0 };
  /** Null until it was told. */
  rows: readonly ModelRow[] | null = null;
  /** Whether there are more behind these. */
  more = false;

  /** Why they cannot be listed. */
  get error(): ErrorDocument | null {
    return this._upkeep.error;
  }

  get connection(): Connection {
    return this._upkeep.connection;
  }

  /** Show other models, or in another order; from the first page on, unless `change` says which. */
  ask(change: Partial<IModelsQuery>): void {
    this.query = { ...this.query, offset: 0, ...change };
    this._changed();
    void this.reload();
  }

  /** Show the next page, or that before. */
  turn(pages: 1 | -1): void {
    this.ask({ offset: Math.max(0, this.query.offset + pages * PAGE) });
  }

  /** Ask again for what is shown. */
  reload(): Promise<void> {
    return this._upkeep.now();
  }

  protected _follow(): Disposer {
    return this._upkeep.follow(this.workspace);
  }

  private async _load(): Promise<void> {
    const asked = this.query;
    const { text, order, offset } = asked;
    const path = modelPath(this.workspace, null, query({ name: text || undefined, order, limit: PAGE, offset }));
    const { models, more } = await this.source.request<{ models: ModelRow[]; more: boolean }>(path);
    if (asked !== this.query) {
      return; // others are asked for by now
    }
    this.rows = models;
    this.more = more;
    if (models.length === 0 && offset > 0) {
      this.turn(-1); // what was on this page is gone
    }
  }

  private readonly _upkeep: Upkeep;
}

import type { IStateDB } from '@jupyterlab/statedb';
import type { ErrorDocument } from '../../widgets/src/documents';
import { Asking } from '../../widgets/src/model/asking';
import { Observed } from '../../widgets/src/model/observed';
import { type Disposer, errorDocument, type Source } from '../../widgets/src/sources/source';

/** Under which the chosen workspace is remembered. */
const KEY = 'jupyterlab-traindock:workspace';

/** Milliseconds between two looks for workspaces that were made elsewhere. */
const REFRESH = 60_000;

/** A workspace as the server tells it. */
export interface WorkspaceDocument {
  id: string;
  name: string;
  /** Whether it is the one to show first. */
  default: boolean;
  /** How many runs it has; null while its index cannot be asked. */
  runs: number | null;
}

interface WorkspacesDocument {
  workspaces: WorkspaceDocument[];
  /** An older server does not tell. */
  default_name?: string | null;
}

/** The workspaces that the server may open, and the one that is looked at. */
export class Workspaces extends Observed {
  /**
   * @param source - The server.
   * @param state - Where the choice is kept; null where it is forgotten with the page.
   */
  constructor(
    private readonly source: Source,
    private readonly state: IStateDB | null
  ) {
    super();
  }

  /** Null until they were told. */
  all: readonly WorkspaceDocument[] | null = null;
  /** What the one is called that notebooks and commands use which name none; null where no name says that. */
  defaultName: string | null = null;
  /** Why they cannot be told. */
  error: ErrorDocument | null = null;

  /** The one that is looked at; null where there is none. */
  get current(): WorkspaceDocument | null {
    const all = this.all ?? [];
    return all.find(one => one.id === this._chosen) ?? all.find(one => one.default) ?? all[0] ?? null;
  }

  /** Look at another one from now on, on this page and those that are opened later. */
  choose(id: string): void {
    this._chosen = id;
    void this.state?.save(KEY, id);
    this._changed();
  }

  /**
   * Make one, and look at it.
   *
   * @throws RequestError where the name cannot be had.
   */
  async create(name: string): Promise<WorkspaceDocument> {
    const made = await this.source.request<WorkspaceDocument>('/workspaces', { method: 'POST', body: { name } });
    await this.load();
    this.choose(made.id);
    return made;
  }

  /** Ask which there are. */
  async load(): Promise<void> {
    await this._asking.now();
  }

  /**
   * Follow the one that is looked at, whichever that is.
   *
   * @param enter - Called with its id, now and whenever it is another one; null where there is none. What it returns
   *     ends what it began.
   */
  each(enter: (id: string | null) => Disposer | null): Disposer {
    let followed: string | null | undefined;
    let leave: Disposer | null = null;
    const look = (): void => {
      const id = this.current?.id ?? null;
      if (id !== followed) {
        leave?.();
        followed = id;
        leave = enter(id);
      }
    };
    const unobserve = this.observe(look);
    look();
    return () => {
      unobserve();
      leave?.();
    };
  }

  protected _follow(): Disposer {
    void this.load();
    const timer = setInterval(() => {
      // an extension that is not there comes with another server, which tells by its connection that it is up
      if (this.error?.code !== 'no_extension') {
        void this.load();
      }
    }, REFRESH);
    return () => {
      clearInterval(timer);
    };
  }

  private readonly _asking = new Asking(async () => {
    if (!this._remembered) {
      this._remembered = true;
      const kept = await this.state?.fetch(KEY).catch(() => undefined);
      this._chosen ??= typeof kept === 'string' ? kept : null;
    }
    try {
      const told = await this.source.request<WorkspacesDocument>('/workspaces');
      this.all = told.workspaces;
      this._chosen ??= this.current?.id ?? null; // one that is made elsewhere does not take its place
      this.defaultName = told.default_name ?? null;
      this.error = null;
    } catch (error) {
      this.error = errorDocument(error);
    }
    this._changed();
  });

  private _chosen: string | null = null;
  private _remembered = false;
}

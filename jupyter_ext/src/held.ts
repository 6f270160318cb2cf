import type { Workspaces } from './workspaces';

/** One model of a view for the workspace that is looked at: it outlasts the view, and goes with the workspace. */
export class Held<Model extends { readonly workspace: string }> {
  /** @param make - Makes one for a workspace, by its id. */
  constructor(
    private readonly workspaces: Workspaces,
    private readonly make: (workspace: string) => Model
  ) {}

  /** The one of the workspace that is looked at; null where there is none. */
  get current(): Model | null {
    const id = this.workspaces.current?.id;
    if (id === undefined) {
      this._model = null;
    } else if (this._model?.workspace !== id) {
      this._model = this.make(id);
    }
    return this._model;
  }

  private _model: Model | null = null;
}

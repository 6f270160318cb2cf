import type { ListMessage } from '../documents';
import type { Connection, Disposer, Source } from '../sources/source';
import { Observed } from './observed';

/** Whether something about a model has changed, here or elsewhere, while anybody looks at it. */
export class ModelNews extends Observed {
  constructor(
    readonly source: Source,
    readonly workspace: string,
    readonly name: string
  ) {
    super();
  }

  /** Grows with each change. */
  revision = 0;
  connection: Connection = 'connecting';

  /** Take note of a change that was made here. */
  changed(): void {
    this.revision++;
    this._changed();
  }

  protected _follow(): Disposer {
    return this.source.followList(this.workspace, {
      onMessage: message => {
        if (concerns(message, this.name)) {
          this.changed();
        }
      },
      onConnection: connection => {
        this.connection = connection;
        this._changed();
      }
    });
  }
}

/** Whether a message tells of a model, or of a run that is gone, of which it may be. */
function concerns({ error, changes }: ListMessage, name: string): boolean {
  if (error !== undefined || changes === undefined) {
    return changes === undefined && error === undefined; // the first one: what was asked for before it may be old
  }
  return changes.gone.length > 0 || changes.models?.includes(name) === true;
}

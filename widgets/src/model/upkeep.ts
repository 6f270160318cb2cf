import type { ErrorDocument, ListMessage, Trouble } from '../documents';
import { type Connection, type Disposer, errorDocument, type Source } from '../sources/source';
import { Asking } from './asking';

/** What has changed in a workspace. */
export type Changes = NonNullable<ListMessage['changes']>;

/** A list of things of a workspace, which its upkeep asks for. */
export interface IKept {
  /** Ask for it, and take the answer. */
  load(): Promise<void>;
  /** Take what is new; return whether it is to be asked for again. */
  take(changes: Changes): boolean;
  /** Tell all who look. */
  changed(): void;
  /** Learn why no news can be had. */
  refused?(error: ErrorDocument): void;
  /** Learn why no run goes on; null where they do. */
  troubled?(trouble: Trouble | null): void;
}

/** Keeps a list of things of a workspace up to date: asks for it, and again when something has changed. */
export class Upkeep {
  constructor(
    private readonly source: Source,
    private readonly kept: IKept
  ) {}

  /** Why it cannot be told; null once it was. */
  error: ErrorDocument | null = null;
  connection: Connection = 'connecting';

  /** Begin with a workspace; what is returned ends it. */
  follow(workspace: string): Disposer {
    let fresh = false;
    const stop = this.source.followList(workspace, {
      onMessage: message => {
        if (message.error !== undefined) {
          this._refuse(message.error);
          return;
        }
        const { changes, trouble } = message;
        if (trouble !== undefined) {
          this.kept.troubled?.(trouble);
        }
        const concerned = changes === undefined || this.kept.take(changes);
        if (!fresh || (changes === undefined && trouble === undefined)) {
          fresh = true; // what was asked for before may be old
          void this.now();
        } else if (concerned) {
          this.soon();
        }
      },
      onConnection: connection => {
        this.connection = connection;
        this.kept.changed();
        if (connection === 'connected' && this.error !== null) {
          this.soon();
        }
      }
    });
    return () => {
      stop();
      this._asking.stop();
    };
  }

  /** Ask at once, or when the answer that is waited for is here. */
  now(): Promise<void> {
    return this._asking.now();
  }

  /** Ask in a moment, once for all that changes until then. */
  soon(): void {
    this._asking.soon();
  }

  /** Forget why it could not be told. */
  clear(): void {
    this.error = null;
  }

  private _refuse(error: ErrorDocument): void {
    this.error = error;
    this.kept.changed();
    this.kept.refused?.(error);
  }

  private readonly _asking = new Asking(async () => {
    try {
      await this.kept.load();
      this.error = null;
    } catch (error) {
      this.error = errorDocument(error);
    }
    this.kept.changed();
  });
}

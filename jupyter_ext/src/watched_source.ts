import type { ErrorDocument } from '../../widgets/src/documents';
import type {
  Disposer,
  FollowedRun,
  IRequestOptions,
  Listener,
  ListListener,
  RunListener,
  Source
} from '../../widgets/src/sources/source';
import { RequestError } from '../../widgets/src/sources/source';

/** Errors after which the kernel that made an output may know what the server does not. */
const UNKNOWN = new Set(['no_extension', 'workspace_not_found', 'workspace_unreadable']);

/** A server, and whether it knows what one output shows. */
export class WatchedSource implements Source {
  /**
   * @param source - The server.
   * @param told - Called whenever it told something: with whether it knows what is shown.
   */
  constructor(
    private readonly source: Source,
    private readonly told: (known: boolean) => void
  ) {}

  get reach() {
    return this.source.reach;
  }

  follow(target: FollowedRun, listener: RunListener): Disposer {
    return this.source.follow(target, this._watched(listener));
  }

  followList(workspace: string, listener: ListListener): Disposer {
    return this.source.followList(workspace, this._watched(listener));
  }

  request<T>(path: string, options?: IRequestOptions): Promise<T> {
    return this.source.request<T>(path, options).catch(error => {
      if (error instanceof RequestError && UNKNOWN.has(error.code)) {
        this.told(false);
      }
      throw error;
    });
  }

  bytes(path: string, options?: IRequestOptions): Promise<ArrayBuffer> {
    return this.source.bytes(path, options);
  }

  address(path: string): string | null {
    return this.source.address(path);
  }

  private _watched<Message extends { error?: ErrorDocument }>(listener: Listener<Message>): Listener<Message> {
    return {
      onConnection: connection => {
        listener.onConnection(connection);
      },
      onMessage: message => {
        this.told(message.error === undefined || !UNKNOWN.has(message.error.code));
        listener.onMessage(message);
      }
    };
  }
}

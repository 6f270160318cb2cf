import type { ListMessage, RunMessage } from '../../widgets/src/documents';
import type {
  Disposer,
  FollowedRun,
  IRequestOptions,
  ListListener,
  RunListener,
  Source
} from '../../widgets/src/sources/source';

/** A source whose other end is the test. */
export class FakeSource implements Source {
  readonly reach = 'now';
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  /** What is answered, by the beginning of a path; what is a function may throw. */
  readonly answers = new Map<string, unknown>();
  readonly followed: FollowedRun[] = [];

  follow(target: FollowedRun, listener: RunListener): Disposer {
    this.followed.push(target);
    this._runs.set(target.run, listener);
    listener.onConnection('connected');
    return () => {
      this._runs.delete(target.run);
    };
  }

  followList(_: string, listener: ListListener): Disposer {
    this._list = listener;
    listener.onConnection('connected');
    return () => {
      this._list = undefined;
    };
  }

  async request<T>(path: string, _: IRequestOptions = {}): Promise<T> {
    return this._answer(path) as T;
  }

  async bytes(path: string, _: IRequestOptions = {}): Promise<ArrayBuffer> {
    const found = this._answer(path);
    return (typeof found === 'string' ? new TextEncoder().encode(found) : (found as Uint8Array)).buffer as ArrayBuffer;
  }

  address(): null {
    return null;
  }

  /** Tell those who follow a run. */
  tell(run: string, message: RunMessage): void {
    this._runs.get(run)?.onMessage(message);
  }

  /** Tell those who follow the list. */
  tellList(message: ListMessage): void {
    this._list?.onMessage(message);
  }

  /** Break the connection, or have it back. */
  connection(state: 'broken' | 'connected'): void {
    for (const listener of [...this._runs.values(), ...(this._list ? [this._list] : [])]) {
      listener.onConnection(state);
    }
  }

  private _answer(path: string): unknown {
    this.asked.push(path);
    const [, answer] = [...this.answers].filter(([start]) => path.startsWith(start)).pop() ?? [];
    if (answer === undefined) {
      throw new Error(`nothing is answered to ${path}`);
    }
    return typeof answer === 'function' ? answer(path) : answer;
  }

  private readonly _runs = new Map<string, RunListener>();
  private _list: ListListener | undefined;
}

import { nullTranslator } from '@jupyterlab/translation';
import type { ITraindock } from '../../jupyter_ext/src/tokens';
import { Versions } from '../../jupyter_ext/src/versions';
import { Workspaces } from '../../jupyter_ext/src/workspaces';
import type { ListMessage, RunMessage } from '../../widgets/src/documents';
import type { IWidgetModel } from '../../widgets/src/sources/kernel_source';
import type {
  Disposer,
  FollowedRun,
  IRequestOptions,
  ListListener,
  RunListener,
  Source
} from '../../widgets/src/sources/source';
import { UNTRANSLATED } from '../../widgets/src/translation';

// what a server's errors mean comes with the source that this one stands for
import '../../widgets/src/sources/server_source';

/** A source whose other end is the test. */
export class FakeSource implements Source {
  readonly reach = 'now';
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  /** What is answered, by the beginning of a path; what is a function may throw. */
  readonly answers = new Map<string, unknown>();
  readonly followed: FollowedRun[] = [];

  /** Whether the changes of a workspace are followed now: who does not follow them asks for nothing. */
  get isListFollowed(): boolean {
    return this._list !== undefined;
  }

  /** The runs that are followed now. */
  get following(): string[] {
    return [...this._runs.keys()];
  }

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
    const found = await this._answer(path);
    return (typeof found === 'string' ? new TextEncoder().encode(found) : (found as Uint8Array)).buffer as ArrayBuffer;
  }

  address(_: string): string | null {
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

/** A widget's model whose kernel is the test. */
export class FakeModel implements IWidgetModel {
  readonly traits: Record<string, unknown> = { _digest: {} };
  readonly sent: unknown[] = [];
  readonly handlers = new Map<string, ((...values: never[]) => void)[]>();

  get(name: string): unknown {
    return this.traits[name];
  }

  set(name: string, value: unknown): void {
    const changed = JSON.stringify(value) !== JSON.stringify(this.traits[name]);
    this.traits[name] = value;
    if (changed) {
      this._call(`change:${name}`); // as Backbone's models do, to whoever has set it, too
    }
  }

  save_changes(): void {}

  send(content: unknown): void {
    this.sent.push(content);
  }

  on(event: string, handler: (...values: never[]) => void): void {
    this.handlers.set(event, [...(this.handlers.get(event) ?? []), handler]);
  }

  off(event: string, handler: (...values: never[]) => void): void {
    this.handlers.set(
      event,
      (this.handlers.get(event) ?? []).filter(one => one !== handler)
    );
  }

  /** What was asked for, without what an answer has none of. */
  get questions(): { id: string; path: string }[] {
    const asked = this.sent as { kind: string; id: string; path: string }[];
    return asked.filter(one => one.kind === 'request').map(({ id, path }) => ({ id, path }));
  }

  news(name: string, number: number, detail: string): void {
    this._call('msg:custom', { kind: 'news', name, number, message: message(detail) }, []);
  }

  digest(names: Record<string, [number: number, detail: string] | null>): void {
    this.traits._digest = Object.fromEntries(
      Object.entries(names).map(([name, one]) => [
        name,
        one === null ? { number: 0 } : { number: one[0], message: message(one[1]) }
      ])
    );
    this._call('change:_digest');
  }

  answer(content: Record<string, unknown>, buffers: DataView[] = []): void {
    this._call('msg:custom', { kind: 'answer', ...content }, buffers);
  }

  /** As where the kernel is started again, or shut down. */
  end(event: 'comm:close' | 'comm_live_update' | 'destroy'): void {
    this._call(event);
  }

  private _call(event: string, ...values: unknown[]): void {
    for (const handler of this.handlers.get(event) ?? []) {
      handler(...(values as never[]));
    }
  }
}

function message(detail: string): RunMessage {
  return { error: { code: detail, message: '', advice: '' } };
}

/** What plugins share, with a source of the test's own. */
export function traindockOf(source: Source): ITraindock {
  return {
    source,
    versions: new Versions(UNTRANSLATED, '1'),
    workspaces: new Workspaces(source, null),
    trans: nullTranslator.load('')
  };
}

import type { ErrorDocument, ListMessage, RunMessage } from '../documents';
import {
  type Disposer,
  type FollowedRun,
  type IRequestOptions,
  type Listener,
  type ListListener,
  RequestError,
  type RunListener,
  type Source
} from './source';

/** What of anywidget's model is used. */
export interface IWidgetModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(event: string, handler: (...values: never[]) => void): void;
  off(event: string, handler: (...values: never[]) => void): void;
}

type News = RunMessage & ListMessage;

/** A message from the kernel: news of what is followed under a name, each with the next number, or an answer. */
type KernelMessage = { kind: 'news'; name: string; number: number; message: News } | Answer;

type Answer = { kind: 'answer'; id: string; body?: unknown; error?: ErrorDocument };

/** By name of what is followed, what stands for all news up to a number; no message until there were any. */
type Digest = Record<string, { number: number; message?: News }>;

interface IFollowed {
  name: string;
  listener: Listener<News>;
  /** Number of the last news that the listener has. */
  seen: number;
  /** Whether the kernel was asked for what stands for those that were missed. */
  asked: boolean;
}

/** What changes in the workspace has this name, which no run has. */
const LIST = '';

const SILENT: ErrorDocument = {
  code: 'kernel_unreachable',
  message: 'The kernel does not answer.',
  advice: 'Is it still running?'
};

/** What a widget's model tells of where its kernel ends, or is started again. */
const ENDINGS = ['comm:close', 'comm_live_update', 'destroy'];

/**
 * What a kernel tells and does over a widget's comm, for hosts that have no server of ours.
 *
 * News come at any time, from a thread of the kernel. What is asked for may have to wait until its cell ends.
 */
export class KernelSource implements Source {
  readonly reach = 'when the cell ends';

  constructor(private readonly model: IWidgetModel) {
    this.model.on('msg:custom', this._receive);
    this.model.on('change:_digest', this._catchUp);
    for (const event of ENDINGS) {
      this.model.on(event, this._giveUp);
    }
  }

  /** Whether its kernel has ended, or was started again, and knows nothing of the widget any more. */
  private _ended = false;

  follow(target: FollowedRun, listener: RunListener): Disposer {
    return this._follow(target.logs?.length === 0 ? `${target.run}/metrics` : target.run, listener);
  }

  followList(_: string, listener: ListListener): Disposer {
    return this._follow(LIST, listener);
  }

  async request<T>(path: string, options: IRequestOptions = {}): Promise<T> {
    const { body } = await this._ask(path, options);
    return body as T;
  }

  async bytes(path: string, options: IRequestOptions = {}): Promise<ArrayBuffer> {
    const { buffers } = await this._ask(path, options);
    const [data] = buffers;
    return data === undefined
      ? new ArrayBuffer(0)
      : (data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer);
  }

  address(): null {
    return null;
  }

  /** End it: nothing is told any more. */
  dispose(): void {
    this.model.off('msg:custom', this._receive);
    this.model.off('change:_digest', this._catchUp);
    for (const event of ENDINGS) {
      this.model.off(event, this._giveUp);
    }
    this._followed.clear();
  }

  private _follow(name: string, listener: Listener<News>): Disposer {
    const followed: IFollowed = { name, listener, seen: 0, asked: false };
    this._followed.add(followed);
    listener.onConnection(this._ended ? 'broken' : 'connected');
    if (name in this._digest()) {
      this._take(followed);
    } else {
      this._missing(followed);
    }
    return () => {
      this._followed.delete(followed);
    };
  }

  /** Ask, and wait as long as there is a kernel: it answers once its cell ends, however long that takes. */
  private _ask(path: string, options: IRequestOptions): Promise<{ body: unknown; buffers: DataView[] }> {
    const id = `${this._own}${++this._count}`;
    return new Promise((resolve, reject) => {
      this._waiting.set(id, (message, buffers) => {
        if (message.error !== undefined) {
          reject(new RequestError(message.error.code, message.error.message, message.error.advice));
        } else {
          resolve({ body: message.body, buffers });
        }
      });
      this.model.send({
        kind: 'request',
        id,
        path,
        method: options.method ?? 'GET',
        body: options.body ?? null,
        headers: options.headers ?? {}
      });
    });
  }

  private readonly _receive = (content: unknown, buffers: DataView[]): void => {
    const message = content as KernelMessage;
    this._end(false);
    if (message.kind === 'news') {
      for (const followed of [...this._followed].filter(one => one.name === message.name)) {
        if (message.number === followed.seen + 1) {
          followed.seen = message.number;
          followed.listener.onMessage(message.message);
        } else if (message.number > followed.seen) {
          // Some were missed while the page got ready.
          this._missing(followed);
        }
      }
    } else if (message.kind === 'answer') {
      this._settle(message, buffers);
    }
  };

  private _settle(message: Answer, buffers: DataView[]): void {
    const answer = this._waiting.get(message.id);
    this._waiting.delete(message.id);
    answer?.(message, buffers);
  }

  /** Have the kernel send what stands for all news: when it can, unless it does by itself before. */
  private _missing(followed: IFollowed): void {
    if (!followed.asked) {
      followed.asked = true;
      this.model.send({ kind: 'follow', name: followed.name });
    }
  }

  /** Tell all that nothing more comes, and those who wait for an answer that there will be none. */
  private readonly _giveUp = (): void => {
    for (const id of [...this._waiting.keys()]) {
      this._settle({ kind: 'answer', id, error: SILENT }, []);
    }
    this._end(true);
  };

  private _end(ended: boolean): void {
    if (this._ended !== ended) {
      this._ended = ended;
      for (const { listener } of [...this._followed]) {
        listener.onConnection(ended ? 'broken' : 'connected');
      }
    }
  }

  private readonly _catchUp = (): void => {
    for (const followed of [...this._followed]) {
      this._take(followed);
    }
  };

  /** Tell a listener what stands for all news, unless it has them. */
  private _take(followed: IFollowed): void {
    const { number = 0, message } = this._digest()[followed.name] ?? {};
    if (message !== undefined && number > followed.seen) {
      followed.seen = number;
      followed.asked = false;
      followed.listener.onMessage({ ...message, whole: true });
    }
  }

  private _digest(): Digest {
    return (this.model.get('_digest') ?? {}) as Digest;
  }

  /** Tells its questions from those of other views of the same widget, which hear all answers. */
  private readonly _own = `${Math.random().toString(36).slice(2)}-`;
  private _count = 0;
  private readonly _followed = new Set<IFollowed>();
  private readonly _waiting = new Map<string, (message: Answer, buffers: DataView[]) => void>();
}

import type { ErrorDocument, RunMessage } from '../documents';
import {
  type Disposer,
  type IRequestOptions,
  RequestError,
  type RunListener,
  type RunTarget,
  type Source
} from './source';

/** What of anywidget's model is used. */
export interface IWidgetModel {
  get(name: string): unknown;
  send(content: unknown): void;
  on(event: string, handler: (...values: never[]) => void): void;
  off(event: string, handler: (...values: never[]) => void): void;
}

/** A message from the kernel: news of the run, each with the next number, or the answer to a request. */
type KernelMessage =
  | { kind: 'news'; number: number; message: RunMessage }
  | { kind: 'answer'; id: number; body?: unknown; error?: ErrorDocument };

/** What stands for all news up to a number; empty until there were any. */
interface IDigest {
  number?: number;
  message?: RunMessage;
}

/** Milliseconds after which a kernel that says nothing is taken for dead, where nothing waits for its cell to end. */
const PATIENCE = 600_000;

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
  }

  follow(_: RunTarget, listener: RunListener): Disposer {
    this._listener = listener;
    this._seen = 0;
    listener.onConnection('connected');
    this._catchUp();
    return () => {
      this._listener = null;
    };
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
    this._listener = null;
  }

  private _ask(path: string, options: IRequestOptions): Promise<{ body: unknown; buffers: DataView[] }> {
    const id = ++this._count;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this._waiting.delete(id);
        reject(new RequestError('unreachable', 'The kernel does not answer.', 'Is it still running?'));
      }, PATIENCE);
      this._waiting.set(id, (message, buffers) => {
        clearTimeout(timer);
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
    if (message.kind === 'news') {
      if (message.number === this._seen + 1) {
        this._seen = message.number;
        this._listener?.onMessage(message.message);
      } else if (message.number > this._seen && !this._asked) {
        // Some were missed while the page got ready. The kernel sends what stands for them when it can, and by itself later.
        this._asked = true;
        this.model.send({ kind: 'follow' });
      }
    } else if (message.kind === 'answer') {
      const answer = this._waiting.get(message.id);
      this._waiting.delete(message.id);
      answer?.(message, buffers);
    }
  };

  /** Take what stands for all news, unless all of it has been seen. */
  private readonly _catchUp = (): void => {
    const { number = 0, message } = (this.model.get('_digest') ?? {}) as IDigest;
    if (message !== undefined && number > this._seen) {
      this._seen = number;
      this._asked = false;
      this._listener?.onMessage({ ...message, whole: true });
    }
  };

  private _count = 0;
  private _seen = 0;
  private _asked = false;
  private _listener: RunListener | null = null;
  private readonly _waiting = new Map<
    number,
    (message: KernelMessage & { kind: 'answer' }, buffers: DataView[]) => void
  >();
}

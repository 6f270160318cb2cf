import type { ListMessage, RunMessage } from '../documents';
import type { Disposer, FollowedRun, Listener } from './source';

/** First and longest wait before a broken connection is tried again, in milliseconds. */
const FIRST_WAIT = 250;
const LONGEST_WAIT = 15_000;

/** Codes of errors of a server that has no room just now: nobody is told of them, as nothing is wrong with what is followed. */
const PASSING = new Set(['too_many', 'unavailable']);
/** Codes of errors that no waiting mends. */
const LASTING = new Set(['invalid_request', 'forbidden']);

/** A run, or a workspace for its lists. */
type Subject = FollowedRun | { workspace: string };

type LiveMessage = RunMessage & ListMessage;

interface IFollowed {
  subject: Subject;
  listener: Listener<LiveMessage>;
  cursor: string | null;
  /** Whether nothing more of it is waited for. */
  done: boolean;
  /** Whether nothing can be told of it any more; a run that has ended may still be deleted. */
  lost: boolean;
  /** How often it was refused since it was last told of: it is asked for again later. */
  refusals: number;
  timer?: ReturnType<typeof setTimeout>;
}

/**
 * One websocket, over which a page follows all that it shows.
 *
 * It is opened with the first that is followed and closed with the last. Where it breaks it is opened again, and all that
 * is followed goes on at its last cursor, so that nothing is lost or comes twice.
 */
export class LiveConnection {
  /**
   * @param open - Opens a websocket to the API's `/live`.
   * @param opened - Called when one is open.
   */
  constructor(
    private readonly open: () => WebSocket,
    private readonly opened: () => void = () => undefined
  ) {}

  /** Follow a run from its beginning, or what changes in a workspace from now on. */
  follow(subject: Subject, listener: Listener<LiveMessage>): Disposer {
    const name = `${++this._count}`;
    this._followed.set(name, { subject, listener, cursor: null, done: false, lost: false, refusals: 0 });
    if (this._socket?.readyState === WebSocket.OPEN) {
      listener.onConnection('connected');
      this._subscribe(name);
    } else {
      listener.onConnection('connecting');
      this._connect();
    }
    return () => {
      clearTimeout(this._followed.get(name)?.timer);
      if (!this._followed.delete(name)) {
        return;
      }
      this._send({ unsubscribe: name });
      this._closeIfIdle();
    };
  }

  private _connect(): void {
    if (this._socket !== null || this._timer !== undefined) {
      return;
    }
    let socket: WebSocket;
    try {
      socket = this.open();
    } catch {
      this._retry();
      return;
    }
    this._socket = socket;
    socket.onopen = () => {
      this._failures = 0;
      this.opened();
      for (const [name, followed] of this._followed) {
        clearTimeout(followed.timer);
        followed.refusals = 0;
        followed.listener.onConnection('connected');
        this._subscribe(name);
      }
    };
    socket.onmessage = event => {
      this._receive(String(event.data));
    };
    socket.onclose = () => {
      if (this._socket === socket) {
        this._socket = null;
        this._retry();
      }
    };
  }

  /** Wait for longer and longer, and not all pages for equally long, and try again. */
  private _retry(): void {
    if (this._unfinished().length === 0) {
      return;
    }
    for (const followed of this._unfinished()) {
      followed.listener.onConnection('broken');
    }
    const wait = Math.min(FIRST_WAIT * 2 ** this._failures++, LONGEST_WAIT);
    this._timer = setTimeout(
      () => {
        this._timer = undefined;
        this._connect();
      },
      wait * (0.5 + Math.random() / 2)
    );
  }

  private _receive(text: string): void {
    const message = JSON.parse(text) as LiveMessage & { name: string | null };
    const followed = message.name === null ? undefined : this._followed.get(message.name);
    if (followed === undefined) {
      return;
    }
    if (message.error !== undefined) {
      this._refuse(followed, message.name as string, message);
      return;
    }
    if (followed.refusals > 0) {
      followed.refusals = 0;
      followed.listener.onConnection('connected');
    }
    followed.cursor = message.cursor ?? followed.cursor;
    followed.done = followed.done || message.run !== undefined;
    followed.listener.onMessage(message);
  }

  /** Tell why nothing more comes, and ask again later where that can help: a disk may be away for a moment. */
  private _refuse(followed: IFollowed, name: string, message: LiveMessage): void {
    const code = message.error?.code ?? '';
    const passing = PASSING.has(code);
    // A run that was never there may only not be seen yet, on a disk that several hosts share.
    followed.lost = LASTING.has(code) || (code === 'run_not_found' && followed.cursor !== null);
    followed.done ||= followed.lost;
    if (!followed.lost) {
      const wait = passing ? LONGEST_WAIT : Math.min(FIRST_WAIT * 2 ** followed.refusals, LONGEST_WAIT);
      followed.refusals++;
      clearTimeout(followed.timer);
      followed.timer = setTimeout(() => {
        this._subscribe(name);
      }, wait);
    }
    if (passing) {
      followed.listener.onConnection('broken');
    } else {
      followed.listener.onMessage(message);
    }
  }

  private _subscribe(name: string): void {
    const followed = this._followed.get(name);
    if (followed !== undefined && !followed.lost) {
      this._send({ subscribe: name, to: { ...followed.subject, cursor: followed.cursor } });
    }
  }

  private _send(request: unknown): void {
    if (this._socket?.readyState === WebSocket.OPEN) {
      this._socket.send(JSON.stringify(request));
    }
  }

  private _unfinished(): IFollowed[] {
    return [...this._followed.values()].filter(followed => !followed.done);
  }

  private _closeIfIdle(): void {
    if (this._followed.size > 0) {
      return;
    }
    clearTimeout(this._timer);
    this._timer = undefined;
    const socket = this._socket;
    this._socket = null;
    socket?.close();
  }

  private _count = 0;
  private _failures = 0;
  private _socket: WebSocket | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private readonly _followed = new Map<string, IFollowed>();
}

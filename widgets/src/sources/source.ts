import type { ErrorDocument, ListMessage, RunMessage } from '../documents';

/** A run, by ids alone: what an output of a notebook may name. */
export interface RunTarget {
  workspace: string;
  run: string;
}

/** A run, and what of it is followed. */
export interface FollowedRun extends RunTarget {
  /** Names of its logs; all where they are left out. */
  logs?: readonly string[];
  /** Whether what its job uses is followed; yes where it is left out. */
  resources?: boolean;
}

/** Ends what it was returned by. May be called more than once. */
export type Disposer = () => void;

/** How soon something that a person asks for is done. */
export type Reach =
  /** At once. */
  | 'now'
  /** When the kernel is idle: its cell may have to end first. */
  | 'when the cell ends'
  /** Nothing can be changed from here. */
  | 'never';

/** The state of a source's connection. */
export type Connection = 'connecting' | 'connected' | 'broken';

/** What a source tells those who follow something. */
export interface Listener<Message> {
  /** Something is new. */
  onMessage(message: Message): void;
  /** The connection has come up or broken down; what is missed meanwhile comes later. */
  onConnection(connection: Connection): void;
}

export type RunListener = Listener<RunMessage>;
export type ListListener = Listener<ListMessage>;

/**
 * Where views get what they show: a Jupyter server, or a kernel.
 *
 * Both speak the same API. Requests are paths below `/traindock/api`, answers its documents.
 */
export interface Source {
  /** How soon a request that changes something is carried out. */
  readonly reach: Reach;

  /** Follow a run from its beginning until it is disposed of, over broken connections. */
  follow(target: FollowedRun, listener: RunListener): Disposer;

  /**
   * Follow what changes in a workspace, from now on, over broken connections.
   *
   * The first message comes before anything has changed: what is asked for then lacks nothing that is told later.
   */
  followList(workspace: string, listener: ListListener): Disposer;

  /**
   * Ask for something.
   *
   * @param path - Below the API, such as `/workspaces/…/runs/…/cancel`.
   * @throws RequestError where it is refused, or nobody answers.
   */
  request<T>(path: string, options?: IRequestOptions): Promise<T>;

  /**
   * Ask for bytes.
   *
   * @throws RequestError where it is refused, or nobody answers.
   */
  bytes(path: string, options?: IRequestOptions): Promise<ArrayBuffer>;

  /** Return the address at which a browser finds what `path` names; null where there is none. */
  address(path: string): string | null;
}

/** What goes with a request. */
export interface IRequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Sent as JSON. */
  body?: unknown;
  /** Ends the wait for an answer. */
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

/** A request was refused, or nobody answered it. */
export class RequestError extends Error {
  /**
   * @param code - As in the API's errors; `unreachable` where nobody answered.
   * @param message - What is wrong.
   * @param advice - What to do next.
   * @param status - The status of HTTP; 0 where nobody answered.
   */
  constructor(
    readonly code: string,
    message: string,
    readonly advice = '',
    readonly status = 0
  ) {
    super(message);
    this.name = 'RequestError';
  }
}

/** Return an error as the API's own are told, whatever it is. */
export function errorDocument(error: unknown): ErrorDocument {
  const known = error instanceof RequestError;
  return {
    code: known ? error.code : 'unexpected',
    message: error instanceof Error ? error.message : String(error),
    advice: known ? error.advice : ''
  };
}

/** Return the path of a run in the API. */
export function runPath(target: RunTarget, rest = ''): string {
  return `/workspaces/${encodeURIComponent(target.workspace)}/runs/${encodeURIComponent(target.run)}${rest}`;
}

/** Return the path of a model in the API, or without a name that of all models. */
export function modelPath(workspace: string, name: string | null, rest = ''): string {
  const model = name === null ? '' : `/${encodeURIComponent(name)}`;
  return `/workspaces/${encodeURIComponent(workspace)}/models${model}${rest}`;
}

/** Return a query such as `?name=loss&name=accuracy`; what is undefined is left out. */
export function query(parameters: Record<string, string | number | readonly string[] | undefined>): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (Array.isArray(value)) {
      value.forEach(one => {
        found.append(name, one);
      });
    } else if (value !== undefined) {
      found.append(name, String(value));
    }
  }
  const text = found.toString();
  return text ? `?${text}` : '';
}

import type { ErrorDocument } from '../documents';
import { addWords } from '../problems';
import { LiveConnection } from './live';
import {
  type Disposer,
  type FollowedRun,
  type IRequestOptions,
  type ListListener,
  RequestError,
  type RunListener,
  type Source
} from './source';

addWords({
  workspace_not_found: trans =>
    trans.__(
      'This Jupyter server does not know the workspace of this run: it is of another user or machine, or was moved. ' +
        'Open it once where the server runs, in Python: %1.',
      'Workspace("its folder")'
    ),
  unreachable: trans => trans.__('The Jupyter server does not answer. Is it still running?'),
  no_extension: trans =>
    trans.__(
      'This Jupyter server has not got the extension of Traindock. ' +
        'Install Traindock where the server runs, and start the server again.'
    )
});

/** How a page talks to its Jupyter server, with all that signing in takes. */
export interface IServerAccess {
  /** Where the API is, without a slash at its end: `https://hub/user/ann/traindock/api`. */
  readonly api: string;
  /** As the browser's own, with the server's token and cookies added. */
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Open a websocket at an address below `api`, such as `/live`. */
  webSocket(path: string): WebSocket;
}

/** What a Jupyter server with Traindock's extension tells and does. */
export class ServerSource implements Source {
  readonly reach = 'now';

  /**
   * @param access - How to reach it.
   * @param reached - Called when its websocket has come up, for the first time or again: it may be another one then.
   */
  constructor(
    private readonly access: IServerAccess,
    reached: () => void = () => undefined
  ) {
    this._live = new LiveConnection(() => access.webSocket('/live'), reached);
  }

  follow(target: FollowedRun, listener: RunListener): Disposer {
    return this._live.follow(target, listener);
  }

  followList(workspace: string, listener: ListListener): Disposer {
    return this._live.follow({ workspace }, listener);
  }

  async request<T>(path: string, options: IRequestOptions = {}): Promise<T> {
    const response = await this._ask(path, options);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  async bytes(path: string, options: IRequestOptions = {}): Promise<ArrayBuffer> {
    const response = await this._ask(path, options);
    return response.arrayBuffer();
  }

  address(path: string): string {
    return this.access.api + path;
  }

  private async _ask(path: string, options: IRequestOptions): Promise<Response> {
    const headers: Record<string, string> = { ...options.headers };
    if (options.body !== undefined) {
      headers['Content-Type'] = 'application/json';
    }
    let response: Response;
    try {
      response = await this.access.fetch(this.access.api + path, {
        method: options.method ?? 'GET',
        headers,
        body: options.body === undefined ? undefined : JSON.stringify(options.body),
        signal: options.signal
      });
    } catch (error) {
      if (options.signal?.aborted) {
        throw error;
      }
      throw new RequestError('unreachable', 'The Jupyter server does not answer.', 'Is it still running?');
    }
    if (!response.ok) {
      throw await refusal(response);
    }
    return response;
  }

  private readonly _live: LiveConnection;
}

/** Return why a request was refused, as the API says it, or else as its status does. */
async function refusal(response: Response): Promise<RequestError> {
  try {
    const { code, message, advice } = (await response.json()) as ErrorDocument;
    if (typeof code === 'string' && typeof message === 'string') {
      return new RequestError(code, message, advice ?? '', response.status);
    }
  } catch {
    // Not from the API: a proxy's page, say, or that of a server that has not got the extension.
  }
  return response.status === 404
    ? new RequestError(
        'no_extension',
        'This Jupyter server has not got the extension of Traindock.',
        'Install Traindock where the server runs, and start the server again.',
        404
      )
    : new RequestError('refused', `The server refused with status ${response.status}.`, '', response.status);
}

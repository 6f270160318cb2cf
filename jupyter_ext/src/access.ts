import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { IServerAccess } from '../../widgets/src/sources/server_source';

/** Reach the server's API as JupyterLab reaches its own: with its base URL, token, cookies and XSRF header. */
export function serverAccess(settings: ServerConnection.ISettings): IServerAccess {
  return {
    api: URLExt.join(settings.baseUrl, 'traindock', 'api'),
    fetch: (url, init) => ServerConnection.makeRequest(url, init, settings),
    webSocket: path => {
      const url = URLExt.join(settings.wsUrl, 'traindock', 'api', path);
      const token = settings.appendToken && settings.token !== '' ? `?token=${encodeURIComponent(settings.token)}` : '';
      return new settings.WebSocket(url + token);
    }
  };
}

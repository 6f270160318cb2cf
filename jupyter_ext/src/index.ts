import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ServerSource } from '../../widgets/src/sources/server_source';
import { serverAccess } from './access';
import { cardFactory } from './renderer';

/** Lower ranks are preferred: that of ipywidgets is -10, and its view needs a kernel. */
const RANK = -20;

/** Draws cards of runs in notebooks, from the server. */
const cards: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-traindock:cards',
  description: 'Draws the cards of runs in notebooks.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  activate: (app: JupyterFrontEnd, registry: IRenderMimeRegistry) => {
    const source = new ServerSource(serverAccess(app.serviceManager.serverSettings));
    const host = {
      openFolder: (path: string) => {
        void app.commands.execute('filebrowser:open-path', { path });
      }
    };
    registry.addFactory(cardFactory(source, host), RANK);
  }
};

export default [cards];

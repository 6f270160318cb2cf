import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Kernel } from '@jupyterlab/services';
import { ServerSource } from '../../widgets/src/sources/server_source';
import { serverAccess } from './access';
import { cardFactory } from './renderer';
import { Tabs } from './tabs';
import { Versions } from './versions';

/** Lower ranks are preferred: that of ipywidgets is -10, and its view needs a kernel. */
const RANK = -20;

/** Draws cards of runs in notebooks, from the server. */
const cards: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-traindock:cards',
  description: 'Draws the cards of runs in notebooks.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [IEditorServices],
  activate: (app: JupyterFrontEnd, registry: IRenderMimeRegistry, editors: IEditorServices | null) => {
    const versions = new Versions();
    const source: ServerSource = new ServerSource(serverAccess(app.serviceManager.serverSettings), () => {
      void versions.check(source);
    });
    const tabs = new Tabs(app, source, versions, editors);
    registry.addFactory(
      cardFactory(node => ({ source, versions, host: tabs.host, kernel: () => kernelOf(app, node) })),
      RANK
    );
  }
};

/** Return the kernel of the notebook or console that a node of the page is in. */
function kernelOf(app: JupyterFrontEnd, node: HTMLElement): Kernel.IKernelConnection | null {
  for (const widget of app.shell.widgets('main')) {
    if (widget.node.contains(node)) {
      const { sessionContext } = widget as {
        sessionContext?: { session: { kernel: Kernel.IKernelConnection | null } | null };
      };
      return sessionContext?.session?.kernel ?? null;
    }
  }
  return null;
}

export default [cards];

import { ILabShell, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { ISessionContext } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ServerSource } from '../../widgets/src/sources/server_source';
import { serverAccess } from './access';
import type { IKernels } from './kernel_selection';
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
  optional: [IEditorServices, ILabShell],
  activate: (
    app: JupyterFrontEnd,
    registry: IRenderMimeRegistry,
    editors: IEditorServices | null,
    lab: ILabShell | null
  ) => {
    const versions = new Versions();
    const source: ServerSource = new ServerSource(serverAccess(app.serviceManager.serverSettings), () => {
      void versions.check(source);
    });
    const tabs = new Tabs(lab === null ? 'right' : 'main', app, source, versions, editors);
    registry.addFactory(
      cardFactory(node => ({ source, versions, host: tabs.host, kernels: kernelsOf(app, node) })),
      RANK
    );
  }
};

/** Return the kernels of the notebook or console that a node of the page is in. */
function kernelsOf(app: JupyterFrontEnd, node: HTMLElement): IKernels {
  const context = (): ISessionContext | undefined => {
    for (const widget of app.shell.widgets('main')) {
      if (widget.node.contains(node)) {
        return (widget as { sessionContext?: ISessionContext }).sessionContext;
      }
    }
    return undefined;
  };
  return {
    current: () => context()?.session?.kernel ?? null,
    observe: listener => {
      const changed = context()?.kernelChanged;
      changed?.connect(listener);
      return () => {
        changed?.disconnect(listener);
      };
    }
  };
}

export default [cards];

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { ISessionContext } from '@jupyterlab/apputils';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IKernels } from '../kernel_selection';
import { cardFactory } from '../renderer';
import { ITabs, ITraindock } from '../tokens';

/** Lower ranks are preferred: that of ipywidgets is -10, and its view needs a kernel. */
const RANK = -20;

/** Draws cards of runs in notebooks, from the server. */
export const cards: JupyterFrontEndPlugin<void> = {
  id: 'jupyterlab-traindock:cards',
  description: 'Draws the cards of runs in notebooks.',
  autoStart: true,
  requires: [IRenderMimeRegistry, ITraindock, ITabs],
  activate: (app: JupyterFrontEnd, registry: IRenderMimeRegistry, traindock: ITraindock, tabs: ITabs) => {
    const { source, versions, trans } = traindock;
    registry.addFactory(
      cardFactory(node => ({ source, versions, trans, host: tabs.host, kernels: kernelsOf(app, node) })),
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

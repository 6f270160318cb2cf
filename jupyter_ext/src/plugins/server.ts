import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ServerSource } from '../../../widgets/src/sources/server_source';
import { serverAccess } from '../access';
import { ITraindock } from '../tokens';
import { Versions } from '../versions';
import { Workspaces } from '../workspaces';

/** What Jupyter's event system is told where a kernel or a command has made a workspace. */
const WORKSPACE_DISCOVERY = 'urn:traindock:event:workspace_discovery:v1';

/** Knows the Jupyter server: all that Traindock shows on a page comes over one connection. */
export const server: JupyterFrontEndPlugin<ITraindock> = {
  id: 'jupyterlab-traindock:server',
  description: 'Connects the page with the Jupyter server’s extension of Traindock.',
  autoStart: true,
  provides: ITraindock,
  optional: [IStateDB, ITranslator],
  activate: (app: JupyterFrontEnd, state: IStateDB | null, translator: ITranslator | null): ITraindock => {
    const trans = (translator ?? nullTranslator).load('jupyterlab_traindock');
    const versions = new Versions(trans);
    const source: ServerSource = new ServerSource(serverAccess(app.serviceManager.serverSettings), () => {
      void versions.check(source);
      if (workspaces.all !== null) {
        void workspaces.load();
      }
    });
    const workspaces = new Workspaces(source, state);
    app.serviceManager.events.stream.connect((_, { schema_id }) => {
      if (schema_id === WORKSPACE_DISCOVERY) {
        void workspaces.load();
      }
    });
    return { source, versions, workspaces, trans };
  }
};

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';
import { render } from 'preact';
import { RunModel } from '../../widgets/src/model/run_model';
import type { RunTarget, Source } from '../../widgets/src/sources/source';
import { RunCard } from '../../widgets/src/views/card';
import type { IHost } from '../../widgets/src/views/header';

/** The type of an output that is a run's card; its data is constant, and its metadata has the ids. */
export const RUN_CARD = 'application/vnd.traindock.run+json';

/** The newest version of such outputs that this renderer knows. */
const VERSION = 1;

const WORKSPACE = /^[0-9a-f]{32}$/;
const RUN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$/;

/** Return the run that an output names, or why it names none. Nothing but ids of the right form is ever taken from it. */
export function targetOf(model: IRenderMime.IMimeModel): RunTarget | string {
  const data = model.data[RUN_CARD] as { version?: unknown } | undefined;
  if (typeof data?.version !== 'number' || data.version > VERSION) {
    return 'This card was made by a newer version of Traindock. Update Traindock on this Jupyter server to see it.';
  }
  const ids = model.metadata[RUN_CARD] as { workspace?: unknown; run?: unknown } | undefined;
  const { workspace, run } = ids ?? {};
  return typeof workspace === 'string' && WORKSPACE.test(workspace) && typeof run === 'string' && RUN.test(run)
    ? { workspace, run }
    : 'This output names no run.';
}

/** A card in the output of a cell. It draws from the server, and needs no kernel. */
class CardOutput extends Widget implements IRenderMime.IRenderer {
  constructor(
    private readonly source: Source,
    private readonly host: IHost
  ) {
    super();
    this.addClass('jp-Traindock-Card');
  }

  /** Draw what an output names. */
  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const target = targetOf(model);
    const shown = typeof target === 'string' ? target : `${target.workspace} ${target.run}`;
    if (shown !== this._shown) {
      this._shown = shown;
      render(
        typeof target === 'string' ? (
          <p class="td-card td-problem">{target}</p>
        ) : (
          <RunCard model={new RunModel(this.source, target)} host={this.host} />
        ),
        this.node
      );
    }
    return Promise.resolve();
  }

  /** End following the run. */
  override dispose(): void {
    render(null, this.node);
    super.dispose();
  }

  private _shown = '';
}

/** Return what makes cards for outputs. */
export function cardFactory(source: Source, host: IHost): IRenderMime.IRendererFactory {
  return { safe: true, mimeTypes: [RUN_CARD], defaultRank: -20, createRenderer: () => new CardOutput(source, host) };
}

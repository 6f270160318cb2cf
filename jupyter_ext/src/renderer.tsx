import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';
import { render } from 'preact';
import { type IPage, MIME_TYPES, shownBy } from './shown';

/** What outputs need of the page; the kernel is that of the notebook in which a node is. */
export type PageOf = (node: HTMLElement) => IPage;

/** A card in the output of a cell. It draws from the server, and needs no kernel. */
class CardOutput extends Widget implements IRenderMime.IRenderer {
  constructor(
    private readonly mime: string,
    private readonly pageOf: PageOf
  ) {
    super();
    this.addClass('jp-Traindock-Card');
  }

  /** Draw what an output names. */
  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const shown = shownBy(this.mime, model);
    const key = typeof shown === 'string' ? shown : shown.key;
    if (key !== this._key) {
      this._key = key;
      render(
        typeof shown === 'string' ? <p class="td-card td-problem">{shown}</p> : shown.view(this.pageOf(this.node)),
        this.node
      );
    }
    return Promise.resolve();
  }

  /** End following what is shown. */
  override dispose(): void {
    render(null, this.node);
    super.dispose();
  }

  private _key = '';
}

/** Return what makes cards for outputs. */
export function cardFactory(pageOf: PageOf): IRenderMime.IRendererFactory {
  return {
    safe: true,
    mimeTypes: MIME_TYPES,
    defaultRank: -20,
    createRenderer: ({ mimeType }) => new CardOutput(mimeType, pageOf)
  };
}

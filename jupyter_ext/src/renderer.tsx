import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { Message } from '@lumino/messaging';
import { Panel, Widget } from '@lumino/widgets';
import { render } from 'preact';
import { type IPage, MIME_TYPES, shownBy } from './shown';
import { Surroundings } from './surroundings';
import { WatchedSource } from './watched_source';

/** What outputs need of the page; the kernel is that of the notebook in which a node is. */
export type PageOf = (node: HTMLElement) => IPage;

/** The type of the view of a widget, which is drawn by ipywidgets. */
const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';

/**
 * Return a view of the widget that an output names besides; null where there is none, or the notebook is not
 * trusted, since widgets may execute what they like.
 *
 * It remains without elements where no kernel knows the widget.
 */
function kernelsView(output: Widget, model: IRenderMime.IMimeModel): Widget | null {
  const registry = registryAround(output);
  if (!model.trusted || !(WIDGET_VIEW in model.data) || !registry?.mimeTypes.includes(WIDGET_VIEW)) {
    return null;
  }
  const view = registry.createRenderer(WIDGET_VIEW);
  view.addClass('jp-Traindock-KernelView');
  void view.renderModel(model);
  return view;
}

/** Return what renders the outputs of the notebook that a widget is in: each has its own for the widgets of its kernel. */
function registryAround(widget: Widget): IRenderMimeRegistry | undefined {
  for (let around = widget.parent; around !== null; around = around.parent) {
    const { rendermime } = around as Widget & { rendermime?: IRenderMimeRegistry };
    if (rendermime !== undefined) {
      return rendermime;
    }
  }
  return undefined;
}

/** A card in the output of a cell. It draws from the server, and needs no kernel where the server knows what to draw. */
class CardOutput extends Panel implements IRenderMime.IRenderer {
  constructor(
    private readonly mime: string,
    private readonly pageOf: PageOf
  ) {
    super();
    this.addClass('jp-Traindock-Card');
    this.addWidget(this._place);
  }

  /** Draw what an output names. */
  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const page = this.pageOf(this.node);
    const shown = shownBy(this.mime, model, page.trans);
    const key = typeof shown === 'string' ? shown : shown.key;
    if (key !== this._key) {
      this._key = key;
      const source = new WatchedSource(page.source, known => {
        this._choose(known || key !== this._key, model);
      });
      render(
        <Surroundings versions={page.versions} trans={page.trans}>
          {typeof shown === 'string' ? <p class="td-card td-problem">{shown}</p> : shown.view({ ...page, source })}
        </Surroundings>,
        this._place.node
      );
      this._unknown = typeof shown === 'string' ? model : null;
      this._chooseForUnknown();
    }
    return Promise.resolve();
  }

  /** End following what is shown. */
  override dispose(): void {
    render(null, this._place.node);
    super.dispose();
  }

  /** Only what is attached has a notebook around it, and thereby a kernel. */
  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._chooseForUnknown();
  }

  private _chooseForUnknown(): void {
    if (this._unknown !== null && this.isAttached) {
      this._choose(false, this._unknown);
    }
  }

  /** Have the kernel draw below what the card says, where the server or this page cannot. */
  private _choose(known: boolean, model: IRenderMime.IMimeModel): void {
    if (known || this.isDisposed) {
      this._kernels?.dispose();
      this._kernels = null;
    } else if (this._kernels === null) {
      this._kernels = kernelsView(this, model);
      if (this._kernels !== null) {
        this.addWidget(this._kernels);
      }
    }
  }

  private _key = '';
  /** What this page does not know how to draw. */
  private _unknown: IRenderMime.IMimeModel | null = null;
  private _kernels: Widget | null = null;
  private readonly _place = new Widget();
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

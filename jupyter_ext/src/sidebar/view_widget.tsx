import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { render, type VNode } from 'preact';
import { type ITrans, Translated } from '../../../widgets/src/translation';
import { Guard } from '../../../widgets/src/views/guard';

/**
 * A view as a widget of Lumino's, drawn only while it can be seen: what it follows is let go of meanwhile.
 *
 * What is to outlast that, such as a filter, is kept outside of the view, by its model.
 */
export class ViewWidget extends Widget {
  /** @param trans - What has the view speak the language of the page. */
  constructor(
    private readonly view: () => VNode,
    private readonly trans: ITrans
  ) {
    super();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._draw();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._draw();
  }

  protected override onBeforeHide(message: Message): void {
    this._clear();
    super.onBeforeHide(message);
  }

  protected override onBeforeDetach(message: Message): void {
    this._clear();
    super.onBeforeDetach(message);
  }

  private _draw(): void {
    if (this.isVisible) {
      render(
        <Translated value={this.trans}>
          <Guard>{this.view()}</Guard>
        </Translated>,
        this.node
      );
      this.node.scrollTop = this._scrolled;
    }
  }

  private _clear(): void {
    this._scrolled = this.node.scrollTop;
    render(null, this.node);
  }

  private _scrolled = 0;
}

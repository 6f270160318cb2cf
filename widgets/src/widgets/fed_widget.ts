import { h, render, type VNode } from 'preact';
import { type IWidgetModel, KernelSource } from '../sources/kernel_source';
import { Guard } from '../views/guard';
import type { IHost } from '../views/header';

/** What a widget's module gives to those who show it: to anywidget, and to widgets that open it in theirs. */
export interface IWidget {
  /** Draw it in `el`; what is returned ends that. `within` is what a widget adds of which it becomes a part; anywidget has a `host` of its own. */
  render(context: { model: IWidgetModel; el: HTMLElement; within?: IHost }): () => void;
}

/** Return the widget that shows a view for hosts without our labextension: its kernel feeds it. */
export function fedWidget(
  view: (model: IWidgetModel, source: KernelSource, workspace: string, host: IHost | undefined) => VNode
): IWidget {
  return {
    render({ model, el, within }) {
      const source = new KernelSource(model);
      el.classList.add('td-widget');
      render(h(Guard, null, view(model, source, String(model.get('workspace_id')), within)), el);
      return () => {
        render(null, el);
        source.dispose();
      };
    }
  };
}

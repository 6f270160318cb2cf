import { render, type VNode } from 'preact';
import { type IWidgetModel, KernelSource } from '../sources/kernel_source';

/** A module of a widget, as anywidget wants it. */
interface IWidget {
  render(context: { model: IWidgetModel; el: HTMLElement }): () => void;
}

/** Return the widget that shows a view for hosts without our labextension: its kernel feeds it. */
export function fedWidget(view: (model: IWidgetModel, source: KernelSource, workspace: string) => VNode): IWidget {
  return {
    render({ model, el }) {
      const source = new KernelSource(model);
      el.classList.add('td-widget');
      render(view(model, source, String(model.get('workspace_id'))), el);
      return () => {
        render(null, el);
        source.dispose();
      };
    }
  };
}

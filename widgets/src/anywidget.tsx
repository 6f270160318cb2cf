import './style/card.css';
import { render } from 'preact';
import { RunModel } from './model/run_model';
import { type IWidgetModel, KernelSource } from './sources/kernel_source';
import { RunCard } from './views/card';

/** The widget's view in hosts without our labextension; Jupyter's own convention is a default export. */
export default {
  render({ model, el }: { model: IWidgetModel; el: HTMLElement }): () => void {
    const source = new KernelSource(model);
    const run = new RunModel(source, {
      workspace: String(model.get('workspace_id')),
      run: String(model.get('run_id'))
    });
    render(<RunCard model={run} />, el);
    return () => {
      render(null, el);
      source.dispose();
    };
  }
};

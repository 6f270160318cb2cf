import { RunModel } from '../model/run_model';
import { TraitSelection } from '../sources/trait_selection';
import { RunCard } from '../views/card';
import { fedWidget } from './fed_widget';
import { partsByModules } from './sent_module';

export default fedWidget((model, source, workspace, host) => (
  <RunCard
    model={new RunModel(source, { workspace, run: String(model.get('run_id')) })}
    host={{ files: new TraitSelection(model, 'selected_files'), ...host }}
    parts={partsByModules(model, source)}
  />
));

import { RunModel } from '../model/run_model';
import { TraitSelection } from '../sources/trait_selection';
import { RegistrationCard } from '../views/registration';
import { fedWidget } from './fed_widget';

export default fedWidget((model, source, workspace, host) => (
  <RegistrationCard
    model={new RunModel(source, { workspace, run: String(model.get('run_id')) })}
    host={{ files: new TraitSelection(model, 'selected_files'), ...host }}
    part={host !== undefined}
  />
));

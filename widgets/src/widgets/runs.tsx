import { RunsModel } from '../model/runs_model';
import { TraitSelection } from '../sources/trait_selection';
import { RunsCard } from '../views/runs/runs_card';
import { fedWidget } from './fed_widget';
import { openedByModules } from './sent_module';

export default fedWidget((model, source, workspace) => (
  <RunsCard
    model={new RunsModel(source, { workspace, experiment: String(model.get('experiment')) })}
    selection={new TraitSelection(model, 'selected_runs')}
    opened={openedByModules(model, source)}
  />
));

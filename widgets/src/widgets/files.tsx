import type { RunModel } from '../model/run_model';
import { Files } from '../views/files';
import { useRun } from '../views/hooks';
import { fedWidget } from './fed_widget';

/** As a part of a run's card, with what that knows of the run: nothing is followed twice. */
function FilesPart({ model }: { model: RunModel }) {
  useRun(model);
  return <Files model={model} />;
}

export default fedWidget(model => <FilesPart model={model.get('run') as RunModel} />);

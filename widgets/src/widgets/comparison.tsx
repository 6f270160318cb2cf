import { CompareCard } from '../views/compare/compare_card';
import { fedWidget } from './fed_widget';

export default fedWidget((model, source, workspace) => (
  <CompareCard source={source} workspace={workspace} ids={model.get('run_ids') as string[]} />
));

import '../../widgets/src/style/card.css';
import '../../widgets/src/style/models.css';
import './activity.css';
import './submit.css';
import './tabs.css';
import './sidebar.css';
import './runs.css';
import './registry.css';

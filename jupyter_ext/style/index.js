import '../../widgets/src/style/card.css';
import './tabs.css';

import '../../widgets/src/style/card.css';

import type { TranslationBundle } from '@jupyterlab/translation';
import { ellipsesIcon } from '@jupyterlab/ui-components';
import { Icon } from './icon';

/** The button of what can be done with something, as a right click on it shows it. */
export function MenuButton({
  name,
  open,
  tabIndex,
  trans
}: {
  /** What it is done with. */
  name: string;
  /** Open the menu at the button, which the event is of. */
  open: (event: MouseEvent & { currentTarget: HTMLElement }) => void;
  /** -1 where keys open the menu otherwise. */
  tabIndex?: number;
  trans: TranslationBundle;
}) {
  return (
    <button
      type="button"
      tabIndex={tabIndex}
      class="jp-Traindock-IconButton"
      aria-haspopup="menu"
      aria-label={trans.__('Actions of %1', name)}
      title={trans.__('Actions')}
      onClick={event => {
        event.stopPropagation(); // the line below it is not meant
        open(event);
      }}
    >
      <Icon icon={ellipsesIcon} />
    </button>
  );
}

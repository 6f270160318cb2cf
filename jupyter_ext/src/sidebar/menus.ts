import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MenuSvg } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { Menu } from '@lumino/widgets';

/** Where a menu is opened, in pixels of the page. */
export interface IPlace {
  x: number;
  y: number;
}

/**
 * Open a menu of commands, as a context menu of JupyterLab's.
 *
 * @param back - What has the focus again once the menu is closed.
 */
export function openMenu(
  commands: CommandRegistry,
  entries: readonly Menu.IItemOptions[],
  place: IPlace,
  back: HTMLElement | null
): void {
  const menu = new MenuSvg({ commands });
  for (const entry of entries) {
    menu.addItem(entry);
  }
  menu.aboutToClose.connect(() => {
    back?.focus();
    // it closes itself yet, and executes what was chosen
    requestAnimationFrame(() => {
      menu.dispose();
    });
  });
  menu.open(place.x, place.y);
}

/** Have JupyterLab open the context menu of a line at an element, as a right click on the line does. */
export function openContextMenu(line: HTMLElement, anchor: HTMLElement): void {
  const { x: clientX, y: clientY } = below(anchor);
  line.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true, clientX, clientY }));
}

/**
 * Give the focus back to a line when its context menu closes: there a dialog that the menu opens gives it back to, too.
 */
export function focusAfterContextMenu(app: JupyterFrontEnd, line: HTMLElement): void {
  const { menu } = app.contextMenu;
  const closing = (): void => {
    menu.aboutToClose.disconnect(closing);
    line.focus();
  };
  menu.aboutToClose.connect(closing);
}

/** Return where the menu of a row goes: where the mouse is, or below what has the focus. */
export function placeOf(event: Event): IPlace {
  const { clientX: x, clientY: y } = event as MouseEvent;
  return event.type === 'contextmenu' && (x > 0 || y > 0) ? { x, y } : below(event.currentTarget as HTMLElement);
}

/** Whether a key opens the menu of what has the focus. */
export function opensMenu({ key, shiftKey }: KeyboardEvent): boolean {
  return key === 'ContextMenu' || (key === 'F10' && shiftKey);
}

function below(anchor: HTMLElement): IPlace {
  const { left, bottom } = anchor.getBoundingClientRect();
  return { x: left, y: bottom };
}

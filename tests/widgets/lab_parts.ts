import { AccordionPanel, Panel, Widget } from '@lumino/widgets';

const ICONS = [
  'addIcon',
  'caretDownEmptyIcon',
  'caretDownIcon',
  'caretRightIcon',
  'closeIcon',
  'copyIcon',
  'deleteIcon',
  'ellipsesIcon',
  'filterIcon',
  'folderIcon',
  'historyIcon',
  'launchIcon',
  'moveDownIcon',
  'moveUpIcon',
  'redoIcon',
  'refreshIcon',
  'searchIcon',
  'stopIcon',
  'tagIcon'
];

/** What of JupyterLab's `ui-components` our code uses, without what only its bundler finds. */
export function uiComponents(): Record<string, unknown> {
  class LabIcon {
    element = (): void => undefined;
  }
  class PanelWithToolbar extends Panel {}
  class SidePanel extends Panel {
    readonly header = new Panel();
    readonly content = new AccordionPanel();
    constructor() {
      super();
      this.addWidget(this.header);
      this.addWidget(this.content);
    }
  }
  class ToolbarButton extends Widget {}
  return {
    LabIcon,
    PanelWithToolbar,
    SidePanel,
    ToolbarButton,
    ...Object.fromEntries(ICONS.map(name => [name, new LabIcon()]))
  };
}

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { StatusItem } from '../activity/status_item';
import { CommandIDs } from '../commands';
import { IActivity, ITraindock } from '../tokens';

const ID = 'jupyterlab-traindock:status';
/** Behind the terminals and kernels, which have 1. */
const RANK = 2;

/** Tells in the status bar how many runs of the workspace that is looked at run and wait. */
export const status: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Counts runs in the status bar.',
  autoStart: true,
  requires: [ITraindock, IActivity],
  optional: [IStatusBar, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    { trans }: ITraindock,
    activity: IActivity,
    bar: IStatusBar | null,
    registry: ISettingRegistry | null
  ): void => {
    if (bar === null) {
      return;
    }
    const item = new StatusItem(activity, trans, () => {
      if (app.commands.hasCommand(CommandIDs.showSidebar)) {
        void app.commands.execute(CommandIDs.showSidebar);
      }
    });
    bar.registerStatusItem(ID, {
      item,
      align: 'left',
      rank: RANK,
      isActive: () => item.isActive,
      activeStateChanged: item.activeChanged
    });
    registry?.load(ID).then(
      settings => {
        const read = (): void => item.want(settings.get('shown').composite !== false);
        settings.changed.connect(read);
        read();
      },
      () => undefined // without its settings all is as usual
    );
  }
};

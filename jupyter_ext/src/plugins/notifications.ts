import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification, showErrorMessage } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { ActiveRun } from '../activity/activity';
import { claim, forget, type IShared } from '../activity/claims';
import { endingOf, looksOf, SHOWN_FOR } from '../activity/endings';
import { CommandIDs } from '../commands';
import { IActivity, ITabs, ITraindock } from '../tokens';

const ID = 'jupyterlab-traindock:notifications';

/** Tells when a run ends that this user submitted: once, however many tabs of the browser are open. */
export const notifications: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Tells when runs end.',
  autoStart: true,
  requires: [ITraindock, ITabs, IActivity],
  optional: [ICommandPalette, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    { trans }: ITraindock,
    tabs: ITabs,
    activity: IActivity,
    palette: ICommandPalette | null,
    registry: ISettingRegistry | null
  ): void => {
    let settings: ISettingRegistry.ISettings | null = null;
    const isOn = (name: string, usual: boolean): boolean => {
      const value = settings?.get(name).composite;
      return typeof value === 'boolean' ? value : usual;
    };
    const loaded = registry?.load(ID).then(
      found => {
        settings = found;
      },
      () => undefined // without its settings all is as usual
    );
    const shared = sharedByTabs();
    forget(shared);

    const tell = async (run: ActiveRun): Promise<void> => {
      await loaded;
      const message = endingOf(run, trans);
      const open = (): void => {
        tabs.openRun({ workspace: run.workspace, run: run.id });
      };
      if (!run.signed || !isOn('onEnd', true)) {
        return;
      }
      const seen = document.visibilityState === 'visible';
      if (!(await claim(`${PageConfig.getBaseUrl()} ${run.id}`, shared, seen))) {
        return;
      }
      const looks = looksOf(run);
      Notification.emit(message, looks, {
        autoClose: SHOWN_FOR[looks],
        actions: [{ label: trans.__('Open'), caption: trans.__('Show run %1', run.id), callback: open }]
      });
      if (!document.hasFocus() && isOn('desktop', false) && mayShow() === 'granted') {
        const shown = new window.Notification(trans.__('Traindock'), { body: message, tag: `traindock-${run.id}` });
        shown.onclick = () => {
          window.focus();
          open();
          shown.close();
        };
      }
    };
    activity.onEnded(run => void tell(run));
    activity.observe(() => undefined);

    app.commands.addCommand(CommandIDs.desktopNotifications, {
      label: trans.__('Desktop Notifications When Runs End'),
      caption: trans.__('Also tell when a run ends while this page is behind other windows'),
      describedBy: { args: { type: 'object', properties: {} } },
      isToggleable: true,
      isToggled: () => isOn('desktop', false) && mayShow() === 'granted',
      isEnabled: () => settings !== null && mayShow() !== null,
      execute: async () => {
        if (isOn('desktop', false) && mayShow() === 'granted') {
          await settings?.set('desktop', false);
          return;
        }
        const answer = await window.Notification.requestPermission();
        if (answer === 'granted') {
          await settings?.set('desktop', true);
        } else {
          await showErrorMessage(
            trans.__('The browser shows no notifications of this page'),
            trans.__('Allow them for this address in the settings of your browser, and try again.')
          );
        }
      }
    });
    palette?.addItem({ command: CommandIDs.desktopNotifications, category: trans.__('Traindock') });
  }
};

/** Return whether this page may show notifications on the desktop; null where browsers let no page of its kind do so. */
function mayShow(): NotificationPermission | null {
  return 'Notification' in window ? window.Notification.permission : null;
}

/** Return what all tabs of this browser share; null where it may not be used. */
function sharedByTabs(): IShared | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

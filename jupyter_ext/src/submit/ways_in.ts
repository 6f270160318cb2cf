import { Dialog, Notification, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

/** Drives that are the disk of the server: its own, and that of documents which several people edit. */
const OF_SERVER = ['', 'RTC'];
/** Milliseconds for which people are told that a file was saved. */
const SAID_FOR = 4000;

/** Return the path of a file as the server has it; undefined where it is on no disk of the server, which people are told. */
export function pathOf(path: string, contents: Contents.IManager, trans: TranslationBundle): string | undefined {
  const drive = contents.driveName(path);
  if (OF_SERVER.includes(drive)) {
    return contents.localPath(path).replace(/^\/+|\/+$/g, '');
  }
  void showDialog({
    title: trans.__('It cannot be trained from here'),
    body: trans.__(
      '“%1” is on the drive “%2”, and only what is on the disk of the server can be sent. Copy it there.',
      contents.localPath(path),
      drive
    ),
    buttons: [Dialog.okButton()]
  });
  return undefined;
}

/** Save a document if it was changed, and say so; return whether the file is now as people see it. */
export async function saved(context: DocumentRegistry.Context, trans: TranslationBundle): Promise<boolean> {
  if (!context.model.dirty) {
    return true;
  }
  const name = context.localPath.split('/').pop() ?? '';
  try {
    await context.save();
  } catch (error) {
    await showErrorMessage(trans.__('%1 is not saved, and so it is not trained', name), error as Error);
    return false;
  }
  if (context.model.dirty) {
    return false; // somebody was asked, and would not
  }
  Notification.info(trans.__('%1 was saved, so that what you see is trained.', name), { autoClose: SAID_FOR });
  return true;
}

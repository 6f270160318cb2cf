import { Dialog, Notification, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { isOnDisk, reachesDisk } from './on_disk';

/** Drives that are the disk of the server: its own, and that of documents which several people edit. */
const OF_SERVER = ['', 'RTC'];
/** Names of the errors by which JupyterLab tells that somebody was asked, and would not. */
const DECLINED = ['ModalCancelError', 'ModalDuplicateError'];
/** Milliseconds for which people are told that a file was saved. */
const SAID_FOR = 4000;
/** Milliseconds for which a server is waited for that saves a document itself: by default it does a second after a change. */
const PATIENCE = 10_000;

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

/**
 * Save a document if it was changed, and say so; return whether the file is now as people see it.
 *
 * @param patience - Milliseconds for which a server that saves the document itself is waited for.
 */
export async function saved(
  context: DocumentRegistry.Context,
  contents: Contents.IManager,
  trans: TranslationBundle,
  patience = PATIENCE
): Promise<boolean> {
  const name = context.localPath.split('/').pop() ?? '';
  const shared = context.model.collaborative === true;
  try {
    // whether a shared one is changed is said before its file is written
    if (shared ? await isOnDisk(context, contents) : !context.model.dirty) {
      return true;
    }
    await context.save();
    if (!shared && context.model.dirty) {
      return false; // somebody was asked, and would not
    }
    if (shared && !(await reachesDisk(context, contents, patience))) {
      await showErrorMessage(
        trans.__('%1 is not saved yet, and so it is not trained', name),
        trans.__(
          'The server writes files that several people edit, and has not written what you see within %1 seconds. Train it again in a moment; where that does not help, look whether the connection is there and “Autosave Documents” is on.',
          patience / 1000
        )
      );
      return false;
    }
  } catch (error) {
    if (!DECLINED.includes((error as Error).name)) {
      await showErrorMessage(trans.__('%1 is not saved, and so it is not trained', name), error as Error);
    }
    return false;
  }
  Notification.info(trans.__('%1 was saved, so that what you see is trained.', name), { autoClose: SAID_FOR });
  return true;
}

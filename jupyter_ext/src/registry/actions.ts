import { Clipboard, Dialog, InputDialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { Alias, ModelVersion } from '../../../widgets/src/documents';
import { shortened } from '../../../widgets/src/format';
import { failureText } from '../../../widgets/src/problems';
import { modelPath, query } from '../../../widgets/src/sources/source';
import type { ITraindock } from '../tokens';

/** Versions that are offered to be deleted. */
const MOST_VERSIONS = 200;
const LONGEST_NAME = 80;

/** A registered model, by its workspace's id and its name. */
export interface IModelTarget {
  workspace: string;
  name: string;
}

/** Copy a model's name. */
export function copyName({ name }: IModelTarget): void {
  Clipboard.copyToSystem(name);
}

/** Ask for an alias and have it stand for a version; where it cannot, ask again, with the reason. */
export async function setAlias(
  { source, trans }: ITraindock,
  { workspace, name }: IModelTarget,
  version: number
): Promise<void> {
  const title = trans.__('Alias for %1 version %2', shortened(name, LONGEST_NAME), version);
  const usual = trans.__(
    'Letters, digits, _ or -, beginning with a letter. Where it stands for another version, it is moved.'
  );
  let label = usual;
  let text = 'production';
  const known = async (): Promise<Alias[]> =>
    (await source.request<{ aliases: Alias[] }>(modelPath(workspace, name, '/aliases'))).aliases;
  // What the person who types goes by: where somebody moves it meanwhile, it stays where they moved it.
  let aliases: Alias[] = [];
  try {
    aliases = await known();
  } catch (error) {
    label = failureText(error, trans);
  }
  for (;;) {
    const { value } = await InputDialog.getText({ title, label, text, okLabel: trans.__('Set') });
    text = value?.trim() ?? '';
    if (text === '') {
      return;
    }
    try {
      const expected = aliases.find(one => one.alias === text)?.version ?? null;
      await source.request(modelPath(workspace, name, `/aliases/${encodeURIComponent(text)}`), {
        method: 'PUT',
        body: { version, expected }
      });
      return;
    } catch (error) {
      label = failureText(error, trans);
      aliases = await known().catch(() => aliases);
    }
  }
}

/** Ask which version is to be deleted, and once more whether it is, and delete it. */
export async function deleteVersion({ source, trans }: ITraindock, { workspace, name }: IModelTarget): Promise<void> {
  try {
    const { versions } = await source.request<{ versions: ModelVersion[] }>(
      modelPath(workspace, name, query({ limit: MOST_VERSIONS }))
    );
    const items = versions.map(({ version, aliases }) =>
      aliases.length > 0 ? `${version} (${aliases.join(', ')})` : String(version)
    );
    const chosen =
      items.length > 1
        ? await InputDialog.getItem({
            title: trans.__('Delete a version of %1', shortened(name, LONGEST_NAME)),
            label: trans.__('Version'),
            items,
            okLabel: trans.__('Delete…')
          })
        : { value: items[0] ?? null };
    const version = versions[items.indexOf(chosen.value ?? '')];
    if (version === undefined) {
      return;
    }
    const sure = await showDialog({
      title: trans.__('Delete %1 version %2?', shortened(name, LONGEST_NAME), version.version),
      body: trans.__(
        'Its files are deleted as far as nothing else refers to them. Its number is never given again. This cannot be undone.'
      ),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Delete') })],
      defaultButton: 0
    });
    if (sure.button.accept) {
      await source.request(modelPath(workspace, name, `/versions/${version.version}`), { method: 'DELETE' });
    }
  } catch (error) {
    await showErrorMessage(trans.__('Nothing was deleted'), failureText(error, trans));
  }
}

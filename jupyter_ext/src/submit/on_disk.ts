import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Contents } from '@jupyterlab/services';

/** Milliseconds between two looks at the disk. */
const PAUSE = 250;

/** What of a notebook is executed. */
interface ICells {
  cells: { cell_type: string; source: string | string[]; metadata: { tags?: string[] } }[];
}

/**
 * Wait until the server's disk has what a document's editor has; return whether it does.
 *
 * Of documents that several people edit the server writes the file, some time after it was told of a change, and the
 * page's own saving waits for nothing of that.
 *
 * @param patience - Milliseconds for which it is waited for.
 * @throws what asking for the file throws, such as for one that is gone.
 */
export async function reachesDisk(
  context: DocumentRegistry.Context,
  contents: Contents.IManager,
  patience: number
): Promise<boolean> {
  const until = Date.now() + patience;
  while (!(await isOnDisk(context, contents))) {
    if (Date.now() >= until) {
      return false;
    }
    await new Promise(resolve => setTimeout(resolve, PAUSE));
  }
  return true;
}

/** Whether the server's disk has what a document's editor has. */
export async function isOnDisk(context: DocumentRegistry.Context, contents: Contents.IManager): Promise<boolean> {
  // by its path on the server's own drive, and by no provider of contents: that of the editor answers for the editor
  const path = contents.localPath(context.path);
  if (context.contentsModel?.type === 'notebook') {
    const { content } = await contents.get(path, { type: 'notebook', content: true });
    return essence(content as ICells) === essence(context.model.toJSON() as unknown as ICells);
  }
  const { content } = await contents.get(path, { type: 'file', format: 'text', content: true });
  return withNewlines(content as string) === withNewlines(context.model.toString());
}

/** Return what can be compared: all else may be written otherwise than the editor has it. */
function essence({ cells }: ICells): string {
  return JSON.stringify(
    cells.map(({ cell_type: kind, source, metadata }) => {
      const text = Array.isArray(source) ? source.join('') : source;
      return [kind, withNewlines(text), metadata.tags ?? []];
    })
  );
}

function withNewlines(text: string): string {
  return text.replace(/\r\n?/g, '\n');
}

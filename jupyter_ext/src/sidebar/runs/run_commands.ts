import type { TranslationBundle } from '@jupyterlab/translation';
import { copyIcon, deleteIcon, folderIcon, launchIcon, redoIcon, stopIcon, tagIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { type RunRow, TERMINAL } from '../../../../widgets/src/documents';
import { MOST_COMPARED } from '../../../../widgets/src/views/runs/runs_card';
import { CommandIDs } from '../../commands';
import type { Insertion } from '../../insertion';
import type { RunActions } from './run_actions';
import type { RunList } from './run_list';

/** Tabs that are opened at once, and runs that are resubmitted at once: more are hardly meant. */
const MOST_AT_ONCE = 10;

/** Add the commands that are about the runs that are selected in the list. */
export function addRunCommands(
  commands: CommandRegistry,
  list: RunList,
  actions: RunActions,
  insertion: Insertion,
  trans: TranslationBundle
): void {
  const add = (
    id: string,
    label: string | ((count: number) => string),
    enabled: (rows: readonly RunRow[]) => boolean,
    execute: (workspace: string, rows: readonly RunRow[]) => unknown,
    more: Partial<CommandRegistry.ICommandOptions> = {}
  ): void => {
    const isEnabled = (): boolean => list.workspace !== null && list.selected.length > 0 && enabled(list.selected);
    commands.addCommand(id, {
      label: typeof label === 'string' ? label : () => label(list.selected.length),
      describedBy: { args: { type: 'object', properties: {} } },
      isEnabled,
      execute: () => (list.workspace !== null && isEnabled() ? execute(list.workspace, list.selected) : undefined),
      ...more
    });
  };
  const few = ({ length }: readonly RunRow[]): boolean => length <= MOST_AT_ONCE;
  const one = ({ length }: readonly RunRow[]): boolean => length === 1;
  const single =
    (act: (workspace: string, row: RunRow) => unknown) =>
    (workspace: string, [row]: readonly RunRow[]): unknown =>
      row === undefined ? undefined : act(workspace, row);

  add(CommandIDs.openRuns, trans.__('Open'), few, (workspace, rows) => actions.open(workspace, rows), {
    icon: launchIcon
  });
  add(
    CommandIDs.stopRuns,
    trans.__('Stop…'),
    rows => rows.some(row => !TERMINAL.has(row.state) && row.state !== 'CancelRequested'),
    (workspace, rows) => actions.stop(workspace, rows),
    { icon: stopIcon }
  );
  add(CommandIDs.resubmitRuns, trans.__('Resubmit'), few, (workspace, rows) => actions.resubmit(workspace, rows), {
    icon: redoIcon
  });
  add(
    CommandIDs.changeRun,
    trans.__('Resubmit with Changes…'),
    one,
    single((workspace, { id }) => commands.execute(CommandIDs.resubmitWithChanges, { workspace, run: id })),
    { isVisible: () => commands.hasCommand(CommandIDs.resubmitWithChanges) }
  );
  add(
    CommandIDs.compareSelected,
    count => (count > 1 ? trans.__('Compare %1 Runs', count) : trans.__('Compare')),
    ({ length }) => length >= 2 && length <= MOST_COMPARED,
    (workspace, rows) => actions.compare(workspace, rows)
  );
  add(
    CommandIDs.boardRuns,
    count => (count > 1 ? trans.__('Open %1 Runs in TensorBoard', count) : trans.__('Open in TensorBoard')),
    ({ length }) => length <= MOST_COMPARED,
    (workspace, rows) => actions.openBoard(workspace, rows)
  );
  add(
    CommandIDs.tagRuns,
    trans.__('Tags…'),
    () => true,
    (workspace, rows) => actions.tag(workspace, rows, list.tags),
    { icon: tagIcon }
  );
  add(
    CommandIDs.registerModel,
    trans.__('Register Model…'),
    one,
    single((workspace, row) => actions.register(workspace, row))
  );
  add(
    CommandIDs.revealRun,
    trans.__('Show Folder in File Browser'),
    one,
    single((workspace, row) => actions.reveal(workspace, row)),
    { icon: folderIcon }
  );
  add(
    CommandIDs.insertRuns,
    trans.__('Insert Code into Notebook'),
    () => insertion.possible,
    (_, rows) => actions.insert(rows)
  );
  add(
    CommandIDs.copyRuns,
    count => trans._n('Copy Id', 'Copy %1 Ids', count, count),
    () => true,
    (_, rows) => actions.copy(rows),
    { icon: copyIcon }
  );
  add(
    CommandIDs.deleteRuns,
    trans.__('Delete…'),
    () => true,
    (workspace, rows) => actions.remove(workspace, rows),
    { icon: deleteIcon }
  );
}

import { Clipboard, Dialog, Notification, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { RunDocument, RunRow } from '../../../../widgets/src/documents';
import { TERMINAL } from '../../../../widgets/src/documents';
import { shortened } from '../../../../widgets/src/format';
import { ASKED_AGAIN, Wish } from '../../../../widgets/src/model/wish';
import { failureText } from '../../../../widgets/src/problems';
import { query, runPath } from '../../../../widgets/src/sources/source';
import { eachRun, LONGEST_NAME, MOST_NAMED, paragraphs, tell } from '../../each_run';
import type { Insertion } from '../../insertion';
import type { ITabs, ITraindock } from '../../tokens';
import { nameOf } from '../run_title';
import { gettingRuns } from './code';
import { registrationDialog } from './registration_dialog';
import { askForTags, type Tags } from './tags_dialog';

/** Milliseconds for which it is said that something was done. */
const SEEN_FOR = 8000;

/** What can be done with runs of a workspace. What cannot be done is said, with the reason. */
export class RunActions {
  /** @param changed - Called when something was done. */
  constructor(
    private readonly traindock: ITraindock,
    private readonly tabs: ITabs,
    private readonly insertion: Insertion,
    private readonly changed: () => void
  ) {}

  /** Open them as tabs. */
  open(workspace: string, rows: readonly RunRow[]): void {
    for (const { id } of rows) {
      this.tabs.openRun({ workspace, run: id });
    }
  }

  /** Ask for them to end, after a question. */
  async stop(workspace: string, rows: readonly RunRow[]): Promise<void> {
    const { trans } = this.traindock;
    const going = rows.filter(row => !TERMINAL.has(row.state));
    const sure = await this._ask(
      trans._n('Stop %1 run?', 'Stop %1 runs?', going.length, going.length),
      [
        trans._n('What it has left until then is kept:', 'What they have left until then is kept:', going.length),
        ...named(going)
      ],
      trans.__('Stop')
    );
    if (sure) {
      await this._each(
        going,
        trans._n('The run cannot be stopped', 'Some runs cannot be stopped', going.length),
        ({ id }) => this.traindock.source.request(runPath({ workspace, run: id }, '/cancel'), { method: 'POST' })
      );
    }
  }

  /** Submit them once more, as they were. */
  async resubmit(workspace: string, rows: readonly RunRow[]): Promise<void> {
    const { trans, source } = this.traindock;
    const title = trans._n('The run cannot be resubmitted', 'Some runs cannot be resubmitted', rows.length);
    await this._each(rows, title, async ({ id }) => {
      const path = runPath({ workspace, run: id }, '/resubmit');
      const wish = this._wishes.get(path) ?? new Wish();
      this._wishes.set(path, wish);
      const { run } = await source.request<{ run: RunDocument }>(path, {
        method: 'POST',
        body: { request_id: wish.idOf(path, ASKED_AGAIN) }
      });
      this._wishes.delete(path);
      const name = shortened(nameOf(run), LONGEST_NAME);
      Notification.success(trans.__('Resubmitted: %1', name), {
        autoClose: SEEN_FOR,
        actions: [{ label: trans.__('Open'), callback: () => void this.tabs.openRun({ workspace, run: run.id }) }]
      });
    });
  }

  /** Show them side by side. */
  compare(workspace: string, rows: readonly RunRow[]): void {
    this.tabs.openComparison(
      workspace,
      rows.map(row => row.id)
    );
  }

  /** Show them in one TensorBoard; where none of them has something for it, say so. */
  async openBoard(workspace: string, rows: readonly RunRow[]): Promise<void> {
    const { trans, source } = this.traindock;
    const ids = rows.map(row => row.id);
    // a page of its own, which says so itself, has to be opened at once: later, browsers take it for an advertisement
    if (this.tabs.hasRoom) {
      const asked = ids.map(run => source.request<RunDocument>(runPath({ workspace, run })));
      const answers = await Promise.allSettled(asked);
      const told = answers.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []));
      const failed = answers.find(one => one.status === 'rejected');
      if (told.length === 0 && failed !== undefined) {
        await showErrorMessage(trans.__('TensorBoard cannot be opened'), failureText(failed.reason, trans));
        return;
      }
      // an older server does not tell
      if (told.every(run => run.tensorboard === null)) {
        await tell(trans.__('There is nothing for TensorBoard'), [
          trans._n('The run has written no event files:', 'The runs have written no event files:', rows.length),
          ...named(rows),
          trans.__('A script writes them below ./logs, such as by SummaryWriter("logs").')
        ]);
        return;
      }
    }
    this.tabs.openTensorBoard(workspace, ids);
  }

  /**
   * Ask for tags, and set and remove them.
   *
   * @param known - Tags that are offered.
   */
  async tag(workspace: string, rows: readonly RunRow[], known: Tags): Promise<void> {
    const { trans, source } = this.traindock;
    const tags = await askForTags(rows, known, trans);
    if (tags !== null && Object.keys(tags).length > 0) {
      await this._each(
        rows,
        trans._n('The run cannot be tagged', 'Some runs cannot be tagged', rows.length),
        ({ id }) => source.request(runPath({ workspace, run: id }), { method: 'PATCH', body: { tags } })
      );
    }
  }

  /** Have what a run has left registered as a model. */
  register(workspace: string, { id }: RunRow): void {
    registrationDialog(this.traindock, { workspace, run: id }, this.tabs.host);
  }

  /** Show a run's folder in the file browser. */
  async reveal(workspace: string, { id }: RunRow): Promise<void> {
    const { trans, source } = this.traindock;
    const title = trans.__('The folder cannot be shown');
    try {
      const told = await source.request<RunDocument>(runPath({ workspace, run: id }));
      if (told.folder !== null) {
        this.tabs.host.openFolder?.(told.folder);
      } else if (told.hidden_folder) {
        const why = trans.__(
          'Jupyter hides %1, as a part of it begins with a dot. Start the server with --ContentsManager.allow_hidden=True to have it shown, or have “traindock show %2” say in a terminal where it is. The tab of the run has its files, too: open the run.',
          told.hidden_folder,
          id
        );
        await showErrorMessage(title, why);
      } else {
        await showErrorMessage(
          title,
          trans.__(
            'It is outside of the folder that this Jupyter server shows. The tab of the run has its files: open the run.'
          )
        );
      }
    } catch (error) {
      await showErrorMessage(title, failureText(error, this.traindock.trans));
    }
  }

  /** Put a cell that gets them into the notebook. */
  insert(rows: readonly RunRow[]): void {
    const workspace = this.traindock.workspaces.current;
    if (workspace !== null) {
      this.insertion.insert(
        gettingRuns(
          workspace.name,
          rows.map(row => row.id)
        )
      );
    }
  }

  /** Copy their ids, one to a line. */
  copy(rows: readonly RunRow[]): void {
    Clipboard.copyToSystem(rows.map(row => row.id).join('\n'));
  }

  /** Delete those that have ended, after a question that names what goes, and what stays for which reason. */
  async remove(workspace: string, rows: readonly RunRow[]): Promise<void> {
    const { trans, source } = this.traindock;
    // nothing of somebody else's run goes on here
    const ended = rows.filter(row => TERMINAL.has(row.state) || row.signed === false);
    const going = rows.filter(row => !ended.includes(row));
    const stay =
      going.length > 0
        ? [
            trans._n(
              'This one has not ended, and stays. Stop it, wait for its end, and delete it then:',
              'These have not ended, and stay. Stop them, wait for their end, and delete them then:',
              going.length
            ),
            ...named(going)
          ]
        : [];
    if (ended.length === 0) {
      await tell(trans.__('Nothing can be deleted yet'), stay);
      return;
    }
    const parts = ended.reduce((sum, row) => sum + (row.children ?? 0), 0);
    const sure = await this._ask(
      trans._n('Delete %1 run?', 'Delete %1 runs?', ended.length, ended.length),
      [
        trans._n(
          'Its metrics, logs and outputs go with it, and cannot be brought back. Models that were registered from it stay.',
          'Their metrics, logs and outputs go with them, and cannot be brought back. Models that were registered from them stay.',
          ended.length
        ),
        ...(parts > 0 ? [trans._n('%1 part goes, too.', '%1 parts go, too.', parts, parts)] : []),
        ...named(ended),
        ...stay
      ],
      trans.__('Delete')
    );
    if (sure) {
      await this._each(
        ended,
        trans._n('The run cannot be deleted', 'Some runs cannot be deleted', ended.length),
        ({ id }) =>
          source.request(runPath({ workspace, run: id }, query({ with_children: 'true' })), { method: 'DELETE' })
      );
    }
  }

  private async _ask(title: string, lines: readonly string[], yes: string): Promise<boolean> {
    const { button } = await showDialog({
      title,
      body: paragraphs(lines),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: yes })],
      defaultButton: 0
    });
    return button.accept;
  }

  private async _each(rows: readonly RunRow[], title: string, act: (row: RunRow) => Promise<unknown>): Promise<void> {
    await eachRun(rows, title, act, this.traindock.trans, this.changed);
  }

  /** Of resubmissions that were not answered, by their paths. */
  private readonly _wishes = new Map<string, Wish>();
}

/** Return lines that name runs, of many some. */
function named(rows: readonly RunRow[]): string[] {
  const lines = rows.slice(0, MOST_NAMED).map(row => `• ${shortened(nameOf(row), LONGEST_NAME)} (${row.id})`);
  return rows.length > MOST_NAMED ? [...lines, `… ${rows.length - MOST_NAMED}`] : lines;
}

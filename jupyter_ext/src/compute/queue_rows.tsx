import { moveDownIcon, moveUpIcon } from '@jupyterlab/ui-components';
import { useState } from 'preact/hooks';
import type { Queue, QueueEntry, WaitingEntry } from '../../../widgets/src/compute_documents';
import { shortened } from '../../../widgets/src/format';
import { type ComputeModel, type IMoved, type Place, placesOf } from '../../../widgets/src/model/compute_model';
import type { IListedTarget } from '../../../widgets/src/model/compute_page';
import { failureText } from '../../../widgets/src/problems';
import { RequestError } from '../../../widgets/src/sources/source';
import { stateWord } from '../../../widgets/src/state_words';
import { Icon } from '../sidebar/icon';
import type { IPlace } from '../sidebar/menus';
import { Pages } from '../sidebar/pages';
import { type IRow, RowList } from '../sidebar/row_list';
import { nameOf, RunTitle } from '../sidebar/run_title';
import type { ITraindock } from '../tokens';
import type { IComputeActions, IQueued } from './actions';

type Trans = ITraindock['trans'];

const LONGEST_NAME = 120;
const LONGEST_TEXT = 400;

interface IQueueProps {
  trans: Trans;
  model: ComputeModel;
  actions: IComputeActions;
  target: IListedTarget;
  queue: Queue;
}

/** The runs at work on a compute target, and those that wait for it, to be moved and stopped. */
export function QueueRows({ trans, model, actions, target, queue }: IQueueProps) {
  const [note, say] = useState('');
  const [refused, setRefused] = useState(false);
  const { workspace } = model;
  const tell = (entry: QueueEntry, moved: Promise<IMoved>): void => {
    setRefused(false);
    moved.then(
      ({ position, length }) =>
        say(
          position === null
            ? trans.__('%1 has begun.', nameOf(entry))
            : trans.__('%1 is number %2 of %3 in the queue now.', nameOf(entry), position, length)
        ),
      error => {
        setRefused(true);
        const why = refusalText(error, entries, trans);
        say(model.error === null ? trans.__('%1 The queue is shown as it is now.', why) : why);
      }
    );
  };
  const movesOf = (entry: QueueEntry): IQueued['moves'] =>
    waits(entry)
      ? Object.fromEntries(placesOf(entry).map(place => [place, () => tell(entry, model.moveTo(entry, place))]))
      : {};
  const entries = new Map<string, QueueEntry>([...queue.running, ...queue.waiting].map(entry => [entry.run, entry]));
  const entry = (run: string): QueueEntry => entries.get(run) as QueueEntry;
  const shared = {
    open: (run: string) => actions.openRun(workspace, run),
    menu: (run: string, place: IPlace, back: HTMLElement) =>
      actions.runMenu({ entry: entry(run), moves: movesOf(entry(run)) }, place, back),
    trans
  };
  const cancelling = (event: KeyboardEvent, run: string): boolean => {
    if (event.key === 'Delete') {
      actions.cancel(entry(run));
      return true;
    }
    return false;
  };
  const { rows, offset, more } = target.runs;
  const running = rows.filter(one => !waits(one));
  const shown = rows.filter(waits);
  const draggable = queue.length > 1;
  const drop = (run: string, onto: string): void => {
    const [moved, place] = [entry(run), entry(onto)];
    if (waits(moved) && waits(place)) {
      tell(moved, model.moveOnto(moved, place));
    }
  };
  return (
    <>
      {running.length > 0 && (
        <RowList
          label={trans.__('Runs at work on %1', queue.compute)}
          rows={running.map(one =>
            rowOf(trans, one, shortened(one.detail || stateWord(one.state, trans), LONGEST_TEXT))
          )}
          press={cancelling}
          {...shared}
        />
      )}
      {shown.length > 0 && (
        <RowList
          label={trans.__('Queue of %1', queue.compute)}
          ordered
          rows={shown.map(one => {
            const moves = movesOf(one);
            return {
              ...rowOf(trans, one, named(shortened(waitsFor(one, trans), LONGEST_TEXT), entries), one.position),
              draggable,
              beside: draggable && (
                <>
                  <MoveButton label={trans.__('Move %1 up', nameOf(one))} icon={moveUpIcon} act={moves.up} />
                  <MoveButton label={trans.__('Move %1 down', nameOf(one))} icon={moveDownIcon} act={moves.down} />
                </>
              )
            };
          })}
          press={(event, run) => cancelling(event, run) || pressed(event, movesOf(entry(run)))}
          drop={drop}
          {...shared}
        />
      )}
      <Pages
        offset={offset}
        shown={rows.length}
        more={more}
        turn={pages => model.turnRuns(target, pages)}
        label={trans.__('Pages of the runs on %1', queue.compute)}
        trans={trans}
      />
      <p class={refused ? 'jp-Traindock-Trouble' : 'jp-Traindock-Told'} role="status">
        {note}
      </p>
    </>
  );
}

/** Do what Alt with an arrow key, Home or End means in a queue; return whether it means something. */
function pressed(event: KeyboardEvent, moves: IQueued['moves']): boolean {
  const places: Record<string, Place> = { ArrowUp: 'up', ArrowDown: 'down', Home: 'front', End: 'end' };
  const place = event.altKey ? places[event.key] : undefined;
  if (place !== undefined) {
    moves[place]?.();
  }
  return place !== undefined;
}

function waits(entry: QueueEntry): entry is WaitingEntry {
  return 'position' in entry;
}

function rowOf(trans: Trans, entry: QueueEntry, detail: string, position?: number): IRow {
  return {
    key: entry.run,
    name: nameOf(entry),
    title: `${entry.run}\n${detail}\n${shortened(entry.user, LONGEST_NAME)}`,
    content: (
      <>
        <span class="jp-Traindock-ListLine">
          {position !== undefined && <span class="jp-Traindock-Position">{position}</span>}
          <span class="jp-Traindock-ListName">
            <RunTitle run={entry} />
          </span>
          {entry.gpus > 0 && <span class="jp-Traindock-Muted">{trans._n('%1 GPU', '%1 GPUs', entry.gpus)}</span>}
        </span>
        <span class="jp-Traindock-Muted jp-Traindock-Detail jp-mod-wrapped">{detail}</span>
      </>
    )
  };
}

/** What a run waits for: as its dispatcher says it, else what is known. */
function waitsFor({ detail, state, held_by: held }: WaitingEntry, trans: Trans): string {
  if (detail !== '') {
    return detail;
  }
  if (held.length > 0) {
    return trans.__('waits for %1', held.map(({ run, user }) => run ?? user ?? '?').join(', '));
  }
  return stateWord(state, trans);
}

/** Return why a run was not moved: where it cannot be any more, without the advice to look at the queue, which is shown. */
function refusalText(error: unknown, entries: ReadonlyMap<string, QueueEntry>, trans: Trans): string {
  return error instanceof RequestError && error.code === 'run_not_waiting'
    ? named(error.message, entries)
    : failureText(error, trans);
}

/** Return a sentence with the names of runs in place of their ids, as far as they are of this queue. */
function named(sentence: string, entries: ReadonlyMap<string, QueueEntry>): string {
  return sentence.replace(/[\w-]+/g, word => {
    const entry = entries.get(word);
    return entry === undefined ? word : `“${nameOf(entry)}”`;
  });
}

function MoveButton({ label, icon, act }: { label: string; icon: typeof moveUpIcon; act: (() => void) | undefined }) {
  return (
    <button
      type="button"
      class="jp-Traindock-IconButton jp-Traindock-Move"
      tabIndex={-1}
      aria-label={label}
      title={label}
      disabled={act === undefined}
      onClick={act}
    >
      <Icon icon={icon} />
    </button>
  );
}

import type { RunRow, StateChange } from '../documents';
import type { Connection, Reach } from '../sources/source';

/** Milliseconds of difference that may be the way of an answer: clocks that agree are left as they are. */
const NEGLIGIBLE = 2000;

type Timed = Pick<RunRow, 'started' | 'ended' | 'seconds'> & { history?: readonly StateChange[] };

/**
 * How far the clock of the machine that runs are on is ahead of the browser's.
 *
 * Times of runs are of that machine's clock, and what a run takes is counted on here: by a clock of a laptop that is a few
 * minutes wrong, a run that has just begun would have been going on for minutes, or be ahead of its time.
 */
export class ServerClock {
  /**
   * Look at what was told just now, and be right from then on.
   *
   * @param told - A run as the server has just described it.
   * @param known - The run as it was known before.
   * @param now - Milliseconds, by the browser.
   */
  learn(told: Timed, known?: Timed | null, now = Date.now()): void {
    const time = timeOf(told, known ?? null);
    if (time !== undefined && Number.isFinite(time)) {
      this._ahead = Math.abs(time - now) > NEGLIGIBLE ? time - now : 0;
    }
  }

  /** Return what the server's clock shows when the browser's shows `time`, both in milliseconds. */
  at(time: number): number {
    return Math.min(time, this._stopped) + this._ahead;
  }

  /** Stand still where nobody tells any more whether runs go on: after a kernel's end; and go on after that. */
  heed(connection: Connection, reach: Reach, now = Date.now()): void {
    this._stopped = connection === 'broken' && reach !== 'now' ? now : Number.POSITIVE_INFINITY;
  }

  private _ahead = 0;
  private _stopped = Number.POSITIVE_INFINITY;
}

/** Return the server's time as far as a document tells it: of a run that goes on, or that has just changed its state. */
function timeOf(told: Timed, known: Timed | null): number | undefined {
  if (told.started !== null && told.ended === null && told.seconds !== null) {
    return Date.parse(told.started) + told.seconds * 1000;
  }
  const news = told.history?.[told.history.length - 1]?.time;
  const changed = (told.history?.length ?? 0) > (known?.history?.length ?? Number.POSITIVE_INFINITY);
  return changed && news ? Date.parse(news) : undefined;
}

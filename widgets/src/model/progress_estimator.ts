import { type ITrans, UNTRANSLATED } from '../translation';
import { type Custom, customOf, type IAnnounced, isEarly } from './epoch_custom';
import { BEGIN, type IMoment, type IPace, paceOf, remainingOf } from './pace';
import { epochOf, type IBar, type ICount, type ILogged, type ITold, type Progress, toldBy } from './progress';

/** What of a run's progress was last told, with when each part of it was. */
interface IState {
  name: 'Epoch' | 'Step';
  /** What is shown as counted. */
  count: ICount;
  /** Units that are done, with the part of the next one. */
  done: number;
  pace: IPace | undefined;
  /** Whether the pace counts what the script did before its first unit. */
  countsBegin: boolean;
}

/** The unit that is worked at. */
interface IUnit {
  name: IState['name'];
  /** How many were done before it. */
  whole: number;
  /** How much of it is done, and since when that is known, in seconds since the script began. */
  part: number;
  at: number | null;
  /** Whether it was begun before anybody looked. */
  wasBegun: boolean;
}

/** What lines count, and when it came to be so many while somebody looked on: for the first time, and for the last. */
interface ISeen extends ICount {
  moments: IMoment[];
}

/** Steps may come many at once: so much of all is counted on before the next ones are told of. */
const COUNTED_ON = 0.05;

/**
 * Tells how far a run is, and how long it will take: by its epochs where it tells of them, else by its steps, else by the
 * bar that it draws.
 *
 * It looks on while lines come, since lines have no times: whether `Epoch 3/25` is printed before the third epoch's work or
 * after it is seen from when it comes. A bar or steps within an epoch are a part of it, and never the run's end.
 */
export class ProgressEstimator {
  /**
   * Take what is known now.
   *
   * @param lines - The last lines of the run's output.
   * @param logged - What it tells by its metrics.
   * @param wanted - How many epochs it was asked for by its arguments, if it was.
   * @param now - Seconds since its script began; null where that is not known.
   */
  take(lines: readonly string[], logged: ILogged, wanted: number | undefined, now: number | null): void {
    const told = toldBy(lines);
    if (told.epoch !== undefined) {
      this._isWhole ??= (lines.map(epochOf).find(Boolean) as ICount).done <= 1;
    }
    this._state =
      this._byLines(told, logged, wanted, now) ??
      this._byMetric(told, logged, wanted, now) ??
      this._bySteps(told, logged, now);
    this._takeBar(told.bar, wanted);
    this._looked = true;
  }

  /**
   * Return how far it is at a time, in seconds since its script began, in words of `trans`; undefined where nothing tells.
   *
   * @param isDone - Whether it went well to its end: then all units that were told of are done.
   */
  progress(now: number | null, trans: ITrans = UNTRANSLATED, isDone = false): Progress | undefined {
    if (this._state === undefined) {
      return this._bar && drawn(this._bar, trans);
    }
    const { name, count, done, pace, countsBegin } = this._state;
    const shown = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 2 });
    const [at, of] = [shown(count.done), shown(count.total)];
    const isKnown = pace !== undefined && now !== null && done < count.total;
    return {
      label: name === 'Epoch' ? trans.__('Epoch %1 of %2', at, of) : trans.__('Step %1 of %2', at, of),
      fraction: Math.min(1, Math.max(0, (isDone ? count.done : done) / count.total)),
      remaining: isKnown ? remainingOf(pace, count.total, now, name === 'Epoch' ? 1 : COUNTED_ON * count.total) : null,
      ...(isKnown && countsBegin ? { isMost: true } : {})
    };
  }

  private _byLines(told: ITold, logged: ILogged, wanted: number | undefined, now: number | null): IState | undefined {
    if (told.counted !== undefined) {
      const { counted } = told;
      const seen = this._come(counted, now);
      this._isWhole ??= counted.done <= 1;
      return this._counted('Epoch', counted, counted.done, told, now, seen, this._isWhole ? BEGIN : undefined);
    }
    const { epoch, line = '' } = told;
    if (epoch === undefined) {
      return undefined;
    }
    this._announce(epoch.done, now);
    const base = this._announced[0]?.epoch === 0 || wanted === epoch.total + 1 ? 0 : 1;
    const total = wanted === epoch.total + 1 && base === 0 ? wanted : epoch.total;
    const ordinal = { done: epoch.done - base + 1, total };
    const custom = told.stepInLine
      ? 'before'
      : customOf(line, ordinal, this._missed !== undefined ? [] : this._announced, logged.times ?? []);
    const done = Math.min(total, doneBy(custom ?? 'before', ordinal.done));
    const own = this._announced.map(one => ({ done: doneBy(custom ?? 'before', one.epoch - base + 1), at: one.at }));
    const moments = loggedMoments(logged, done) ?? own;
    return this._counted(
      'Epoch',
      { done: epoch.done, total },
      done,
      told,
      now,
      moments,
      this._isWhole ? BEGIN : undefined
    );
  }

  private _byMetric(told: ITold, logged: ILogged, wanted: number | undefined, now: number | null): IState | undefined {
    const { epoch, parts = false, epochs } = logged;
    if (epoch === undefined || wanted === undefined || wanted <= 0 || epoch > wanted) {
      return undefined;
    }
    const count = { done: epoch, total: wanted };
    if (parts && epochs !== undefined) {
      const moments = [epochs.first, epochs.last].map(({ epoch: done, at }) => ({ done, at }));
      return this._counted('Epoch', count, epoch, {}, now, moments);
    }
    const base = epochs?.first.epoch === 0 ? 0 : 1;
    const isRepeated = epochs !== undefined && epochs.count > epochs.last.epoch - epochs.first.epoch + 1;
    const custom = isRepeated || isEarly(epochs ? [epochs.first, epochs.last] : []) ? 'before' : 'after';
    const of = (one: IAnnounced): IMoment => ({ done: doneBy(custom, one.epoch - base + 1), at: one.at });
    // Repeated ones come at any time within an epoch.
    const moments = isRepeated || epochs === undefined || epochs.count < 2 ? [] : [of(epochs.first), of(epochs.last)];
    const begin = epochs === undefined || epochs.first.epoch <= 1 ? BEGIN : of(epochs.first);
    const state = this._counted('Epoch', count, doneBy(custom, epoch - base + 1), told, now, moments, begin);
    // whether a single value came before its epoch's work is not known, and so not how long that takes
    return epochs?.count === 1 ? { ...state, pace: undefined } : state;
  }

  private _bySteps(told: ITold, logged: ILogged, now: number | null): IState | undefined {
    const steps = logged.steps ?? told.step;
    const moments = logged.steps ? logged.stepped : told.step && this._come(told.step, now);
    return steps && this._counted('Step', steps, steps.done, {}, now, moments);
  }

  /**
   * Return what is so far, `done` being whole units, and what is drawn or counted within one its part.
   *
   * @param moments - When which units were done, as far as that is known.
   * @param begin - Since when units are done, where that is known: where but one moment is known, that tells how quickly.
   */
  private _counted(
    name: IState['name'],
    count: ICount,
    whole: number,
    { step, bar }: ITold,
    now: number | null,
    moments: readonly IMoment[] = [],
    begin?: IMoment
  ): IState {
    const part = step === undefined ? (bar?.fraction ?? 0) : step.done / step.total;
    // Bars of training and of validation follow each other in an epoch: it goes never back.
    const isSame = this._unit?.whole === whole && this._unit.name === name;
    const most = Math.min(1, Math.max(part, isSame ? (this._unit?.part ?? 0) : 0));
    const done = Math.min(count.total, whole + most);
    if (!isSame || most > (this._unit?.part ?? 0)) {
      this._unit = {
        name,
        whole,
        part: most,
        at: now,
        wasBegun: isSame ? (this._unit as IUnit).wasBegun : !this._looked
      };
    }
    const [first, last] = [moments.length > 1 ? moments[0] : begin, moments[moments.length - 1]];
    const known = first && last && paceOf(first, last);
    const countsBegin = first === BEGIN && known !== undefined;
    return { name, count, done, pace: known ?? (begin && this._paceSoFar(begin, done, most)), countsBegin };
  }

  /** Return the pace from a begin on, where it is not known how long what came before the first unit took. */
  private _paceSoFar(begin: IMoment, done: number, part: number): IPace | undefined {
    const { name, at, wasBegun } = this._unit as IUnit;
    if (at === null) {
      return undefined;
    }
    // Of an epoch that was begun before anybody looked, and draws nothing, half may be over.
    const half = name === 'Epoch' && wasBegun && part === 0 && done > 0 && Number.isInteger(done) ? 0.5 : 0;
    return paceOf(begin, { done: done + half, at });
  }

  /** Return when the first and the last of what lines count came; what was there when somebody began to look did so before. */
  private _come({ done, total }: ICount, now: number | null): readonly IMoment[] {
    const before = this._seen?.total === total && this._seen.done <= done ? this._seen : undefined;
    const moments = before?.moments ?? [];
    if (now !== null && this._looked && before?.done !== done) {
      moments.splice(1, 1, { done, at: now });
    }
    this._seen = { done, total, moments };
    return moments;
  }

  private _announce(epoch: number, now: number | null): void {
    const last = this._announced[this._announced.length - 1];
    // What was there when somebody began to look came at an unknown time.
    if (!this._looked) {
      this._missed = epoch;
    }
    if (this._missed === epoch || now === null || last?.epoch === epoch) {
      return;
    }
    this._announced.push({ epoch, at: now });
    this._announced.splice(2, Math.max(0, this._announced.length - 3));
  }

  private _takeBar(bar: IBar | undefined, wanted: number | undefined): void {
    // One that begins again is drawn for each of several things, and so may be one of several epochs that were asked for.
    this._isInner ||= this._bar !== undefined && bar !== undefined && bar.fraction < this._bar.fraction - 0.5;
    const isPart = this._isInner || (wanted ?? 1) > 1;
    this._bar = bar && (isPart ? { ...bar, remaining: null } : bar);
  }

  private _state: IState | undefined;
  private _bar: IBar | undefined;
  private _isInner = false;
  private _looked = false;
  /** The epoch that was told of when somebody began to look. */
  private _missed: number | undefined;
  /** Whether the first epoch that was told of is the first of all: an earlier run may have done others. */
  private _isWhole: boolean | undefined;
  private _seen: ISeen | undefined;
  /** The first two epochs that were told of while somebody looked on, and the last one. */
  private readonly _announced: IAnnounced[] = [];
  private _unit: IUnit | undefined;
}

function drawn({ name, done, total, fraction, remaining }: IBar, trans: ITrans): Progress {
  const label = name === '' ? trans.__('%1 of %2', done, total) : trans.__('%1 %2 of %3', name, done, total);
  return { label, fraction, remaining };
}

function doneBy(custom: Custom, ordinal: number): number {
  return Math.max(0, custom === 'after' ? ordinal : ordinal - 1);
}

/** Return when the first and the last of so many epochs was done, by a metric that was logged once in each. */
function loggedMoments({ times = [] }: ILogged, done: number): IMoment[] | undefined {
  const found = done < 2 ? undefined : times.find(({ count }) => count === done);
  return (
    found && [
      { done: 1, at: found.first },
      { done, at: found.last }
    ]
  );
}

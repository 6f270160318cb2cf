import { type MutableRef, useEffect, useReducer, useRef, useState } from 'preact/hooks';
import type { Observed } from '../model/observed';
import type { RunModel } from '../model/run_model';
import { failureText } from '../problems';
import type { Reach, Source } from '../sources/source';
import { type ITrans, useTrans } from '../translation';

/** Draw again after each change of a run, and follow it as long as this is shown. */
export function useRun(model: RunModel): void {
  useObserved(model);
}

/** Draw again after each change of something, if there is something, and follow it as long as this is shown. */
export function useObserved(model: Observed | undefined): void {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => model?.observe(() => draw(undefined)), [model]);
}

/** Milliseconds between two drawings of several runs. */
const PAUSE = 400;

/** Draw again after changes of any of the runs, now and then, and follow them as long as this is shown. */
export function useRuns(models: readonly RunModel[]): void {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const changed = (): void => {
      timer ??= setTimeout(() => {
        timer = undefined;
        draw(undefined);
      }, PAUSE);
    };
    const stops = models.map(model => model.observe(changed));
    return () => {
      clearTimeout(timer);
      for (const stop of stops) {
        stop();
      }
    };
  }, [models]);
}

/**
 * Return the time in milliseconds, in whole seconds while `running`, and draw again with each.
 *
 * All clocks of a page go on at once, so that what two views count is never a second apart.
 */
export function useClock(running: boolean): number {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    if (!running) {
      return;
    }
    let timer: ReturnType<typeof setTimeout>;
    const wait = (): void => {
      timer = setTimeout(
        () => {
          draw(undefined);
          wait();
        },
        SECOND - (Date.now() % SECOND)
      );
    };
    wait();
    return () => {
      clearTimeout(timer);
    };
  }, [running]);
  return running ? Date.now() - (Date.now() % SECOND) : Date.now();
}

const SECOND = 1000;

/**
 * Return a name that nothing else in the page has, as long as this is shown.
 *
 * Preact's `useId` gives the same ones to each card of a page, where a label would be of another card's field.
 */
export function useName(): string {
  const [name] = useState(() => `td-${Math.random().toString(36).slice(2)}`);
  return name;
}

/** Return a ref of an element, and how often that was shown again after it was hidden, as in a tab. */
export function useTimesShown(): [MutableRef<HTMLDivElement | null>, number] {
  const place = useRef<HTMLDivElement>(null);
  const [times, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const element = place.current as HTMLDivElement;
    let hidden = false;
    const observer = new ResizeObserver(() => {
      const was = hidden;
      hidden = element.offsetWidth === 0;
      if (was && !hidden) {
        again(undefined);
      }
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [place, times];
}

/**
 * Return a ref of an element with rows of fields, below which a button adds one: the first field of that gets the focus.
 *
 * @param rows - How many there are.
 */
export function useFocusOfAdded(rows: number): MutableRef<HTMLFieldSetElement | null> {
  const place = useRef<HTMLFieldSetElement>(null);
  const before = useRef(rows);
  useEffect(() => {
    const frame = place.current;
    // rows also come by themselves, such as those that a form has kept
    if (rows === before.current + 1 && frame?.contains(document.activeElement)) {
      frame.querySelector<HTMLElement>('.td-tag:last-of-type input')?.focus();
    }
    before.current = rows;
  }, [rows]);
  return place;
}

/** Milliseconds after the last key after which something typed is taken for whole. */
const SETTLED_AFTER = 300;

/** Return `value` as it was when it last stayed the same for a moment. */
export function useSettled(value: string): string {
  const [settled, settle] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => settle(value), SETTLED_AFTER);
    return () => {
      clearTimeout(timer);
    };
  }, [value]);
  return settled;
}

/** What became of something that a person asked for. */
export interface IAction {
  /** Whether its answer is waited for. */
  busy: boolean;
  /** What is to be said about it: why it was refused, or when it is done. */
  note: string;
  /** Whether the note says why it was refused. */
  refused: boolean;
  /** `done` says what became of it. */
  run<T>(act: () => Promise<T>, done?: (answer: T) => string): void;
  /** Say no more about it. */
  forget(): void;
}

/** Do what a person asks for, once at a time, and tell what became of it. */
export function useAction(source: Source): IAction {
  const trans = useTrans();
  const [busy, setBusy] = useState(false);
  const [note, setNote] = useState('');
  const [refused, setRefused] = useState(false);
  const run = <T>(act: () => Promise<T>, done: (answer: T) => string = () => ''): void => {
    setBusy(true);
    setRefused(false);
    setNote(waitingNote(source.reach, trans));
    act().then(
      answer => {
        setBusy(false);
        setNote(done(answer));
      },
      error => {
        setBusy(false);
        setRefused(true);
        setNote(failureText(error, trans));
      }
    );
  };
  return { busy, note, refused, run, forget: () => setNote('') };
}

function waitingNote(reach: Reach, trans: ITrans): string {
  return reach === 'when the cell ends' ? trans.__('Asked the kernel: done when its cell ends.') : '';
}

/** What was asked for, when it is there. */
export interface ILoaded<T> {
  value: T | undefined;
  error: string;
  /** Ask again. */
  again(): void;
}

/** Ask for something when this is shown, and again when `key` changes. An older answer stays until a newer comes. */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, key: string): ILoaded<T> {
  const trans = useTrans();
  const [value, setValue] = useState<T>();
  const [error, setError] = useState('');
  const [count, again] = useReducer((times: number) => times + 1, 0);
  // `load` is another function each time; `key` says when it differs
  useEffect(() => {
    const gone = new AbortController();
    load(gone.signal).then(
      found => {
        if (!gone.signal.aborted) {
          setValue(found);
          setError('');
        }
      },
      failure => {
        if (!gone.signal.aborted) {
          setError(failureText(failure, trans));
        }
      }
    );
    return () => {
      gone.abort();
    };
  }, [key, count]);
  return { value, error, again: () => again(undefined) };
}

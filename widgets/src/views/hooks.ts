import { useEffect, useReducer, useState } from 'preact/hooks';
import type { RunModel } from '../model/run_model';
import type { Reach, Source } from '../sources/source';
import { RequestError } from '../sources/source';
import { problemOf } from './problems';

/** Draw again after each change of a run, and follow it as long as this is shown. */
export function useRun(model: RunModel): void {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => model.observe(() => draw(undefined)), [model]);
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

/** Return the time in milliseconds, every second while `running`. */
export function useClock(running: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) {
      return;
    }
    const timer = setInterval(() => {
      setNow(Date.now());
    }, 1000);
    return () => {
      clearInterval(timer);
    };
  }, [running]);
  return running ? Math.max(now, Date.now() - 1000) : Date.now();
}

/**
 * Return a name that nothing else in the page has, as long as this is shown.
 *
 * Preact's `useId` gives the same ones to each card of a page, where a label would be of another card's field.
 */
export function useName(): string {
  const [name] = useState(() => `td-${Math.random().toString(36).slice(2)}`);
  return name;
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
  const [busy, setBusy] = useState(false);
  const [note, setNote] = useState('');
  const [refused, setRefused] = useState(false);
  const run = <T>(act: () => Promise<T>, done: (answer: T) => string = () => ''): void => {
    setBusy(true);
    setRefused(false);
    setNote(waitingNote(source.reach));
    act().then(
      answer => {
        setBusy(false);
        setNote(done(answer));
      },
      error => {
        setBusy(false);
        setRefused(true);
        setNote(said(error));
      }
    );
  };
  return { busy, note, refused, run, forget: () => setNote('') };
}

/** Return why something was refused, and what to do next. */
export function said(error: unknown): string {
  if (error instanceof RequestError) {
    return problemOf(error);
  }
  return error instanceof Error ? error.message : String(error);
}

function waitingNote(reach: Reach): string {
  return reach === 'when the cell ends' ? 'Asked the kernel: done when its cell ends.' : '';
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
          setError(said(failure));
        }
      }
    );
    return () => {
      gone.abort();
    };
  }, [key, count]);
  return { value, error, again: () => again(undefined) };
}

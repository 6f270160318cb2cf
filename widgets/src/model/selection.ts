import type { Disposer } from '../sources/source';

/** Which of several things are picked, by name: runs, or files. */
export interface ISelection {
  get(): readonly string[];
  set(names: readonly string[]): void;
  /** Call `listener` when somebody else has changed it. */
  observe(listener: () => void): Disposer;
}

/** A choice that a page keeps for itself. */
export class PageSelection implements ISelection {
  get(): readonly string[] {
    return this._names;
  }

  set(names: readonly string[]): void {
    this._names = names;
  }

  observe(): Disposer {
    return () => undefined;
  }

  private _names: readonly string[] = [];
}

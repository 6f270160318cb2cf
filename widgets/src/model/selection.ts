import type { Disposer } from '../sources/source';

/** Which runs are ticked. */
export interface ISelection {
  get(): readonly string[];
  set(runs: readonly string[]): void;
  /** Call `listener` when somebody else has changed it. */
  observe(listener: () => void): Disposer;
}

/** A choice that a page keeps for itself. */
export class PageSelection implements ISelection {
  get(): readonly string[] {
    return this._runs;
  }

  set(runs: readonly string[]): void {
    this._runs = runs;
  }

  observe(): Disposer {
    return () => undefined;
  }

  private _runs: readonly string[] = [];
}

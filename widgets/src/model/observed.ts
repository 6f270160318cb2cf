import type { Disposer } from '../sources/source';

/** Something that is followed while anybody looks at it, and tells them after each change. */
export abstract class Observed {
  /** Call `listener` after each change. */
  observe(listener: () => void): Disposer {
    this._listeners.add(listener);
    this._stop ??= this._follow();
    return () => {
      this._listeners.delete(listener);
      if (this._listeners.size === 0) {
        this._stop?.();
        this._stop = null;
      }
    };
  }

  /** Begin to follow; what is returned ends it. */
  protected abstract _follow(): Disposer;

  /** Tell all who look. */
  protected _changed(): void {
    for (const listener of [...this._listeners]) {
      listener();
    }
  }

  private _stop: Disposer | null = null;
  private readonly _listeners = new Set<() => void>();
}

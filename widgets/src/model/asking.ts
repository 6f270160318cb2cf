/** Milliseconds between two questions that nobody has asked for. */
const PAUSE = 1000;

/** Asks for something once at a time, and once more for whatever has changed while an answer was waited for. */
export class Asking {
  /** @param ask - Asks, and takes the answer; fails never. */
  constructor(private readonly ask: () => Promise<void>) {}

  /** Ask at once, or when the answer that is waited for is here. */
  async now(): Promise<void> {
    this._again = true;
    this._asking ??= this._ask();
    await this._asking;
  }

  /** Ask in a moment, once for all that changes until then. */
  soon(): void {
    this._timer ??= setTimeout(() => {
      this._timer = undefined;
      void this.now();
    }, PAUSE);
  }

  /** Leave off what is to be asked for soon. */
  stop(): void {
    clearTimeout(this._timer);
    this._timer = undefined;
  }

  private async _ask(): Promise<void> {
    try {
      while (this._again) {
        this._again = false;
        await this.ask();
      }
    } finally {
      this._asking = null; // at once: what is asked for from here on is asked for
    }
  }

  private _again = false;
  private _asking: Promise<void> | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

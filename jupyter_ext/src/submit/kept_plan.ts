/** Milliseconds after the last change after which a plan is made: who types is not held up by it. */
const PAUSE = 500;
/** Milliseconds for which a plan is that of what lies on the disk, too: files may be changed without a form's knowing. */
const FRESH = 30_000;

/** What a plan shows. */
export interface IShownPlan<Plan> {
  document: Plan;
  /** What it was made of. */
  of: string;
}

/** Why there is no plan. */
export interface IPlanProblem {
  error: unknown;
  text: string;
  /** What it could not be made of. */
  of: string;
}

/** The plan of what is filled in: made soon after each change, and given up where something else has changed since. */
export class KeptPlan<Plan> {
  /**
   * @param make - Makes it of what is filled in now.
   * @param changed - Called when something else is known.
   * @param say - Returns in words why there is none.
   */
  constructor(
    private readonly make: (signal: AbortSignal) => Promise<Plan>,
    private readonly changed: () => void,
    private readonly say: (error: unknown) => string
  ) {}

  /** The last one that could be made. */
  shown: IShownPlan<Plan> | null = null;
  /** Why that of what was filled in last cannot be made. */
  problem: IPlanProblem | null = null;

  /** Whether it is known what comes of something: a plan, or that there is none. */
  knows(of: string): boolean {
    return (this.problem ?? this.shown)?.of === of;
  }

  /** Return the plan of something; null where there is none. */
  of(of: string): Plan | null {
    return this.problem === null && this.shown?.of === of ? this.shown.document : null;
  }

  /**
   * Have it made soon, unless it is known.
   *
   * @param anew - Whether what is known may be out of date.
   */
  soon(of: string, anew = false): void {
    if (this._wanted !== of) {
      this.stop();
      if (anew || !this.knows(of)) {
        this._wanted = of;
        this._timer = setTimeout(() => void this._make(of), PAUSE);
      }
    }
  }

  /**
   * Have it made at once, unless it is known and fresh; resolved when there is one, or none.
   *
   * @param anew - Whether only one that is made from now on will do.
   */
  async now(of: string, anew = false): Promise<void> {
    if (this._wanted === of && this._making !== null && !anew) {
      await this._making;
    } else if (anew || this._wanted === of || !this.knows(of) || Date.now() - this._made > FRESH) {
      this.stop();
      this._wanted = of;
      await this._make(of);
    }
  }

  /** Make none any more; what is under way is given up. */
  stop(): void {
    clearTimeout(this._timer);
    this._abort?.abort();
    this._abort = null;
    this._making = null;
    this._wanted = null;
  }

  private _make(of: string): Promise<void> {
    const abort = new AbortController();
    this._abort = abort;
    this._making = this.make(abort.signal)
      .then(
        document => {
          if (!abort.signal.aborted) {
            this.shown = { document, of };
            this.problem = null;
          }
        },
        (error: unknown) => {
          if (!abort.signal.aborted) {
            this.problem = { error, text: this.say(error), of };
          }
        }
      )
      .then(() => {
        if (!abort.signal.aborted) {
          this._made = Date.now();
          this.stop();
          this.changed();
        }
      });
    return this._making;
  }

  private _wanted: string | null = null;
  private _made = 0;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _abort: AbortController | null = null;
  private _making: Promise<void> | null = null;
}

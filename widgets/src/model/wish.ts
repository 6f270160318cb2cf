/** A wish that may have been granted: what it was for, and its name. */
export interface IWish {
  what: string;
  id: string;
}

/**
 * Something that a person wants done once, and may have to ask for several times: where no answer comes, nobody knows
 * whether it was done. It is sent with a name, under which a server does it once.
 */
export class Wish {
  /** @param unanswered - One that was sent before this page was loaded. */
  constructor(private _unanswered: IWish | null = null) {}

  /** The one that was sent last, unless it was answered. */
  get unanswered(): IWish | null {
    return this._unanswered;
  }

  /** Return the name to send a wish with: the one before, where the same is wanted and was not answered. */
  idOf(what: string): string {
    if (this._unanswered?.what !== what) {
      this._unanswered = { what, id: wishId() };
    }
    return this._unanswered.id;
  }

  /** It was granted: whoever wants the same now wants it once more. */
  granted(): void {
    this._unanswered = null;
  }
}

/** Return a new name for a wish. It need not be secret, and a page without HTTPS has no `randomUUID`. */
export function wishId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

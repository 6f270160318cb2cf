/** A wish that may have been granted. */
export interface IWish {
  /** What it was for. */
  what: string;
  /** Its name. */
  id: string;
  /** When it was sent first, in milliseconds since 1970. */
  since: number;
}

/**
 * Milliseconds for which who resubmits a run and is not answered means the same when asking again: there is nothing to
 * tell that from wanting one more run.
 */
export const ASKED_AGAIN = 600_000;

/**
 * Something that a person wants done once, and may have to ask for several times: where no answer comes, nobody knows
 * whether it was done. It is sent with a name, under which a server does it once.
 */
export class Wish {
  /** The one that was sent last, unless it was answered; be it before this page was loaded. */
  sent: IWish | null = null;

  /**
   * Return the name to send a wish with: the one before, where the same is wanted and was not answered.
   *
   * @param lasting - Milliseconds after which the same is wanted once more, as nobody thinks of the one before.
   */
  idOf(what: string, lasting: number): string {
    const now = Date.now();
    if (this.sent?.what !== what || now - this.sent.since > lasting) {
      this.sent = { what, id: wishId(), since: now };
    }
    return this.sent.id;
  }

  /** It was granted: whoever wants the same now wants it once more. */
  granted(): void {
    this.sent = null;
  }
}

/** Return a new name for a wish. It need not be secret, and a page without HTTPS has no `randomUUID`. */
export function wishId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

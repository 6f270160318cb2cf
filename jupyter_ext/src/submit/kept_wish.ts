import { type IWish, Wish } from '../../../widgets/src/model/wish';
import type { Resubmission, RunConfiguration } from './documents';
import { hasPassword, isSecretVariable, withoutSecrets } from './secrets';

/** The wish of a form for a run, which is kept with its draft until it is answered: a page may be loaded anew meanwhile. */
export class KeptWish {
  /** @param kept - What was kept of a draft, be it by another version. */
  constructor(kept?: unknown) {
    this._wish = new Wish(wishOf(kept));
  }

  /**
   * Return the name to send it with.
   *
   * @param of - What is asked: the workspace, or the run that is resubmitted.
   */
  idOf(of: string, sent: RunConfiguration | Resubmission): string {
    this._isSecret = hasSecrets(sent);
    return this._wish.idOf(JSON.stringify([of, sent]));
  }

  /** There is the run. */
  granted(): void {
    this._wish.granted();
  }

  /** What is kept of it: nothing where secrets are sent, which would be kept as well. */
  get kept(): { wish?: IWish } {
    const { unanswered } = this._wish;
    return unanswered === null || this._isSecret ? {} : { wish: unanswered };
  }

  private readonly _wish: Wish;
  private _isSecret = false;
}

function wishOf(kept: unknown): IWish | null {
  const { what, id } = (kept as { wish?: Partial<IWish> } | undefined)?.wish ?? {};
  return typeof what === 'string' && typeof id === 'string' ? { what, id } : null;
}

function hasSecrets(sent: RunConfiguration | Resubmission): boolean {
  const words = sent.arguments ?? [];
  return (
    withoutSecrets(words).length < words.length ||
    Object.keys(sent.environment_variables ?? {}).some(isSecretVariable) ||
    hasPassword(JSON.stringify(sent))
  );
}

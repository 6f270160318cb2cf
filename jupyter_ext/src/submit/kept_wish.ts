import { type IWish, Wish } from '../../../widgets/src/model/wish';
import type { Resubmission, RunConfiguration } from './documents';
import { hasPassword, isSecretVariable, withoutSecrets } from './secrets';

/** Milliseconds after which who fills in a form means another run, though the one before was not answered: a day. */
const LASTING = 86_400_000;

/** The wish of a form for a run, which is kept with its draft until it is answered: a page may be loaded anew meanwhile. */
export class KeptWish {
  /** @param kept - What was kept of a draft, be it by another version. */
  constructor(kept?: unknown) {
    this._wish.sent = wishOf(kept);
  }

  /** Whether one was sent that was not answered. */
  get isOpen(): boolean {
    return this._wish.sent !== null;
  }

  /**
   * Return the name to send it with.
   *
   * @param of - What is asked: the workspace, or the run that is resubmitted.
   * @param stamp - Of the files that are sent, as a plan has it; `""` where they are not known, or never change.
   */
  idOf(of: string, sent: RunConfiguration | Resubmission, stamp = ''): string {
    this._isSecret = hasSecrets(sent);
    return this._wish.idOf(JSON.stringify([of, sent, stamp]), LASTING);
  }

  /** There is the run. */
  granted(): void {
    this._wish.granted();
  }

  /** What is kept of it: nothing where secrets are sent, which would be kept as well. */
  get kept(): { wish?: IWish } {
    const { sent } = this._wish;
    return sent === null || this._isSecret ? {} : { wish: sent };
  }

  private readonly _wish = new Wish();
  private _isSecret = false;
}

function wishOf(kept: unknown): IWish | null {
  const { what, id, since } = (kept as { wish?: Partial<IWish> } | undefined)?.wish ?? {};
  return typeof what === 'string' && typeof id === 'string' && typeof since === 'number' ? { what, id, since } : null;
}

function hasSecrets(sent: RunConfiguration | Resubmission): boolean {
  const words = sent.arguments ?? [];
  return (
    withoutSecrets(words).length < words.length ||
    Object.keys(sent.environment_variables ?? {}).some(isSecretVariable) ||
    hasPassword(JSON.stringify(sent))
  );
}

import { Observed } from '../../../../widgets/src/model/observed';
import type { Disposer } from '../../../../widgets/src/sources/source';

/** What of a section is in sight, as long as the page lasts. */
export class Looks extends Observed {
  /** Whether the fields for filters and order are. */
  options = false;

  /** Show them, or no longer. */
  toggleOptions(): void {
    this.options = !this.options;
    this._changed();
  }

  protected _follow(): Disposer {
    return () => undefined;
  }
}

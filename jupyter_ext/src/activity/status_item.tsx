import type { TranslationBundle } from '@jupyterlab/translation';
import { type ISignal, Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { render } from 'preact';
import { traindockIcon } from '../icons';
import type { Activity } from './activity';

/** How many runs of the workspace that is looked at run and wait, for the status bar; nothing where there are none. */
export class StatusItem extends Widget {
  /**
   * @param activity - What is counted.
   * @param trans - For its words.
   * @param open - Shows these runs.
   */
  constructor(
    private readonly activity: Activity,
    private readonly trans: TranslationBundle,
    private readonly open: () => void
  ) {
    super();
    this.addClass('jp-Traindock-Status');
    this._stop = activity.observe(() => this._draw());
    this._draw();
  }

  /** Whether there is anything to tell, and anybody wants to be told. */
  get isActive(): boolean {
    return this._told && this._wanted;
  }

  /** Show it from now on, or no more. */
  want(wanted: boolean): void {
    this._wanted = wanted;
    this._activeChanged.emit();
  }

  /** Whether there is has changed. */
  get activeChanged(): ISignal<this, void> {
    return this._activeChanged;
  }

  override dispose(): void {
    this._stop();
    render(null, this.node);
    super.dispose();
  }

  private _draw(): void {
    const { trans } = this;
    const current = this.activity.workspaces.current;
    const { running, waiting } = current === null ? { running: 0, waiting: 0 } : this.activity.counts(current.id);
    const told = [
      ...(running > 0 ? [trans.__('%1 running', running)] : []),
      ...(waiting > 0 ? [trans.__('%1 waiting', waiting)] : [])
    ].join(', ');
    render(
      told === '' ? null : (
        <button
          type="button"
          title={trans.__('Runs of workspace %1. Show them', current?.name)}
          onClick={() => this.open()}
        >
          <span
            aria-hidden="true"
            ref={node => {
              if (node !== null && node.firstChild === null) {
                traindockIcon.element({ container: node, stylesheet: 'statusBar' });
              }
            }}
          />
          {told}
        </button>
      ),
      this.node
    );
    if (this._told !== (told !== '')) {
      this._told = told !== '';
      this._activeChanged.emit();
    }
  }

  private _told = false;
  private _wanted = true;
  private readonly _stop: () => void;
  private readonly _activeChanged = new Signal<this, void>(this);
}

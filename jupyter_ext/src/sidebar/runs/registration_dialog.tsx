import { Dialog } from '@jupyterlab/apputils';
import { RunModel } from '../../../../widgets/src/model/run_model';
import type { RunTarget } from '../../../../widgets/src/sources/source';
import type { IHost } from '../../../../widgets/src/views/header';
import { RegistrationCard } from '../../../../widgets/src/views/registration';
import type { ITraindock } from '../../tokens';
import { ViewWidget } from '../view_widget';

/** Show the panel by which outputs of a run become a model's next version. */
export function registrationDialog({ source, trans }: ITraindock, target: RunTarget, host: IHost): void {
  const model = new RunModel(source, target);
  const body = new ViewWidget(() => <RegistrationCard model={model} host={host} />, trans);
  body.addClass('jp-Traindock-Registration');
  void new FormDialog(body, {
    title: trans.__('Register a model'),
    body,
    buttons: [Dialog.okButton({ label: trans.__('Close') })],
    hasClose: true
  }).launch();
}

/**
 * A dialog around a form that comes when what it asks for is there.
 *
 * JupyterLab's own takes Enter in a field for its button, which would close this one with all that was typed, and leads
 * Tab to nothing that was not there when it opened.
 */
class FormDialog extends Dialog<unknown> {
  constructor(
    private readonly form: ViewWidget,
    options: Partial<Dialog.IOptions<unknown>>
  ) {
    super(options);
    this._observer.observe(form.node, { childList: true, subtree: true });
    document.addEventListener('keydown', this._onKey);
  }

  override dispose(): void {
    this._observer.disconnect();
    document.removeEventListener('keydown', this._onKey);
    super.dispose();
  }

  override handleEvent(event: Event): void {
    if (event instanceof KeyboardEvent && event.type === 'keydown') {
      const inForm = event.target instanceof Node && this.form.node.contains(event.target);
      if (event.key === 'Enter' && inForm) {
        return;
      }
      if (event.key === 'Tab' && !event.shiftKey && !inForm && this._field !== null) {
        event.preventDefault();
        event.stopPropagation();
        this._field.focus();
        return;
      }
    }
    super.handleEvent(event);
  }

  private get _field(): HTMLElement | null {
    return this.form.node.querySelector('input, button');
  }

  /** A button that is disabled when it was pressed leaves the focus nowhere, where JupyterLab hears no key. */
  private readonly _onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && event.target === document.body) {
      this.reject();
    }
  };

  /** Who has not gone anywhere yet begins with the first field. */
  private readonly _observer = new MutationObserver(() => {
    const field = this.form.node.querySelector('input');
    if (field !== null) {
      this._observer.disconnect();
      if (!this.form.node.contains(document.activeElement)) {
        field.focus();
      }
    }
  });
}

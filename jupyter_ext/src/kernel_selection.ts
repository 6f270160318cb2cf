import { type Kernel, KernelMessage } from '@jupyterlab/services';
import type { ISelection } from '../../widgets/src/model/selection';
import type { Disposer } from '../../widgets/src/sources/source';

/** The trait that holds the choice. */
const TRAIT = 'selected_runs';
/** Of the messages by which widgets speak. */
const PROTOCOL = { version: '2.1.0' };

/**
 * A choice that is kept by this page, and by the trait of a widget as long as there is a kernel.
 *
 * The widget's own view is not there: its messages are spoken to the kernel directly.
 */
export class KernelSelection implements ISelection {
  /**
   * @param widget - Id of the widget's model.
   * @param kernel - Returns the kernel that the output came from, if it is there.
   */
  constructor(
    private readonly widget: string,
    private readonly kernel: () => Kernel.IKernelConnection | null
  ) {}

  get(): readonly string[] {
    return this._runs;
  }

  set(runs: readonly string[]): void {
    this._runs = runs;
    this._send(this.kernel(), { method: 'update', state: { [TRAIT]: [...runs] }, buffer_paths: [] });
  }

  observe(listener: () => void): Disposer {
    const kernel = this.kernel();
    const take = (_: unknown, message: KernelMessage.IIOPubMessage): void => {
      const runs = this._runsOf(message);
      if (runs !== undefined) {
        this._runs = runs;
        listener();
      }
    };
    kernel?.iopubMessage.connect(take);
    this._send(kernel, { method: 'request_state' });
    return () => {
      kernel?.iopubMessage.disconnect(take);
    };
  }

  private _send(kernel: Kernel.IKernelConnection | null, data: KernelMessage.ICommMsgMsg['content']['data']): void {
    if (kernel === null || kernel.isDisposed) {
      return;
    }
    const message = KernelMessage.createMessage<KernelMessage.ICommMsgMsg<'shell'>>({
      msgType: 'comm_msg',
      channel: 'shell',
      username: kernel.username,
      session: kernel.clientId,
      metadata: PROTOCOL,
      content: { comm_id: this.widget, data }
    });
    kernel.sendShellMessage(message, false, true);
  }

  /** Return the runs that the widget says are chosen, if that is what a message is about. */
  private _runsOf(message: KernelMessage.IIOPubMessage): string[] | undefined {
    if (!KernelMessage.isCommMsgMsg(message) || message.content.comm_id !== this.widget) {
      return undefined;
    }
    const { method, state } = message.content.data as { method?: unknown; state?: Record<string, unknown> };
    const runs = method === 'update' ? state?.[TRAIT] : undefined;
    return Array.isArray(runs) ? runs.map(String) : undefined;
  }

  private _runs: readonly string[] = [];
}

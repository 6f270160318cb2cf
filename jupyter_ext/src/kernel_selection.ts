import { type Kernel, KernelMessage } from '@jupyterlab/services';
import type { ISelection } from '../../widgets/src/model/selection';
import type { Disposer } from '../../widgets/src/sources/source';

/** Of the messages by which widgets speak. */
const PROTOCOL = { version: '2.1.0' };

/** The kernel of a notebook, in whose place another may come; after a page was loaded it comes late. */
export interface IKernels {
  current(): Kernel.IKernelConnection | null;
  /** Call a listener whenever there is another kernel. */
  observe(listener: () => void): Disposer;
}

/**
 * A choice that is kept by this page, and by the trait of a widget as long as there is a kernel.
 *
 * The widget's own view is not there: its messages are spoken to the kernel directly.
 */
export class KernelSelection implements ISelection {
  /**
   * @param widget - Id of the widget's model.
   * @param trait - Name of the trait that holds the choice, a list of texts.
   * @param kernels - The kernel that the output came from, if it is there.
   */
  constructor(
    private readonly widget: string,
    private readonly trait: string,
    private readonly kernels: IKernels
  ) {}

  get(): readonly string[] {
    return this._names;
  }

  set(names: readonly string[]): void {
    this._names = names;
    const state = { [this.trait]: [...names] };
    this._awaited = this._send(this.kernels.current(), { method: 'update', state, buffer_paths: [] });
  }

  observe(listener: () => void): Disposer {
    const take = (_: unknown, message: KernelMessage.IIOPubMessage): void => {
      const names = this._namesOf(message);
      if (names !== undefined) {
        this._names = names;
        listener();
      }
    };
    let kernel: Kernel.IKernelConnection | null = null;
    const follow = (): void => {
      kernel?.iopubMessage.disconnect(take);
      kernel = this.kernels.current();
      kernel?.iopubMessage.connect(take);
      this._awaited = undefined;
      this._send(kernel, { method: 'request_state' });
    };
    const unfollow = this.kernels.observe(follow);
    follow();
    return () => {
      unfollow();
      kernel?.iopubMessage.disconnect(take);
    };
  }

  /** Send the widget a message; return its id, or undefined where there is no kernel. */
  private _send(
    kernel: Kernel.IKernelConnection | null,
    data: KernelMessage.ICommMsgMsg['content']['data']
  ): string | undefined {
    if (kernel === null || kernel.isDisposed) {
      return undefined;
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
    return message.header.msg_id;
  }

  /** Return what the widget says is chosen, if that is what a message is about. */
  private _namesOf(message: KernelMessage.IIOPubMessage): string[] | undefined {
    if (!KernelMessage.isCommMsgMsg(message) || message.content.comm_id !== this.widget) {
      return undefined;
    }
    const { method, state } = message.content.data as { method?: unknown; state?: Record<string, unknown> };
    const names = state?.[this.trait];
    const told = method === 'update' || (method === 'echo_update' && this._isOfAnother(message.parent_header));
    return told && Array.isArray(names) ? names.map(String) : undefined;
  }

  /**
   * Whether an echo tells of a change that another page has made, the last one so far.
   *
   * The kernel echoes each page's change to all, in the order in which it takes them: what is echoed before this page's
   * own was chosen before it.
   */
  private _isOfAnother(parent: { msg_id?: string }): boolean {
    if (this._awaited === undefined) {
      return true;
    }
    if (parent.msg_id === this._awaited) {
      this._awaited = undefined;
    }
    return false;
  }

  /** Id of the message that told the kernel of this page's last choice, until that is echoed. */
  private _awaited: string | undefined;

  private _names: readonly string[] = [];
}

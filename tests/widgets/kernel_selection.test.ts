import type { Kernel } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { beforeEach, describe, expect, it } from 'vitest';
import { type IKernels, KernelSelection } from '../../jupyter_ext/src/kernel_selection';

const WIDGET = 'f'.repeat(32);

/** A kernel whose widgets are the test. */
class FakeKernel {
  readonly iopubMessage = new Signal<this, unknown>(this);
  readonly sent: { comm_id: string; data: Record<string, unknown> }[] = [];
  /** Ids of the messages that were sent. */
  readonly ids: string[] = [];
  isDisposed = false;
  readonly username = 'ann';
  readonly clientId = 'page';

  sendShellMessage({ header, content }: { header: { msg_id: string }; content: FakeKernel['sent'][number] }): void {
    this.sent.push(content);
    this.ids.push(header.msg_id);
  }

  /** Say what a widget says, in answer to a message. */
  say(widget: string, data: unknown, msg_type = 'comm_msg', answered = 'of another page'): void {
    const parent_header = { msg_id: answered };
    this.iopubMessage.emit({
      header: { msg_type },
      parent_header,
      channel: 'iopub',
      content: { comm_id: widget, data }
    });
  }
}

/** A notebook with a kernel, or none. */
function of(kernel: FakeKernel | null): IKernels {
  return { current: () => kernel as unknown as Kernel.IKernelConnection | null, observe: () => () => undefined };
}

describe('what is chosen in a page and in a widget', () => {
  let kernel: FakeKernel;
  let selection: KernelSelection;
  const update = (state: unknown) => ({ method: 'update', state });

  beforeEach(() => {
    kernel = new FakeKernel();
    selection = new KernelSelection(WIDGET, 'selected_files', of(kernel));
  });

  it('is asked for first, and told when it changes in the page', () => {
    selection.observe(() => undefined);
    selection.set(['a.pt']);
    expect(kernel.sent.map(one => [one.comm_id, one.data])).toEqual([
      [WIDGET, { method: 'request_state' }],
      [WIDGET, { method: 'update', state: { selected_files: ['a.pt'] }, buffer_paths: [] }]
    ]);
  });

  it('is what the widget says, as long as somebody looks', () => {
    const seen: (readonly string[])[] = [];
    const leave = selection.observe(() => seen.push(selection.get()));
    kernel.say(WIDGET, update({ selected_files: ['a.pt'], state: 'Running' }));
    leave();
    kernel.say(WIDGET, update({ selected_files: ['b.pt'] }));
    expect(seen).toEqual([['a.pt']]);
  });

  it.each([
    ['what another widget says', 'e'.repeat(32), update({ selected_files: ['b.pt'] }), 'comm_msg'],
    ['other traits', WIDGET, update({ selected_runs: ['b'] }), 'comm_msg'],
    ['what is no list', WIDGET, update({ selected_files: 'b.pt' }), 'comm_msg'],
    ['news that are no update', WIDGET, { ...update({ selected_files: ['b.pt'] }), method: 'custom' }, 'comm_msg'],
    ['other messages', WIDGET, update({ selected_files: ['b.pt'] }), 'comm_open']
  ])('is left alone by %s', (_, widget, data, type) => {
    const seen: (readonly string[])[] = [];
    selection.observe(() => seen.push(selection.get()));
    selection.set(['a.pt']);
    kernel.say(widget, data, type);
    expect([seen, selection.get()]).toEqual([[], ['a.pt']]);
  });

  describe('where another page shows it, too', () => {
    const echo = (names: string[]) => ({ method: 'echo_update', state: { selected_files: names } });

    it('is what was picked there', () => {
      const seen: (readonly string[])[] = [];
      selection.observe(() => seen.push(selection.get()));
      selection.set(['a.pt']);
      kernel.say(WIDGET, echo(['a.pt']), 'comm_msg', kernel.ids.at(-1));
      kernel.say(WIDGET, echo(['b.pt']));
      expect([seen, selection.get()]).toEqual([[['b.pt']], ['b.pt']]);
    });

    it('is what was picked here where the kernel takes that after what was picked there', () => {
      const seen: (readonly string[])[] = [];
      selection.observe(() => seen.push(selection.get()));
      selection.set(['a.pt']);
      selection.set(['a.pt', 'c.pt']);
      kernel.say(WIDGET, echo(['a.pt']), 'comm_msg', kernel.ids.at(-2));
      kernel.say(WIDGET, echo(['b.pt']));
      kernel.say(WIDGET, echo(['a.pt', 'c.pt']), 'comm_msg', kernel.ids.at(-1));
      expect([seen, selection.get()]).toEqual([[], ['a.pt', 'c.pt']]);
    });
  });

  it('is kept by the page where there is no kernel, or none any more', () => {
    const alone = new KernelSelection(WIDGET, 'selected_files', of(null));
    alone.observe(() => undefined)();
    alone.set(['a.pt']);
    expect(alone.get()).toEqual(['a.pt']);
    kernel.isDisposed = true;
    selection.set(['a.pt']);
    expect([selection.get(), kernel.sent]).toEqual([['a.pt'], []]);
  });
});

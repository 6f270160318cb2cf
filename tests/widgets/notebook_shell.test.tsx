import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IEditorServices } from '@jupyterlab/codeeditor';
import { Panel, type Widget } from '@lumino/widgets';
import { act } from 'preact/test-utils';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Tabs } from '../../jupyter_ext/src/tabs';
import type { Disposer, FollowedRun, RunListener } from '../../widgets/src/sources/source';
import { FakeSource, traindockOf } from './sources';

const said = vi.hoisted(() => ({ errors: [] as string[] }));

// JupyterLab's own need modules that only its bundler finds: these do what of them is used
vi.mock('@jupyterlab/apputils', async () => {
  const { Panel } = await import('@lumino/widgets');
  class MainAreaWidget extends Panel {
    constructor({ content }: { content: Widget }) {
      super();
      this.addWidget(content);
    }
  }
  class WidgetTracker {
    has = (): boolean => false;
    add = async (): Promise<void> => undefined;
  }
  return {
    MainAreaWidget,
    WidgetTracker,
    showErrorMessage: async (title: string, error: Error) => said.errors.push(`${title}: ${error.message}`)
  };
});
vi.mock('@jupyterlab/ui-components', () => ({ LabIcon: class {} }));
vi.mock('@jupyterlab/codeeditor', () => ({ CodeEditor: {}, CodeEditorWrapper: class {} }));

/** A source that knows which runs are followed now. */
class CountingSource extends FakeSource {
  readonly now = new Set<string>();

  override follow(target: FollowedRun, listener: RunListener): Disposer {
    this.now.add(target.run);
    const leave = super.follow(target, listener);
    return () => {
      this.now.delete(target.run);
      leave();
    };
  }
}

const W = '0123456789abcdef0123456789abcdef';

describe('in Jupyter Notebook, whose main area is the notebook alone', () => {
  let source: CountingSource;
  let aside: Panel;
  let shown: string[];
  let commands: { known: string[]; executed: unknown[] };
  let tabs: Tabs;
  const open = (run: string) =>
    act(async () => {
      tabs.openRun({ workspace: W, run });
    });

  beforeEach(() => {
    source = new CountingSource();
    aside = new Panel();
    shown = [];
    commands = { known: [], executed: [] };
    said.errors = [];
    const app = {
      shell: {
        add: (tab: Widget, area: string) => area === 'right' && aside.addWidget(tab),
        activateById: (id: string) => shown.push(id)
      },
      commands: {
        hasCommand: (name: string) => commands.known.includes(name),
        execute: async (...command: unknown[]) => commands.executed.push(command)
      }
    } as unknown as JupyterFrontEnd;
    tabs = new Tabs('right', app, traindockOf(source), {} as IEditorServices);
  });

  it('shows a run in the panel on the right', async () => {
    await open('a');
    expect(aside.widgets.map(one => one.title.label)).toEqual(['a']);
    expect(shown).toEqual([`traindock-run-${W}-a`]);
    expect([...source.now]).toEqual(['a']);
  });

  it('follows there no other run than that which was opened last', async () => {
    await open('a');
    await open('b');
    expect(aside.widgets.map(one => one.title.label)).toEqual(['b']);
    expect([...source.now]).toEqual(['b']);
    await open('a');
    expect([...source.now]).toEqual(['a']);
  });

  it('takes away no form that is being filled in, and shows it again as it was', async () => {
    const tracker = tabs.runs;
    const form = () =>
      act(() => {
        tabs.openForm('form', 'Train a', () => <input />, {}, tracker);
      });
    form();
    const field = aside.widgets[0]?.node.querySelector('input') as HTMLInputElement;
    field.value = 'typed';
    await open('a');
    await open('b');
    expect(aside.widgets.map(one => one.title.label)).toEqual(['Train a', 'b']);
    form();
    expect(aside.widgets[0]?.node.querySelector('input')?.value).toBe('typed');
  });

  it('opens folders on a page of their own', () => {
    const opened = vi.spyOn(window, 'open').mockReturnValue(null);
    tabs.host.openFolder?.('my runs/a');
    expect(opened).toHaveBeenCalledWith(expect.stringMatching(/\/tree\/my%20runs\/a$/), '_blank', 'noopener');
    commands.known = ['filebrowser:open-path'];
    tabs.host.openFolder?.('my runs/a');
    expect([opened.mock.calls.length, commands.executed]).toEqual([
      1,
      [['filebrowser:open-path', { path: 'my runs/a' }]]
    ]);
  });

  it('opens TensorBoard on a page of its own', () => {
    const opened = vi.spyOn(window, 'open').mockReturnValue(null);
    tabs.host.openTensorBoard?.(W, 'a');
    const url = expect.stringMatching(`/traindock/tensorboard/${W}/a/$`);
    expect(opened).toHaveBeenLastCalledWith(url, '_blank', 'noopener');
    expect(aside.widgets).toEqual([]);
  });

  it('says why a file cannot be opened', async () => {
    source.bytes = () => Promise.reject(new Error('there is no such file'));
    tabs.host.openSource?.(W, 'a', 'train.py', 3);
    await vi.waitFor(() => expect(said.errors).toEqual(['train.py of run a cannot be shown: there is no such file']));
  });
});

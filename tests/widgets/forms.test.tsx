import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { MainAreaWidget } from '@jupyterlab/apputils';
import type { Contents } from '@jupyterlab/services';
import { Panel, type Widget } from '@lumino/widgets';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KeptDraft } from '../../jupyter_ext/src/submit/draft';
import { Forms } from '../../jupyter_ext/src/submit/forms';
import type { IOpening } from '../../jupyter_ext/src/submit/new_run';
import { Tabs } from '../../jupyter_ext/src/tabs';
import type { ITraindock } from '../../jupyter_ext/src/tokens';
import { traindockOf } from './sources';
import { newRunPage, OTHER, option, SCRIPT, W } from './submitting';

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
    readonly saved: Widget[] = [];
    has = (tab: Widget): boolean => this.saved.includes(tab);
    add = async (tab: Widget): Promise<void> => void this.saved.push(tab);
    save = async (tab: Widget): Promise<void> => void this.saved.push(tab);
  }
  return { MainAreaWidget, WidgetTracker, InputDialog: {} };
});
vi.mock('@jupyterlab/codeeditor', () => ({ CodeEditor: {}, CodeEditorWrapper: class {} }));
vi.mock('@jupyterlab/ui-components', async () => (await import('./lab_parts')).uiComponents());

describe('forms in tabs', () => {
  let page: ReturnType<typeof newRunPage>;
  let traindock: ITraindock;
  let shell: Panel;
  let tabs: Tabs;
  let forms: Forms;
  const open = async (path: string, opening?: IOpening): Promise<MainAreaWidget> => {
    let tab: MainAreaWidget | undefined;
    await act(async () => {
      tab = forms.open(path, opening);
    });
    return tab as MainAreaWidget;
  };
  const field = (tab: Widget, place: string) => tab.node.querySelector(`[data-place="${place}"]`) as HTMLInputElement;
  const change = (one: HTMLInputElement, value: string) =>
    act(async () => {
      one.value = value;
      one.dispatchEvent(new Event(one.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }));
    });

  beforeEach(() => {
    page = newRunPage();
    const all = [
      { id: W, name: 'mine', default: true, runs: 0 },
      { id: OTHER, name: 'theirs', default: false, runs: 0 }
    ];
    page.source.answers.set('/workspaces', { workspaces: all });
    page.source.answers.set(`/workspaces/${W}/computes`, { computes: [] });
    page.source.answers.set(`/workspaces/${OTHER}/`, { computes: [], experiments: [] });
    traindock = traindockOf(page.source);
    shell = new Panel();
    const add = (tab: Widget) => shell.addWidget(tab);
    const app = { shell: { add, activateById: () => undefined } } as unknown as JupyterFrontEnd;
    tabs = new Tabs('main', app, traindock, null);
    forms = new Forms(traindock, tabs, {} as Contents.IManager, page.drafts, () => '');
  });

  afterEach(() => {
    act(() => shell.dispose());
  });

  it('have the options that the script has by now where they are opened once more, and what was filled in', async () => {
    const tab = await open(SCRIPT.path);
    await vi.waitFor(() => expect(field(tab, 'option --lr')).not.toBeNull());
    await change(field(tab, 'option --lr'), '0.5');
    page.source.answers.set('/scripts/options', { ...SCRIPT, options: [option('--lr'), option('--dropout')] });
    expect(await open(SCRIPT.path)).toBe(tab);
    await vi.waitFor(() => expect(field(tab, 'option --dropout')).not.toBeNull());
    expect(field(tab, 'option --lr').value).toBe('0.5');
  });

  it('are opened by the workspace that was looked at, and the experiment, when the page is loaded anew', async () => {
    await traindock.workspaces.load();
    const tab = await open(SCRIPT.path, { experiment: 'bees' });
    await act(async () => traindock.workspaces.choose(OTHER));
    expect(tabs.named(tab)).toEqual({ path: SCRIPT.path, experiment: 'bees', workspace: W });
  });

  it('are opened by the workspace that was chosen in them, or that nobody could tell at first', async () => {
    const tab = await open(SCRIPT.path);
    await vi.waitFor(() => expect(tabs.named(tab)).toEqual({ path: SCRIPT.path, workspace: W }));
    await vi.waitFor(() => expect(field(tab, 'workspace')).not.toBeNull());
    await change(field(tab, 'workspace'), OTHER);
    expect(tabs.named(tab)).toEqual({ path: SCRIPT.path, workspace: OTHER });
    const { saved } = forms.newRuns as unknown as { saved: Widget[] };
    expect(saved).toEqual([tab, tab, tab]); // as it was opened, when that was known, and when another was chosen
  });

  it('say of a run that is submitted once more that it is', async () => {
    await act(async () => {
      forms.openAgain({ workspace: W, run: 'a' });
    });
    expect(shell.widgets.map(one => one.title.label)).toEqual(['Resubmit a']);
  });

  it('show the same once more where they are restored', async () => {
    const kept: KeptDraft = { experiment: 'last', workspace: W };
    page.kept.set(SCRIPT.path, kept);
    const tab = await open(SCRIPT.path, { experiment: 'bees', workspace: OTHER, restored: true });
    await vi.waitFor(() => expect(field(tab, 'workspace')?.value).toBe(OTHER));
    expect([field(tab, 'experiment').value, tab.id]).toEqual(['bees', `traindock-new-run-bees-${SCRIPT.path}`]);
  });
});

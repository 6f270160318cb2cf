import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { CodeEditor, IEditorServices } from '@jupyterlab/codeeditor';
import { Panel, type Widget } from '@lumino/widgets';
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CommandIDs } from '../../jupyter_ext/src/commands';
import { Tabs } from '../../jupyter_ext/src/tabs';
import { RUN } from './documents';
import { FakeSource, traindockOf } from './sources';

// JupyterLab's own need modules that only its bundler finds: these do what of them is used
vi.mock('@jupyterlab/apputils', async () => {
  const { Panel } = await import('@lumino/widgets');
  class MainAreaWidget extends Panel {
    readonly content: Widget;
    constructor({ content }: { content: Widget }) {
      super();
      this.content = content;
      this.addWidget(content);
    }
  }
  class WidgetTracker {
    readonly shown: Widget[] = [];
    has = (tab: Widget): boolean => this.shown.includes(tab);
    add = async (tab: Widget): Promise<void> => {
      this.shown.push(tab);
    };
  }
  return { MainAreaWidget, WidgetTracker };
});

vi.mock('@jupyterlab/codeeditor', async () => {
  const { Widget } = await import('@lumino/widgets');
  class Model {
    text = '';
    readonly sharedModel = {
      setSource: (text: string) => {
        this.text = text;
      }
    };
  }
  class CodeEditorWrapper extends Widget {
    readonly editor: FakeEditor;
    constructor({ model }: { model: Model }) {
      super();
      this.editor = new FakeEditor(model.text.split('\n'));
    }
  }
  return { CodeEditor: { Model }, CodeEditorWrapper };
});

vi.mock('@jupyterlab/ui-components', async () => {
  const { Widget } = await import('@lumino/widgets');
  class IFrame extends Widget {
    url = '';
    constructor(readonly options: { sandbox: string[] }) {
      super();
    }
  }
  return { LabIcon: class {}, IFrame };
});

class FakeEditor {
  selected: CodeEditor.IRange | undefined;
  revealed: CodeEditor.IPosition | undefined;
  constructor(private readonly lines: string[]) {}
  getLine = (at: number): string | undefined => this.lines[at];
  setSelection = (range: CodeEditor.IRange): void => {
    this.selected = range;
  };
  revealPosition = (position: CodeEditor.IPosition): void => {
    this.revealed = position;
  };
}

const W = '0123456789abcdef0123456789abcdef';

describe('the main area', () => {
  let source: FakeSource;
  let shell: Panel;
  let shown: string[];
  let tabs: Tabs;
  let executed: unknown[];
  const labels = () => shell.widgets.map(one => one.title.label);
  const editor = () => (shell.widgets[0] as unknown as { content: { editor: FakeEditor } }).content.editor;
  const open = (run: string) =>
    act(async () => {
      tabs.openRun({ workspace: W, run });
    });

  beforeEach(() => {
    source = new FakeSource();
    source.answers.set(`/workspaces/${W}/runs/`, RUN);
    source.answers.set(`/workspaces/${W}/runs/a/snapshot/content`, 'import torch\n\ntrain(net)\n');
    shell = new Panel();
    shown = [];
    executed = [];
    const add = (tab: Widget) => shell.addWidget(tab);
    const commands = { execute: async (...command: unknown[]) => executed.push(command) };
    const app = {
      commands,
      shell: { add, activateById: (id: string) => shown.push(id) }
    } as unknown as JupyterFrontEnd;
    const editors = {
      mimeTypeService: { getMimeTypeByFilePath: () => 'text/x-python' },
      factoryService: {}
    } as unknown as IEditorServices;
    tabs = new Tabs('main', app, traindockOf(source), editors);
  });

  afterEach(() => {
    shell.dispose();
  });

  it('has one tab for each run, which is shown again where it is open already', async () => {
    source.answers.set(`/workspaces/${W}/runs/b`, { ...RUN, display_name: 'ants' });
    await open('a');
    await open('b');
    await open('a');
    await vi.waitFor(() => expect(labels()).toEqual(['bees', 'ants']));
    expect(shown).toEqual([`traindock-run-${W}-a`, `traindock-run-${W}-b`, `traindock-run-${W}-a`]);
    expect(source.following).toEqual(['a', 'b']);
  });

  it('calls a tab by the run’s name, however long its experiment is called, and tells its id on hover', async () => {
    source.answers.set(`/workspaces/${W}/runs/a`, { ...RUN, display_name: 'tiny 200' });
    const unnamed = { ...RUN, display_name: '', experiment: 'pytorch-hymenoptera-and-more', number: 12 };
    source.answers.set(`/workspaces/${W}/runs/b`, unnamed);
    await open('a');
    await open('b');
    await vi.waitFor(() => expect(labels()).toEqual(['tiny 200', 'pytorch-hymenopte… #12']));
    expect(shell.widgets.map(one => one.title.caption)).toEqual(['tiny 200\na', 'pytorch-hymenoptera-and-more #12\nb']);
  });

  it('tells runs of the same name apart by their numbers, as long as both are open', async () => {
    source.answers.set(`/workspaces/${W}/runs/b`, { ...RUN, number: 4 });
    await open('a');
    await vi.waitFor(() => expect(labels()).toEqual(['bees']));
    await open('b');
    await vi.waitFor(() => expect(labels()).toEqual(['bees (number 1)', 'bees (number 4)']));
    act(() => shell.widgets[0]?.dispose());
    expect(labels()).toEqual(['bees']);
  });

  it('has another tab for a run whose tab was closed, and follows no run that no tab shows', async () => {
    await open('a');
    act(() => shell.widgets[0]?.dispose());
    expect([labels(), source.following]).toEqual([[], []]);
    await open('a');
    await vi.waitFor(() => expect([labels(), source.following]).toEqual([['bees'], ['a']]));
  });

  it('tells by which arguments a tab is opened again', async () => {
    await open('a');
    act(() => {
      tabs.openComparison(W, ['b', 'a']);
      tabs.openModel(W, 'pt-dnn');
    });
    await vi.waitFor(() => expect(labels()).toEqual(['bees', '2 runs', 'pt-dnn']));
    expect(shell.widgets.map(tab => tabs.named(tab))).toEqual([
      { workspace: W, run: 'a' },
      { workspace: W, runs: ['b', 'a'] },
      { workspace: W, name: 'pt-dnn' }
    ]);
    expect([tabs.runs, tabs.comparisons, tabs.models].map((one, at) => one.has(shell.widgets[at] as never))).toEqual([
      true,
      true,
      true
    ]);
  });

  it('shows the TensorBoard of a run in a frame that cannot take the page away', async () => {
    const tab = tabs.openTensorBoard(W, ['a']);
    const { content } = tab as unknown as { content: { url: string; options: { sandbox: string[] } } };
    await vi.waitFor(() => expect(labels()).toEqual(['TensorBoard: bees']));
    expect(content.url).toBe(`http://localhost:3000/traindock/tensorboard/${W}/a/`);
    expect(content.options.sandbox).not.toContain('allow-top-navigation');
    expect([tabs.named(tab as Widget), tabs.boards.has(tab as never)]).toEqual([{ workspace: W, runs: ['a'] }, true]);
    tabs.host.openTensorBoard?.(W, 'a');
    expect(labels()).toHaveLength(1);
  });

  it('calls the TensorBoard of a run by the run’s name, whose number is never cut off, and tells its id on hover', async () => {
    const unnamed = { ...RUN, display_name: '', experiment: 'pytorch-hymenoptera', number: 12 };
    source.answers.set(`/workspaces/${W}/runs/a`, unnamed);
    tabs.openTensorBoard(W, ['a']);
    await vi.waitFor(() => expect(labels()).toEqual(['TensorBoard: pytorch-h… #12']));
    expect(shell.widgets.map(one => one.title.caption)).toEqual(['pytorch-hymenoptera #12\na']);
  });

  it('calls the TensorBoard of a run by its id while the server cannot tell its name', async () => {
    source.answers.clear();
    tabs.openTensorBoard(W, ['a']);
    await vi.waitFor(() => expect(source.asked).toHaveLength(1));
    expect(labels()).toEqual(['TensorBoard: a']);
  });

  it('has cards offer to resubmit their run with changes', async () => {
    const place = document.createElement('div');
    act(() => render(tabs.host.beside?.({ workspace: W, run: 'a' }) ?? null, place));
    expect(place.textContent).toBe('Resubmit with Changes…');
    place.querySelector('button')?.click();
    expect(executed).toEqual([[CommandIDs.resubmitWithChanges, { workspace: W, run: 'a' }]]);
  });

  it('shows several runs in one TensorBoard, whichever was selected first', () => {
    const tab = tabs.openTensorBoard(W, ['b', 'a']) as unknown as { content: { url: string } };
    expect(tab.content.url).toBe(`http://localhost:3000/traindock/tensorboard/${W}/a,b/`);
    tabs.openTensorBoard(W, ['a', 'b']);
    expect(labels()).toEqual(['TensorBoard: 2 runs']);
  });

  it('shows a file as a run was submitted with it, at the line that is named', async () => {
    await tabs.openSource({ workspace: W, run: 'a' }, 'nets/train.py', 3);
    expect(labels()).toEqual(['nets/train.py (a)']);
    expect(editor().selected).toEqual({ start: { line: 2, column: 0 }, end: { line: 2, column: 'train(net)'.length } });
    expect(editor().revealed).toEqual({ line: 2, column: 0 });
  });

  it('asks for no file where nothing can show it', async () => {
    await new Tabs('main', {} as JupyterFrontEnd, traindockOf(source), null).openSource(
      { workspace: W, run: 'a' },
      'a',
      1
    );
    expect(source.asked).toEqual([]);
  });

  it('shows another line of a file that is open already in the same tab', async () => {
    await tabs.openSource({ workspace: W, run: 'a' }, 'train.py', 3);
    await tabs.openSource({ workspace: W, run: 'a' }, 'train.py', 1);
    expect(labels()).toHaveLength(1);
    expect(editor().revealed).toEqual({ line: 0, column: 0 });
  });
});

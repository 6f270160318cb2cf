import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { CodeEditor, IEditorServices } from '@jupyterlab/codeeditor';
import { Panel, type Widget } from '@lumino/widgets';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Tabs } from '../../jupyter_ext/src/tabs';
import { Versions } from '../../jupyter_ext/src/versions';
import { RUN } from './documents';
import { FakeSource } from './sources';

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
  return { MainAreaWidget };
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
  const labels = () => shell.widgets.map(one => one.title.label);
  const editor = () => (shell.widgets[0] as unknown as { content: { editor: FakeEditor } }).content.editor;
  const open = (run: string) => act(async () => tabs.openRun({ workspace: W, run }));

  beforeEach(() => {
    source = new FakeSource();
    source.answers.set(`/workspaces/${W}/runs/`, RUN);
    source.answers.set(`/workspaces/${W}/runs/a/snapshot/content`, 'import torch\n\ntrain(net)\n');
    shell = new Panel();
    shown = [];
    const add = (tab: Widget) => shell.addWidget(tab);
    const app = { shell: { add, activateById: (id: string) => shown.push(id) } } as unknown as JupyterFrontEnd;
    const editors = {
      mimeTypeService: { getMimeTypeByFilePath: () => 'text/x-python' },
      factoryService: {}
    } as unknown as IEditorServices;
    tabs = new Tabs('main', app, source, new Versions('1'), editors);
  });

  afterEach(() => {
    shell.dispose();
  });

  it('has one tab for each run, which is shown again where it is open already', async () => {
    await open('a');
    await open('b');
    await open('a');
    expect(labels()).toEqual(['a', 'b']);
    expect(shown).toEqual([`traindock-run-${W}-a`, `traindock-run-${W}-b`, `traindock-run-${W}-a`]);
    expect(source.following).toEqual(['a', 'b']);
  });

  it('has another tab for a run whose tab was closed, and follows no run that no tab shows', async () => {
    await open('a');
    act(() => shell.widgets[0]?.dispose());
    expect([labels(), source.following]).toEqual([[], []]);
    await open('a');
    expect([labels(), source.following]).toEqual([['a'], ['a']]);
  });

  it('shows a file as a run was submitted with it, at the line that is named', async () => {
    await tabs.openSource({ workspace: W, run: 'a' }, 'nets/train.py', 3);
    expect(labels()).toEqual(['nets/train.py (a)']);
    expect(editor().selected).toEqual({ start: { line: 2, column: 0 }, end: { line: 2, column: 'train(net)'.length } });
    expect(editor().revealed).toEqual({ line: 2, column: 0 });
  });

  it('asks for no file where nothing can show it', async () => {
    await new Tabs('main', {} as JupyterFrontEnd, source, new Versions('1'), null).openSource(
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

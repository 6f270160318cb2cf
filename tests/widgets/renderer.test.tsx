import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Panel, Widget } from '@lumino/widgets';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cardFactory } from '../../jupyter_ext/src/renderer';
import type { IPage } from '../../jupyter_ext/src/shown';
import { Versions } from '../../jupyter_ext/src/versions';
import { UNTRANSLATED } from '../../widgets/src/translation';
import { RUN } from './documents';
import { FakeSource } from './sources';

const MIME = 'application/vnd.traindock.run+json';
const VIEW = 'application/vnd.jupyter.widget-view+json';
const W = '0123456789abcdef0123456789abcdef';

describe('a card in the output of a cell', () => {
  let source: FakeSource;
  let notebook: Panel;
  let card: IRenderMime.IRenderer;
  const kernelViews = () => notebook.node.querySelectorAll('.jp-Traindock-KernelView').length;

  /** Draw an output that names a run, and the widget that shows it. */
  const draw = (more: { trusted?: boolean; version?: number } = {}) =>
    act(async () => {
      await card.renderModel({
        trusted: more.trusted ?? true,
        data: { [MIME]: { version: more.version ?? 1 }, [VIEW]: { model_id: 'f'.repeat(32) } },
        metadata: { [MIME]: { workspace: W, run: 'a' } }
      } as unknown as IRenderMime.IMimeModel);
    });
  const gone = (code: string) => act(() => source.tell('a', { error: { code, message: 'not here', advice: '' } }));

  beforeEach(() => {
    source = new FakeSource();
    source.answers.set(`/workspaces/${W}/runs/a`, RUN);
    const versions = new Versions(UNTRANSLATED, '1');
    const kernels = { current: () => null, observe: () => () => undefined };
    const page: IPage = { source, versions, trans: UNTRANSLATED, host: {}, kernels };
    card = cardFactory(() => page).createRenderer({ mimeType: MIME } as IRenderMime.IRendererOptions);
    // what draws the outputs of a notebook, those of ipywidgets among them
    const rendermime = {
      mimeTypes: [VIEW],
      createRenderer: () => Object.assign(new Widget(), { renderModel: () => Promise.resolve() })
    };
    notebook = Object.assign(new Panel(), { rendermime });
    notebook.addWidget(card);
    Widget.attach(notebook, document.body);
  });

  afterEach(() => {
    notebook.dispose();
    vi.restoreAllMocks();
  });

  it('follows its run as long as it is there', async () => {
    await draw();
    await act(() => source.tell('a', { run: RUN }));
    expect(card.node.textContent).toContain('bees');
    expect(source.following).toEqual(['a']);
    act(() => card.dispose());
    expect(source.following).toEqual([]);
  });

  it('is drawn once however often the output is', async () => {
    await draw();
    await draw();
    expect(source.followed).toHaveLength(1);
  });

  it('is drawn by the kernel where the server knows nothing of it', async () => {
    await draw();
    expect(kernelViews()).toBe(0);
    await gone('workspace_not_found');
    await gone('workspace_not_found');
    expect(kernelViews()).toBe(1);
    await act(() => source.tell('a', { run: RUN }));
    expect(kernelViews()).toBe(0);
  });

  it('is drawn by the kernel where this page knows nothing of its form', async () => {
    await draw({ version: 2 });
    expect(kernelViews()).toBe(1);
  });

  it('is drawn by no widget in a notebook that is not trusted, since those may execute what they like', async () => {
    await draw({ trusted: false });
    await gone('workspace_not_found');
    expect(kernelViews()).toBe(0);
    await draw({ trusted: false, version: 2 });
    expect(kernelViews()).toBe(0);
  });
});

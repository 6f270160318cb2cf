import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Held } from '../../jupyter_ext/src/held';
import { ModelsSection } from '../../jupyter_ext/src/registry/models_section';
import type { ITraindock } from '../../jupyter_ext/src/tokens';
import type { ModelRow } from '../../widgets/src/documents';
import { ModelsModel } from '../../widgets/src/model/models_model';
import { RequestError } from '../../widgets/src/sources/source';
import { MODEL } from './documents';
import { FakeSource, traindockOf } from './sources';

// JupyterLab's own need modules that only its bundler finds: these do what of them is used
vi.mock('@jupyterlab/ui-components', async () => ({
  ...(await import('./lab_parts')).uiComponents(),
  MenuSvg: class {}
}));

const W = 'w';
const NASTY = '<img src=x onerror=alert(1)>';
const row = (name: string, more: Partial<ModelRow> = {}): ModelRow => ({
  ...MODEL,
  name,
  id: `${name}:1`,
  versions: 1,
  model_aliases: {},
  ...more
});

describe('the section of models', () => {
  let source: FakeSource;
  let traindock: ITraindock;
  let page: HTMLElement;
  let done: string[];
  let models: ModelRow[];

  beforeEach(async () => {
    source = new FakeSource();
    source.answers.set('/workspaces', { workspaces: [{ id: W, name: 'mine', default: true, runs: 0 }] });
    models = [row('bees', { version: 5, model_aliases: { production: 5, staging: 3 } }), row('ants')];
    source.answers.set(`/workspaces/${W}/models`, (path: string) => {
      const offset = Number(new URLSearchParams(path.split('?')[1]).get('offset'));
      return { models: models.slice(offset, offset + 20), more: models.length > offset + 20 };
    });
    traindock = traindockOf(source);
    done = [];
    page = document.createElement('div');
    document.body.append(page);
    await traindock.workspaces.load();
  });

  afterEach(() => {
    render(null, page);
    page.remove();
  });

  const show = async (): Promise<void> => {
    const held = new Held(traindock.workspaces, workspace => new ModelsModel(source, workspace));
    const actions = {
      open: ({ name }: ModelRow) => void done.push(`open ${name}`),
      menu: ({ name }: ModelRow) => void done.push(`menu of ${name}`)
    };
    await act(async () => {
      render(<ModelsSection traindock={traindock} held={held} actions={actions} />, page);
    });
    await act(async () => source.tellList({}));
  };
  const rows = () => [...page.querySelectorAll<HTMLButtonElement>('.jp-Traindock-ListRow-main')];
  const turn = (name: string) =>
    act(async () => [...page.querySelectorAll('button')].find(one => one.textContent === name)?.click());
  const press = (key: string, more: KeyboardEventInit = {}) =>
    act(() => {
      document.activeElement?.dispatchEvent(
        new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more })
      );
    });

  it('has names, newest versions, and aliases with the version where it is another one', async () => {
    await show();
    expect(rows().map(one => one.textContent)).toEqual(['beesversion 5productionstaging: version 3', 'antsversion 1']);
  });

  it('opens a model by a click, and its menu by the right button or the button beside it', async () => {
    await show();
    rows()[1]?.click();
    rows()[0]?.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true, clientX: 5 }));
    page.querySelector<HTMLElement>('[aria-label="Actions of ants"]')?.click();
    expect(done).toEqual(['open ants', 'menu of bees', 'menu of ants']);
  });

  it('is reached by one Tab, and gone through by arrows', async () => {
    await show();
    expect(rows().map(one => one.tabIndex)).toEqual([0, -1]);
    rows()[0]?.focus();
    await press('ArrowDown');
    expect(document.activeElement).toBe(rows()[1]);
    expect(rows().map(one => one.tabIndex)).toEqual([-1, 0]);
    await press('F10', { shiftKey: true });
    await press('Home');
    await press('ContextMenu');
    expect(done).toEqual(['menu of ants', 'menu of bees']);
  });

  it('gives the focus of a model that is gone to the one in its place', async () => {
    await show();
    rows()[1]?.focus();
    models = models.slice(0, 1);
    await act(async () => {
      source.tellList({ changes: { changed_runs: [], runs: [], gone: [], reload: false, models: ['ants'] } });
    });
    await vi.waitFor(() => expect(rows()).toHaveLength(1), { timeout: 5000 });
    await vi.waitFor(() => expect(document.activeElement).toBe(rows()[0]));
  });

  it('filters, sorts and turns pages where the server does', async () => {
    models = Array.from({ length: 30 }, (_, at) => row(`model-${at}`));
    await show();
    expect(rows()).toHaveLength(20);
    const asked = (query: string) =>
      vi.waitFor(() => expect(source.asked.at(-1)).toBe(`/workspaces/${W}/models?${query}`));
    await turn('Next');
    await asked('order=created&limit=20&offset=20');
    await vi.waitFor(() =>
      expect([rows().length, page.textContent]).toEqual([10, expect.stringContaining('21 to 30')])
    );
    const filter = page.querySelector('input') as HTMLInputElement;
    await act(async () => {
      filter.value = 'EE';
      filter.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await asked('name=EE&order=created&limit=20&offset=0');
    const order = page.querySelector('select') as HTMLSelectElement;
    await act(async () => {
      order.value = 'name';
      order.dispatchEvent(new Event('change', { bubbles: true }));
    });
    await asked('name=EE&order=name&limit=20&offset=0');
  });

  it('goes back to a page that there is, where all models of the last one are gone', async () => {
    models = Array.from({ length: 21 }, (_, at) => row(`model-${at}`));
    await show();
    await turn('Next');
    await vi.waitFor(() => expect(rows()).toHaveLength(1));
    models = models.slice(0, 3);
    await act(async () => source.tellList({}));
    await vi.waitFor(() => expect(rows()).toHaveLength(3));
  });

  it('teaches the first step where there is none, and says so where none has the name', async () => {
    models = [];
    await show();
    expect(page.textContent).toContain('register them in its tab “Model”');
    const filter = page.querySelector('input') as HTMLInputElement;
    await act(async () => {
      filter.value = NASTY;
      filter.dispatchEvent(new Event('input', { bubbles: true }));
    });
    expect(page.textContent).toContain(`No model has “${NASTY}” in its name.`);
    expect(page.querySelector('img')).toBeNull();
  });

  it('says why it cannot be shown, and asks again', async () => {
    const told = source.answers.get(`/workspaces/${W}/models`);
    source.answers.set(`/workspaces/${W}/models`, () => {
      throw new RequestError('store', 'the disk refuses', 'Look at it.', 409);
    });
    await show();
    expect(page.querySelector('[role=alert] p')?.textContent).toBe('the disk refuses. Look at it.');
    source.answers.set(`/workspaces/${W}/models`, told);
    await turn('Try again');
    await vi.waitFor(() => expect(rows()).toHaveLength(2));
    expect(page.querySelector('[role=alert]')).toBeNull();
  });

  it('says that the connection is broken, until it is back', async () => {
    await show();
    await act(async () => source.connection('broken'));
    expect([page.textContent, rows().length]).toEqual([expect.stringContaining('The connection is broken'), 2]);
    await act(async () => source.connection('connected'));
    expect(page.textContent).not.toContain('The connection is broken');
  });

  it('asks for nothing while it is not shown', async () => {
    await show();
    expect(source.isListFollowed).toBe(true);
    render(null, page);
    expect(source.isListFollowed).toBe(false);
  });
});

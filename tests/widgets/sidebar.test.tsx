import { Panel, Widget } from '@lumino/widgets';
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Activity } from '../../jupyter_ext/src/activity/activity';
import { Sidebar } from '../../jupyter_ext/src/sidebar/sidebar';
import { ViewWidget } from '../../jupyter_ext/src/sidebar/view_widget';
import { createWorkspace, WorkspaceSwitcher } from '../../jupyter_ext/src/sidebar/workspace_switcher';
import type { ITraindock } from '../../jupyter_ext/src/tokens';
import { RequestError } from '../../widgets/src/sources/source';
import { UNTRANSLATED } from '../../widgets/src/translation';
import { runRow } from './run_rows';
import { FakeSource, traindockOf } from './sources';

const asked = vi.hoisted(() => ({ labels: [] as string[], texts: [] as (string | null)[] }));

// JupyterLab's own need modules that only its bundler finds: these do what of them is used
vi.mock('@jupyterlab/ui-components', async () => (await import('./lab_parts')).uiComponents());
vi.mock('@jupyterlab/apputils', () => ({
  InputDialog: {
    getText: async ({ label, text }: { label: string; text: string }) => {
      asked.labels.push(`${label} (${text})`);
      return { value: asked.texts.shift() ?? null };
    }
  }
}));

const MINE = { id: 'a', name: 'mine', default: false, runs: 3 };
const USUAL = { id: 'b', name: 'usual', default: true, runs: 0 };

function told(...workspaces: unknown[]): { source: FakeSource; traindock: ITraindock } {
  const source = new FakeSource();
  source.answers.set('/workspaces', { workspaces, default_name: 'default' });
  return { source, traindock: traindockOf(source) };
}

const activityOf = ({ source, workspaces }: ITraindock) => new Activity(source, workspaces);
const sidebarOf = (traindock: ITraindock) => new Sidebar(traindock, activityOf(traindock));

describe('the sidebar', () => {
  let sidebar: Sidebar;
  const titles = () => sidebar.content.widgets.map(one => one.title.label);
  const section = (id: string, rank: number) => ({ id, title: id, rank, widget: new Widget() });

  beforeEach(() => {
    sidebar = sidebarOf(told(USUAL).traindock);
  });

  afterEach(() => {
    sidebar.dispose();
  });

  it('has its sections in the order of their ranks, whoever adds them first', () => {
    sidebar.addSection(section('models', 30));
    sidebar.addSection(section('runs', 10));
    sidebar.addSection(section('compute', 40));
    sidebar.addSection(section('experiments', 20));
    expect(titles()).toEqual(['runs', 'experiments', 'models', 'compute']);
  });

  it('is gone through by keys in the order in which it is seen', () => {
    for (const [id, rank] of [
      ['compute', 40],
      ['runs', 10],
      ['experiments', 20]
    ] as const) {
      const widget = new Widget({ node: document.createElement('button') });
      widget.node.textContent = id;
      sidebar.addSection({ ...section(id, rank), widget });
    }
    const parts = [...sidebar.content.node.children];
    expect(parts.map(one => one.querySelector('button')?.textContent ?? '').filter(Boolean)).toEqual([
      'runs',
      'experiments',
      'compute'
    ]);
    const titles = parts.filter(one => one.matches('.lm-AccordionPanel-title'));
    expect(titles.map(one => one.nextElementSibling?.textContent)).toEqual(['runs', 'experiments', 'compute']);
    expect(parts.filter((_, at) => at % 3 === 2).every(one => one.matches('.lm-SplitPanel-handle'))).toBe(true);
  });

  it('loses a section whose plugin takes it away, and has room for another one in its place', () => {
    sidebar.addSection(section('runs', 10));
    const models = sidebar.addSection(section('models', 30));
    models.dispose();
    sidebar.addSection(section('compute', 40));
    sidebar.addSection(section('models', 30));
    expect(titles()).toEqual(['runs', 'models', 'compute']);
  });

  it('shows no sections while there is no workspace that they could be of', async () => {
    const { source, traindock } = told();
    const empty = sidebarOf(traindock);
    await act(async () => Widget.attach(empty, document.body));
    await act(() => traindock.workspaces.load());
    expect([empty.content.isHidden, empty.node.textContent]).toEqual([true, expect.stringContaining('none yet')]);
    source.answers.set('/workspaces', { workspaces: [USUAL] });
    await act(() => traindock.workspaces.load());
    expect(empty.content.isHidden).toBe(false);
    empty.dispose();
  });
});

describe('a view in a panel', () => {
  it('is drawn only while it can be seen', () => {
    const view = new ViewWidget(() => <p>seen</p>, UNTRANSLATED);
    const panel = new Panel();
    panel.addWidget(view);
    panel.hide();
    Widget.attach(panel, document.body);
    expect(view.node.textContent).toBe('');
    panel.show();
    expect(view.node.textContent).toBe('seen');
    panel.hide();
    expect(view.node.textContent).toBe('');
    panel.dispose();
  });
});

describe('the choice of the workspace', () => {
  let place: HTMLElement;
  const show = async (traindock: ITraindock): Promise<void> => {
    await act(async () => {
      render(
        <WorkspaceSwitcher traindock={traindock} activity={activityOf(traindock)} found={() => undefined} />,
        place
      );
    });
    await act(() => traindock.workspaces.load());
  };

  beforeEach(() => {
    place = document.createElement('div');
    asked.labels.length = 0;
  });

  afterEach(() => {
    render(null, place);
  });

  it('shows which is looked at, and has another one looked at', async () => {
    const { traindock } = told(MINE, USUAL);
    await show(traindock);
    const select = place.querySelector('select') as HTMLSelectElement;
    expect([select.value, [...select.options].map(one => one.text)]).toEqual(['b', ['mine', 'usual']]);
    await act(async () => {
      select.value = 'a';
      select.dispatchEvent(new Event('change', { bubbles: true }));
    });
    expect(traindock.workspaces.current).toEqual(MINE);
  });

  it('says why there is none, and asks again when it is told to', async () => {
    const { source, traindock } = told(USUAL);
    source.answers.set('/workspaces', () => {
      throw new RequestError(
        'no_extension',
        'This Jupyter server has not got the extension of Traindock.',
        'Install it.'
      );
    });
    await show(traindock);
    expect(place.querySelector('[role=alert]')?.textContent).toContain(
      'has not got the extension of Traindock. Install Traindock where the server runs'
    );
    source.answers.set('/workspaces', { workspaces: [USUAL] });
    await act(async () => {
      place.querySelector('button')?.click();
      await traindock.workspaces.load();
    });
    expect(place.querySelector('[role=alert]')).toBeNull();
    expect(place.querySelector('select')?.value).toBe('b');
  });

  it('says which runs go on in others, such as one that a notebook has made, and leads there', async () => {
    const { source, traindock } = told(MINE, USUAL);
    source.answers.set('/workspaces/a/runs', { runs: [{ ...runRow('r'), state: 'Running', parent: null }] });
    source.answers.set('/workspaces/b/runs', { runs: [] });
    source.followList = (_, listener) => {
      listener.onMessage({});
      return () => undefined;
    };
    await show(traindock);
    const line = () => place.querySelector('[role=status]');
    await vi.waitFor(() => expect(line()?.textContent).toBe('1 run goes on in mineShow'));
    await act(async () => line()?.querySelector('button')?.click());
    expect([traindock.workspaces.current, line()]).toEqual([MINE, null]);
  });

  it('offers as the first one that of notebooks that name none, and says that they use it', async () => {
    const { traindock } = told();
    await traindock.workspaces.load();
    await createWorkspace(traindock);
    expect(asked.labels).toEqual([
      'Name: 2 to 33 letters, digits, _ or -. Notebooks and commands that name no workspace use “default”. (default)'
    ]);
  });

  it('shows names as the text that they are', async () => {
    await show(told({ ...USUAL, name: '<img src=x onerror=alert(1)>' }).traindock);
    expect(place.querySelector('img')).toBeNull();
    expect(place.textContent).toContain('<img src=x');
  });

  it('keeps what was typed where a name cannot be had, and says why', async () => {
    const { source, traindock } = told(USUAL);
    const answers: (() => unknown)[] = [
      () => {
        throw new RequestError('workspace_exists', 'There is a workspace “usual”', 'Choose another name.');
      },
      () => MINE,
      () => ({ workspaces: [MINE, USUAL] })
    ];
    source.answers.set('/workspaces', () => answers.shift()?.());
    asked.texts.push('usual', 'mine');
    await createWorkspace(traindock);
    expect(asked.labels).toEqual([
      'Name: 2 to 33 letters, digits, _ or - ()',
      'There is a workspace “usual”. Choose another name. (usual)'
    ]);
    expect(traindock.workspaces.current).toEqual(MINE);
  });
});

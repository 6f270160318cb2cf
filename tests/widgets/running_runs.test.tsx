import { nullTranslator } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Activity } from '../../jupyter_ext/src/activity/activity';
import { RunningRuns } from '../../jupyter_ext/src/activity/running_runs';
import type { ITabs } from '../../jupyter_ext/src/tokens';
import { Workspaces } from '../../jupyter_ext/src/workspaces';
import type { RunRow } from '../../widgets/src/documents';
import { RequestError } from '../../widgets/src/sources/source';
import { runRow } from './run_rows';
import { FakeSource } from './sources';

/** What was asked and told, and what is answered. */
const said = vi.hoisted(() => ({ shown: [] as string[], sure: true }));

vi.mock('@jupyterlab/ui-components', async () => (await import('./lab_parts')).uiComponents());
vi.mock('@jupyterlab/apputils', () => ({
  Dialog: {
    okButton: () => ({ accept: true }),
    cancelButton: () => ({ accept: false }),
    warnButton: () => ({ accept: true })
  },
  showDialog: async ({ title, body }: { title: string; body: Widget | string }) => {
    const text = typeof body === 'string' ? body : [...body.node.children].map(one => one.textContent).join('\n');
    said.shown.push(`${title}\n${text}`);
    return { button: { accept: said.sure } };
  }
}));

const run = (id: string, more: Partial<RunRow> = {}) => ({
  ...runRow(id, { state: 'Running', signed: true, ...more }),
  parent: null
});
const settle = () => new Promise(resolve => setTimeout(resolve));

describe('the panel of what is running', () => {
  let source: FakeSource;
  let running: RunningRuns;
  const stopped = () => source.asked.filter(path => path.endsWith('/cancel')).map(path => path.split('/')[4]);

  async function show(...runs: object[]): Promise<void> {
    source.answers.set('/workspaces/w/runs', { runs });
    source.tellList({});
    await settle();
  }

  beforeEach(async () => {
    Object.assign(said, { shown: [], sure: true });
    source = new FakeSource();
    source.answers.set('/workspaces', { workspaces: [{ id: 'w', name: 'mine', default: true, runs: 1 }] });
    running = new RunningRuns(new Activity(source, new Workspaces(source, null)), {} as ITabs, nullTranslator.load(''));
    await settle();
  });

  it('stops one, once it was said so', async () => {
    await show(run('x', { display_name: 'a' }), run('y', { display_name: 'b', signed: false }));
    source.answers.set('/workspaces/w/runs/', {});
    const items = new Map(running.running().map(item => [item.label(), item]));
    expect(items.get('b')?.shutdown).toBeUndefined(); // somebody else's
    said.sure = false;
    items.get('a')?.shutdown?.();
    await settle();
    expect([said.shown.length, stopped()]).toEqual([1, []]);
    said.sure = true;
    items.get('a')?.shutdown?.();
    await settle();
    expect(stopped()).toEqual(['x']);
  });

  it('stops all of this user, some at once, and says in the end which could not be stopped', async () => {
    const ids = Array.from({ length: 30 }, (_, at) => `r${at}`);
    await show(
      ...ids.map((id, at) => run(id, { display_name: `n${at}` })),
      run('b', { signed: false }),
      run('c', { state: 'CancelRequested' })
    );
    let under = 0;
    let most = 0;
    source.answers.set('/workspaces/w/runs/', async (path: string) => {
      under += 1;
      most = Math.max(most, under);
      await settle();
      under -= 1;
      if (/\/r1?[0-4]\//.test(path)) {
        throw new RequestError('dispatcher_unreachable', 'nobody does it');
      }
      return {};
    });
    running.shutdownAll();
    await vi.waitFor(() => expect(said.shown).toHaveLength(1));
    expect(stopped().sort()).toEqual([...ids].sort());
    expect(most).toBe(4);
    const [title, ...lines] = said.shown[0]?.split('\n') ?? [];
    expect(title).toBe('Some runs cannot be stopped');
    expect(lines).toHaveLength(9);
    expect(lines[0]).toMatch(/^n\d+: nobody does it\.$/);
    expect(lines[8]).toBe('…');
  });
});

import type { IStateDB } from '@jupyterlab/statedb';
import { describe, expect, it } from 'vitest';
import { Workspaces } from '../../jupyter_ext/src/workspaces';
import { RequestError } from '../../widgets/src/sources/source';
import { FakeSource } from './sources';

const MINE = { id: 'a', name: 'mine', default: false, runs: 3 };
const USUAL = { id: 'b', name: 'usual', default: true, runs: 0 };

/** What pages keep, as JupyterLab does. */
function kept(values: Record<string, unknown> = {}): { state: IStateDB; values: Record<string, unknown> } {
  const state = {
    fetch: async (key: string) => values[key],
    save: async (key: string, value: unknown) => {
      values[key] = value;
    }
  } as unknown as IStateDB;
  return { state, values };
}

function told(...workspaces: unknown[]): FakeSource {
  const source = new FakeSource();
  source.answers.set('/workspaces', { workspaces });
  return source;
}

describe('the workspace that is looked at', () => {
  it('is the server’s own choice at first', async () => {
    const workspaces = new Workspaces(told(MINE, USUAL), null);
    expect(workspaces.current).toBeNull();
    await workspaces.load();
    expect(workspaces.current).toEqual(USUAL);
  });

  it('is the one that was chosen, on pages that are opened later, too', async () => {
    const { state } = kept();
    const first = new Workspaces(told(MINE, USUAL), state);
    await first.load();
    let changes = 0;
    const stop = first.observe(() => {
      changes += 1;
    });
    first.choose('a');
    stop();
    expect(changes).toBe(1);
    const later = new Workspaces(told(MINE, USUAL), state);
    await later.load();
    expect([first.current, later.current]).toEqual([MINE, MINE]);
  });

  it('stays the same where nobody has chosen and another one is made elsewhere', async () => {
    const source = told(MINE);
    const workspaces = new Workspaces(source, null);
    await workspaces.load();
    source.answers.set('/workspaces', { workspaces: [MINE, USUAL] });
    await workspaces.load();
    expect(workspaces.current).toEqual(MINE);
  });

  it('is another one where the chosen one is gone', async () => {
    const workspaces = new Workspaces(told(USUAL), kept({ 'jupyterlab-traindock:workspace': 'a' }).state);
    await workspaces.load();
    expect(workspaces.current).toEqual(USUAL);
  });

  it('is the one that was just made', async () => {
    const source = new FakeSource();
    let made = false;
    source.answers.set('/workspaces', () => {
      const answer = made ? { workspaces: [USUAL, MINE] } : MINE;
      made = true;
      return answer;
    });
    const workspaces = new Workspaces(source, null);
    await workspaces.create('mine');
    expect(workspaces.current).toEqual(MINE);
  });

  it('stays as it was where the server does not answer, which is said', async () => {
    const source = told(MINE);
    const workspaces = new Workspaces(source, null);
    await workspaces.load();
    source.answers.set('/workspaces', () => {
      throw new RequestError('unreachable', 'The Jupyter server does not answer.', 'Is it still running?');
    });
    await workspaces.load();
    expect(workspaces.error?.code).toBe('unreachable');
    expect(workspaces.current).toEqual(MINE);
    source.answers.set('/workspaces', { workspaces: [MINE] });
    await workspaces.load();
    expect(workspaces.error).toBeNull();
  });
});

import { StateDB } from '@jupyterlab/statedb';
import { describe, expect, it, vi } from 'vitest';
import { Remembered } from '../../jupyter_ext/src/remembered';

describe('what is filled in into forms', () => {
  const kept = async (state: StateDB) => (await state.list('plugin')).ids;

  it('is there for who opens them in another page', async () => {
    const state = new StateDB();
    new Remembered<object>(state, 'plugin:forms').save('train.py', { epochs: '3' });
    const other = new Remembered<object>(state, 'plugin:forms');
    await vi.waitFor(async () => expect(await other.fetch('train.py')).toEqual({ epochs: '3' }));
  });

  it('is forgotten beyond fifty forms, the oldest first, and nothing else of the page is', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const state = new StateDB();
    await state.save('plugin:layout', { left: 'open' });
    const remembered = new Remembered<object>(state, 'plugin:forms');
    for (let number = 0; number < 53; number++) {
      vi.setSystemTime(number);
      remembered.save(`${number}.py`, { number });
      await vi.waitFor(async () => expect(await kept(state)).toContain(`plugin:forms:${number}.py`));
    }
    await vi.waitFor(async () => expect((await kept(state)).length).toBe(51));
    expect(await kept(state)).not.toContain('plugin:forms:2.py');
    expect(await kept(state)).toEqual(expect.arrayContaining(['plugin:layout', 'plugin:forms:3.py']));
    vi.useRealTimers();
  });
});

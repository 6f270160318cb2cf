import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { IDraft, KeptDraft } from '../../jupyter_ext/src/submit/draft';
import { type IOpening, NewRunModel } from '../../jupyter_ext/src/submit/new_run';
import { NewRunForm } from '../../jupyter_ext/src/submit/new_run_form';
import { RequestError } from '../../widgets/src/sources/source';
import { faultOf, field, host, node, opened, press, settle, text, trans, type } from './form_page';
import { page, sent, show, usePage } from './shown_form';
import { LOCAL, newRunPage, OTHER, option, PLAN, SCRIPT, W } from './submitting';

describe('the form of a script, and where and with what it begins,', () => {
  it('begins with the experiment that it was opened for', async () => {
    await show(SCRIPT, SCRIPT.path, () => page.kept.set(SCRIPT.path, { experiment: 'last' }), { experiment: 'bees' });
    expect(field('experiment').value).toBe('bees');
  });

  it('has after a reload the experiment that it was opened for, or that was typed into it since', async () => {
    const restored = { experiment: 'bees', restored: true };
    await show(SCRIPT, SCRIPT.path, () => page.kept.set(SCRIPT.path, { experiment: 'last' }), restored);
    expect(field('experiment').value).toBe('bees');
    await type('experiment', 'wasps');
    render(null, node); // which keeps what is typed
    const { kept } = page;
    const again = () => void page.kept.set(SCRIPT.path, kept.get(SCRIPT.path) ?? {});
    await show(SCRIPT, SCRIPT.path, again, restored);
    expect(field('experiment').value).toBe('wasps');
    render(null, node);
    await show(SCRIPT, SCRIPT.path, again, { experiment: 'bees' }); // whoever opens it anew, means that one
    expect(field('experiment').value).toBe('bees');
  });

  describe('in one of several workspaces', () => {
    const MINE = { id: W, name: 'mine', default: true, runs: 0 };
    const THEIRS = { id: OTHER, name: 'theirs', default: false, runs: 0 };
    const several = () => {
      page.source.answers.set('/workspaces', { workspaces: [MINE, THEIRS] });
      page.source.answers.set(`/workspaces/${W}/computes`, { computes: [LOCAL] });
      page.source.answers.set(`/workspaces/${OTHER}/computes`, { computes: [LOCAL] });
      page.source.answers.set(`/workspaces/${OTHER}/experiments`, { experiments: [] });
      page.source.answers.set(`/workspaces/${OTHER}/plans`, PLAN);
      page.source.answers.set(`/workspaces/${OTHER}/runs`, { url: '', run: { id: 'b' } });
    };
    /** Draw the form with what was kept of it. */
    const reload = async (opening: IOpening) => {
      render(null, node);
      const { kept } = page;
      const model = await show(
        SCRIPT,
        SCRIPT.path,
        () => {
          several();
          for (const [name, draft] of kept) {
            page.kept.set(name, draft);
          }
        },
        opening
      );
      await act(() => page.workspaces.load());
      await settle();
      return model;
    };
    beforeEach(async () => {
      await show(SCRIPT, SCRIPT.path, several);
      await act(() => page.workspaces.load());
    });

    it('stays in the one that was looked at when it was opened, and says which one the sidebar shows', async () => {
      expect([field('workspace').value, page.keptWorkspaces]).toEqual([W, [W]]);
      await act(async () => page.workspaces.choose(OTHER));
      expect(field('workspace').value).toBe(W);
      expect(text()).toContain('The sidebar shows “theirs”.');
      await type('option data', 'images');
      await press('Submit');
      expect(page.source.sent.map(([path]) => path)).toEqual([`/workspaces/${W}/plans`, `/workspaces/${W}/runs`]);
    });

    it('is in the one that was chosen in it after a reload, too', async () => {
      await type('workspace', OTHER);
      expect(page.keptWorkspaces).toEqual([W, OTHER]);
      await reload({ workspace: OTHER, restored: true });
      expect(field('workspace').value).toBe(OTHER);
      await type('option data', 'images');
      await press('Submit');
      expect(opened).toEqual([{ workspace: OTHER, run: 'b' }]);
    });

    it('is in the one that was chosen in it the last time where it is opened anew', async () => {
      await type('workspace', OTHER);
      await reload({});
      expect(field('workspace').value).toBe(OTHER);
      expect(text()).toContain('The sidebar shows “mine”.');
      expect(page.keptWorkspaces.at(-1)).toBe(OTHER);
    });

    it('is in the one that is looked at where none was chosen in it the last time', async () => {
      await type('option data', 'images');
      render(null, node);
      await reload({});
      await act(async () => page.workspaces.choose(OTHER));
      expect([field('option data').value, field('workspace').value]).toEqual(['images', W]);
    });

    it('says that its workspace is gone, and goes to no other one by itself', async () => {
      await reload({ workspace: 'aa'.repeat(16), restored: true });
      const gone = 'The one that the run was to go to is gone: choose another one.';
      expect(text()).toContain(`Workspace: ${gone}`);
      await type('option data', 'images');
      await press('Submit');
      expect([page.source.sent, faultOf('workspace')]).toEqual([[], gone]);
      await type('workspace', W);
      await settle();
      await press('Submit');
      expect(opened).toEqual([{ workspace: W, run: 'project_1_a' }]);
    });
  });

  it('makes a workspace where there is none, and looks for no compute targets of it', async () => {
    await show(SCRIPT, SCRIPT.path, () => page.source.answers.set('/workspaces', { workspaces: [] }));
    await act(() => page.workspaces.load());
    await press('New workspace…');
    expect([opened, text().includes('Looking for')]).toEqual([['a workspace'], false]);
    expect(text()).toContain('A workspace has them: choose one, or make it first.');
  });

  it('takes anything that is typed while there is no workspace, and says that one is to be made', async () => {
    await show(SCRIPT, SCRIPT.path, () => page.source.answers.set('/workspaces', { workspaces: [] }));
    await act(() => page.workspaces.load());
    await type('free', '--note "not closed');
    expect(field('free').value).toBe('--note "not closed');
    expect(text()).toContain('Workspace: Runs are kept in one: make it first.');
    expect(text()).not.toContain('Finding out what this comes to');
    await press('Submit');
    expect(page.source.sent).toEqual([]);
  });

  describe('whose submit is not answered', () => {
    const unanswered = () => {
      throw new RequestError('internal', 'refused with status 504', '', 504);
    };
    const answered = { url: '', run: { id: 'project_1_a' } };
    const wishes = () => sent('/runs').map(body => (body as { request_id: string }).request_id);
    afterEach(() => void vi.restoreAllMocks());

    /** Open a form, as after a reload of the page, and submit. */
    const submit = async (answer: unknown, data = 'images') => {
      page.source.answers.set(`/workspaces/${W}/runs`, answer);
      const model = new NewRunModel(page, SCRIPT.path);
      await act(async () => render(<NewRunForm key={Math.random()} model={model} trans={trans} host={host} />, node));
      await settle();
      await type('option data', data);
      await press('Submit');
    };

    it('asks for the same run again, also after a reload, and for another one once there was an answer', async () => {
      usePage(newRunPage());
      await submit(unanswered);
      await press('Submit');
      await submit(answered);
      await submit(answered);
      const [first, again, reloaded, next] = wishes();
      expect([again, reloaded]).toEqual([first, first]);
      expect(next).not.toBe(first);
    });

    it('asks for another run where something else is filled in', async () => {
      usePage(newRunPage());
      await submit(unanswered);
      await submit(answered, 'pictures');
      expect(new Set(wishes()).size).toBe(2);
    });

    describe('and whose files are changed', () => {
      const saved = (stamp: string) => ({ ...PLAN, source: { ...PLAN.source, stamp } });
      const save = (stamp: string) => page.source.answers.set(`/workspaces/${W}/plans`, saved(stamp));

      beforeEach(async () => {
        usePage(newRunPage());
        save('before');
        await submit(unanswered);
      });

      it('asks for another run, be it at once or after a reload', async () => {
        save('after');
        await press('Submit');
        save('once more');
        await submit(answered);
        expect(new Set(wishes()).size).toBe(3);
      });

      it('asks for the same run where they were not, though no plan could be made in between', async () => {
        page.source.answers.set(`/workspaces/${W}/plans`, unanswered);
        await press('Submit');
        expect([wishes().length, text()]).toEqual([1, expect.stringContaining('refused with status 504')]);
        save('before');
        await press('Submit without a plan');
        expect([wishes().length, new Set(wishes()).size]).toEqual([2, 1]);
      });

      it('asks for another run where nobody can tell whether they were', async () => {
        page.source.answers.set(`/workspaces/${W}/plans`, unanswered);
        await press('Submit');
        await press('Submit without a plan');
        expect(new Set(wishes()).size).toBe(2);
      });
    });

    it('asks for another run a day later', async () => {
      usePage(newRunPage());
      await submit(unanswered);
      const day = Date.now() + 24 * 3_600_000;
      vi.spyOn(Date, 'now').mockReturnValue(day - 60_000);
      await submit(unanswered);
      vi.mocked(Date.now).mockReturnValue(day + 60_000);
      await submit(answered);
      const [first, again, next] = wishes();
      expect([again === first, next === first]).toEqual([true, false]);
    });

    it('keeps nothing of it where a secret is sent', async () => {
      usePage(newRunPage());
      page.kept.set(SCRIPT.path, { free: '--note x' });
      page.source.answers.set('/scripts/options', { ...SCRIPT, options: [option(null, { dest: 'data' })] });
      await submit(unanswered, 'https://ann:hunter2@host/data');
      expect(text()).toContain('refused with status 504');
      expect(JSON.stringify([...page.kept])).not.toContain('hunter2');
      await press('Submit');
      expect(new Set(wishes()).size).toBe(1);
    });
  });

  it('has the values of the last time, but no secrets', async () => {
    vi.useFakeTimers();
    try {
      usePage(newRunPage());
      const model = new NewRunModel(page, SCRIPT.path);
      const stop = model.observe(() => undefined);
      await vi.runOnlyPendingTimersAsync();
      model.set({ options: { '--lr': '0.5', '--hub_token': 'abc' }, gpus: '1' });
      await vi.runOnlyPendingTimersAsync();
      stop();
    } finally {
      vi.useRealTimers();
    }
    const { kept } = page;
    await show(SCRIPT, SCRIPT.path, () => {
      page.drafts = { fetch: async path => kept.get(path), save: () => undefined };
    });
    expect([field('option --lr').value, field('option --hub_token').value, field('gpus').value]).toEqual([
      '0.5',
      '',
      '1'
    ]);
  });

  describe('that was filled in with secrets', () => {
    /** Fill them in, and draw the form with what was kept. */
    const reload = async (part: Partial<IDraft>) => {
      const model = await show();
      await act(async () => model.set({ options: { data: 'images' }, ...part }));
      render(null, node); // which keeps what is typed
      const { kept } = page;
      expect(JSON.stringify([...kept])).not.toContain('abc');
      return await show(SCRIPT, SCRIPT.path, () => page.kept.set(SCRIPT.path, kept.get(SCRIPT.path) as KeptDraft));
    };
    const value = () => node.querySelector('[aria-label="Value of variable 1"]') as HTMLInputElement;
    const write = (text: string) =>
      act(async () => {
        value().value = text;
        value().dispatchEvent(new Event('input', { bubbles: true }));
      });

    it('sends no variable empty in place of its secret: that is written again', async () => {
      await reload({ variables: [['HF_TOKEN', 'abc']] });
      const lacking = 'HF_TOKEN is secret, and was not remembered: write it again, or remove it.';
      expect(text()).toContain(`Environment variables: ${lacking}`);
      await press('Submit');
      expect([page.source.sent, text().split(lacking)]).toEqual([[], expect.objectContaining({ length: 3 })]);
      await write('hf_1');
      await press('Submit');
      expect(sent('/runs')[0]).toMatchObject({ environment_variables: { HF_TOKEN: 'hf_1' } });
    });

    it('sends none that is removed, and an empty one that somebody wants empty', async () => {
      await reload({ variables: [['DATA', 'https://ann:abc@host']] });
      await press('Remove DATA');
      await press('Submit');
      expect(sent('/runs')[0]).not.toHaveProperty('environment_variables');
      await reload({ variables: [['HF_TOKEN', '']] });
      await press('Submit');
      expect(sent('/runs')[0]).toMatchObject({ environment_variables: { HF_TOKEN: '' } });
    });

    it('says what else was not remembered, also after one more reload, until it is written again', async () => {
      const told = () => [...node.querySelectorAll('.td-notice')].map(one => one.textContent).join();
      const options = { data: 'images', '--hub_token': 'abc' };
      const packages = { environment: 'packages', pip: 'pillow\ngit+https://abc@host/x.git' } as const;
      const model = await reload({ options, ...packages, free: '--api-key abc' });
      expect(told()).toContain(
        'since it is secret: --hub_token, lines of “Packages of pip”, arguments. Write it again'
      );
      await type('gpus', '0');
      await act(async () => model.set({ free: '--api-key cba' }));
      render(null, node);
      const { kept } = page;
      await show(SCRIPT, SCRIPT.path, () => page.kept.set(SCRIPT.path, kept.get(SCRIPT.path) as KeptDraft));
      expect(told()).toContain('--hub_token, lines of “Packages of pip”, arguments.');
      await type('option --hub_token', 'abc');
      await type('pip', 'torchvision');
      expect(told()).toContain('since it is secret: arguments.');
      await press('Dismiss');
      expect(told()).toBe('');
    });
  });

  it('waits with a submit until it is known where it may go', async () => {
    let answer: (computes: unknown) => void = () => undefined;
    await show(SCRIPT, SCRIPT.path, () => {
      const computes = new Promise(resolve => {
        answer = resolve;
      });
      page.source.answers.set(`/workspaces/${W}/computes`, () => computes);
    });
    await type('option data', 'images');
    await press('Submit');
    expect([page.source.sent, faultOf('compute')]).toEqual([[], '']);
    answer({ computes: [LOCAL] });
    await settle();
    expect(page.source.sent[0]?.[1]).toMatchObject({ compute_target: 'local' });
  });
});

import { render } from 'preact';
import { act } from 'preact/test-utils';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ScriptDocument } from '../../jupyter_ext/src/submit/documents';
import type { KeptDraft } from '../../jupyter_ext/src/submit/draft';
import { NewRunModel } from '../../jupyter_ext/src/submit/new_run';
import { NewRunForm } from '../../jupyter_ext/src/submit/new_run_form';
import { RequestError } from '../../widgets/src/sources/source';
import { field, host, node, press, settle, text, trans, type } from './form_page';
import { page, sent, show, usePage } from './shown_form';
import { newRunPage, option, SCRIPT } from './submitting';

describe('the form of a script, as it follows the script,', () => {
  describe('of a folder', () => {
    /** By path of a script what ends the wait for it. */
    const asked = new Map<string, { tell(script: ScriptDocument): void; fail(error: Error): void }>();
    let model: NewRunModel;
    const choose = async (path: string) => {
      await act(async () => void model.chooseScript(path));
      await settle();
    };
    const end = async (act_: () => void) => {
      await act(async () => act_());
      await settle();
    };
    beforeEach(async () => {
      asked.clear();
      usePage(newRunPage());
      page.source.answers.set(
        '/scripts/options',
        (path: string) =>
          new Promise((tell, fail) =>
            asked.set(new URLSearchParams(path.split('?')[1]).get('path') as string, { tell, fail })
          )
      );
      page.scriptsIn = async () => ['project/a.py', 'project/b.py'];
      model = new NewRunModel(page, 'project');
      await act(async () => render(<NewRunForm model={model} trans={trans} host={host} />, node));
      await settle();
    });

    it('sends nothing of the script before where the one that was chosen cannot be read', async () => {
      await choose('project/a.py');
      await end(() => asked.get('project/a.py')?.tell({ ...SCRIPT, path: 'project/a.py', options: [] }));
      await choose('project/b.py');
      await act(async () => void model.submit());
      await end(() => asked.get('project/b.py')?.fail(new RequestError('script_not_found', 'b.py is gone', '', 404)));
      expect(page.source.sent.filter(([path]) => path.endsWith('/runs'))).toEqual([]);
      expect(text()).toContain('b.py is gone');
    });

    it('does not tell what became of one that nobody wants any more', async () => {
      await choose('project/a.py');
      await choose('project/b.py');
      await end(() => asked.get('project/b.py')?.tell({ ...SCRIPT, path: 'project/b.py', options: [] }));
      await end(() => asked.get('project/a.py')?.fail(new RequestError('script_not_found', 'a.py is gone', '', 404)));
      expect(text()).not.toContain('a.py is gone');
      expect(field('experiment').value).toBe('project');
    });
  });

  it('says of a default that the script computes that it is no text to be filled in', async () => {
    const computed = option('--data', { default_source: 'insect_data.OFFICIAL_DATA' });
    await show({ ...SCRIPT, options: [computed] });
    expect(field('option --data').placeholder).toBe('computed: insect_data.OFFICIAL_DATA');
  });

  it('offers arguments alone where the options cannot be told, and says why', async () => {
    const why = 'The options are made in a loop, in line 4.';
    await show({ ...SCRIPT, parsed: false, why, options: [] });
    expect(text()).toContain(why);
    await type('free', '--lr 1');
    await press('Submit');
    expect(page.source.sent[0]?.[1]).toMatchObject({ arguments: ['--lr', '1'] });
  });

  it('tells the options of sub-commands, which are written as arguments', async () => {
    const commands = [
      { name: 'fit', options: [option(null, { dest: 'data' }), option('--lr')] },
      { name: 'test', options: [] }
    ];
    await show({ ...SCRIPT, parsed: false, why: 'It has sub-commands.', options: [option('--seed')], commands });
    expect([...node.querySelectorAll('.jp-Traindock-commands li')].map(one => one.textContent)).toEqual([
      'fit data [--lr]',
      'test '
    ]);
    await type('option --seed', '1');
    await type('free', 'fit images --lr 2');
    await press('Submit');
    expect(sent('/runs')[0]).toMatchObject({ arguments: ['--seed=1', 'fit', 'images', '--lr', '2'] });
  });

  it('says so where there is no such script, and tries again', async () => {
    let there = false;
    await show(SCRIPT, SCRIPT.path, () => {
      page.source.answers.set('/scripts/options', () => {
        if (!there) {
          throw new RequestError('script_not_found', 'path: there is no file', 'Look for it.', 404);
        }
        return SCRIPT;
      });
    });
    expect(node.querySelector('[role="alert"]')?.textContent).toContain('path: there is no file. Look for it.');
    there = true;
    await press('Try again');
    expect(field('option data')).not.toBeNull();
  });

  it('lets one choose another script of the folder where one cannot be read', async () => {
    let found = ['work/project/big.py', 'work/project/train.py'];
    await show(SCRIPT, 'work', () => {
      page.scriptsIn = async () => found;
      page.source.answers.set('/scripts/options?path=work%2Fproject%2Fbig.py', () => {
        throw new RequestError('user', 'big.py has too many bytes for a script: choose the Python file', '', 422);
      });
    });
    await press('project/train.py');
    await type('option data', 'images');
    await type('script', 'work/project/big.py');
    await settle();
    expect(node.querySelector('[role="alert"]')?.textContent).toContain('choose the Python file');
    found = [...found, 'work/small.py'];
    await press('Choose another');
    expect([...node.querySelectorAll('.jp-Traindock-scripts button')].map(one => one.textContent)).toEqual([
      'project/big.py',
      'project/train.py',
      'small.py'
    ]);
    await press('project/train.py');
    expect(field('option data').value).toBe('images');
  });

  it('lets one choose a script of a folder, of which all is sent', async () => {
    await show(SCRIPT, 'work', () => {
      page.scriptsIn = async () => ['work/a.ipynb', 'work/project/train.py'];
    });
    expect([...node.querySelectorAll('.jp-Traindock-scripts button')].map(one => one.textContent)).toEqual([
      'a.ipynb',
      'project/train.py'
    ]);
    await press('project/train.py');
    expect(field('source').value).toBe('work');
  });

  it('keeps the focus, and what was filled in, where another script of the folder is chosen', async () => {
    const other = {
      ...SCRIPT,
      path: 'work/other.py',
      folder: 'work',
      script: 'other.py',
      options: [option('--depth')]
    };
    await show(SCRIPT, 'work', () => {
      page.scriptsIn = async () => ['work/other.py', 'work/project/train.py'];
      page.source.answers.set('/scripts/options?path=work%2Fother.py', other);
    });
    await press('project/train.py');
    await type('option data', 'images');
    const select = field('script');
    select.focus();
    await type('script', 'work/other.py');
    expect([document.activeElement, field('script').value]).toEqual([select, 'work/other.py']);
    await settle();
    expect([document.activeElement, field('option --depth').value]).toEqual([select, '']);
    await type('script', 'work/project/train.py');
    await settle();
    expect(field('option data').value).toBe('images');
    await press('Submit');
    expect(sent('/runs')[0]).toMatchObject({ script: 'project/train.py', arguments: ['images'] });
  });

  it('has no arguments for a notebook, which it reads once', async () => {
    const model = await show({
      ...SCRIPT,
      path: 'work/a.ipynb',
      folder: 'work',
      script: 'a.ipynb',
      kind: 'notebook',
      options: []
    });
    expect(field('free')).toBeNull();
    await act(async () => model.readAgain());
    expect(page.source.asked.filter(path => path.startsWith('/scripts/options'))).toHaveLength(1);
    await press('Submit');
    expect(page.source.sent[0]?.[1]).toMatchObject({ source: 'work', notebook: 'a.ipynb' });
  });

  it('takes names for text', async () => {
    const name = '<img src=x onerror=alert(1)>.py';
    await show({ ...SCRIPT, path: name, folder: '', options: [], notes: ['<b>note</b>'] });
    expect(node.querySelector('img, b')).toBeNull();
    expect(text()).toContain(name);
  });

  describe('whose script is changed while it is open', () => {
    const RENAMED: ScriptDocument = { ...SCRIPT, options: [option('--learning_rate'), option('--dropout')] };
    const told = () => [...node.querySelectorAll('.td-notice')].map(one => one.textContent).join();
    let model: NewRunModel;
    const readAgain = async () => {
      await act(async () => model.readAgain());
      await settle();
    };
    beforeEach(async () => {
      model = await show();
      await type('option data', 'images');
      await type('option --lr', '0.5');
      await type('option --hub_token', 'abc');
      await type('experiment', 'bees');
    });

    it('has its new options when it is seen again, keeps what is filled in, and sends none that is gone', async () => {
      page.source.answers.set('/scripts/options', { ...SCRIPT, options: [...SCRIPT.options, option('--dropout')] });
      await act(async () => model.standBy(true));
      await act(async () => model.standBy(false));
      await settle();
      expect([field('option --lr').value, field('option --dropout').value, told()]).toEqual(['0.5', '', '']);
      page.source.answers.set('/scripts/options', RENAMED);
      await readAgain();
      expect(told()).toContain('the script has no such options now: data=images --lr=0.5');
      expect(text()).not.toContain('abc');
      await type('option --learning_rate', '0.5');
      await press('Submit');
      expect(sent('/runs')[0]).toMatchObject({ experiment: 'bees', arguments: ['--learning_rate=0.5'] });
      expect(told()).toBe(''); // what nobody missed until then is forgotten
    });

    it('takes back what belonged to options that are there again, such as after a mistake in the script', async () => {
      const why = 'The script is no Python: line 1.';
      page.source.answers.set('/scripts/options', { ...SCRIPT, parsed: false, why, options: [] });
      await readAgain();
      expect(told()).toContain(why);
      page.source.answers.set('/scripts/options', SCRIPT);
      await readAgain();
      expect([field('option data').value, field('option --lr').value, told()]).toEqual(['images', '0.5', '']);
    });

    it('says the same after a reload, until that is dismissed', async () => {
      render(null, node);
      const { kept } = page;
      const change = () => void page.kept.set(SCRIPT.path, kept.get(SCRIPT.path) as KeptDraft);
      model = await show(RENAMED, RENAMED.path, change);
      expect(told()).toContain('--lr=0.5');
      await press('Dismiss'); // the secret, which is not there any more either
      await press('Dismiss');
      expect([told(), model.draft.options]).toEqual(['', {}]);
    });

    it('stays as it is where the script cannot be read now, says so, and tries again', async () => {
      page.source.answers.set('/scripts/options', () => {
        throw new RequestError('script_not_found', 'path: there is no file', '', 404);
      });
      await readAgain();
      expect(told()).toContain('since the script cannot be read now: path: there is no file');
      expect(field('option --lr').value).toBe('0.5');
      page.source.answers.set('/scripts/options', SCRIPT);
      await press('Try again');
      expect(told()).toBe('');
    });

    it('is submitted with the options that it has by then', async () => {
      let answer: (script: ScriptDocument) => void = () => undefined;
      page.source.answers.set('/scripts/options', () => new Promise(resolve => (answer = resolve)));
      await act(async () => model.readAgain());
      await press('Submit');
      expect(sent('/runs')).toEqual([]);
      await act(async () => answer({ ...SCRIPT, options: [option('--lr')] }));
      await vi.waitFor(() => expect(sent('/runs')).toHaveLength(1));
      expect(sent('/runs')[0]).toMatchObject({ arguments: ['--lr=0.5'] });
    });
  });
});

import { render } from 'preact';
import { act } from 'preact/test-utils';
import { beforeEach, describe, expect, it } from 'vitest';
import { AgainModel } from '../../jupyter_ext/src/submit/again';
import { AgainForm } from '../../jupyter_ext/src/submit/again_form';
import type { ScriptDocument } from '../../jupyter_ext/src/submit/documents';
import { Workspaces } from '../../jupyter_ext/src/workspaces';
import { RequestError } from '../../widgets/src/sources/source';
import { RUN } from './documents';
import { faultOf, field, host, node, opened, planned, press, settle, text, trans, type } from './form_page';
import { AskedSource, LOCAL, SCRIPT, W } from './submitting';

/** The name of a wish. */
const NAMED = { request_id: expect.stringMatching(/^[0-9a-f]{32}$/) };

describe('the form of a run that is resubmitted', () => {
  const SPEC = {
    script: 'train.py',
    command: [],
    arguments: ['--lr', '0.1', '--name', 'a b'],
    compute_target: 'local',
    gpus: 0,
    environment_name: '',
    environment_variables: { SEED: '1', HF_TOKEN: '***' },
    max_run_duration_seconds: 7200
  };
  let source: AskedSource;
  const kept = new Map<string, unknown>();
  const drafts = {
    fetch: async (name: string) => kept.get(name),
    save: (name: string, draft: object) => void kept.set(name, JSON.parse(JSON.stringify(draft)))
  };
  beforeEach(() => kept.clear());
  const show = async (spec: Record<string, unknown> = SPEC, script: ScriptDocument | null = null) => {
    render(null, node);
    source = new AskedSource();
    source.answers.set('/workspaces', { workspaces: [] });
    source.answers.set(`/workspaces/${W}/computes`, {
      computes: [LOCAL, { ...LOCAL, name: 'gpu-box', kind: 'docker' }]
    });
    source.answers.set(`/workspaces/${W}/runs/a`, {
      ...RUN,
      id: 'a',
      display_name: 'first',
      tags: { why: 'try' },
      spec
    });
    source.answers.set(`/workspaces/${W}/runs/a/resubmit`, { run: { id: 'b' } });
    source.answers.set(`/workspaces/${W}/runs/a/script-options`, () => {
      if (script === null) {
        throw new RequestError('snapshot_not_found', 'the snapshot is gone', '', 404);
      }
      return script;
    });
    return draw();
  };
  const draw = async (): Promise<AgainModel> => {
    const page = { source, trans, workspaces: new Workspaces(source, null), usualCompute: () => '', drafts };
    const model = new AgainModel(page, { workspace: W, run: 'a' });
    await act(async () => render(<AgainForm model={model} trans={trans} host={host} />, node));
    await settle();
    return model;
  };

  it('begins with what the run had, and changes nothing by itself', async () => {
    await show();
    expect([field('free').value, field('limit').value, field('unit').value]).toEqual([
      "--lr 0.1 --name 'a b'",
      '2',
      'hours'
    ]);
    await planned();
    expect(text()).toContain('Nothing: the same is done once more.');
    expect(text()).toContain('The options of the script cannot be told: the snapshot is gone');
    await press('Submit');
    expect(source.sent).toEqual([[`/workspaces/${W}/runs/a/resubmit`, { ...NAMED }]]);
    expect(opened).toEqual([{ workspace: W, run: 'b' }]);
  });

  it('begins anew where it is opened once more after it was sent, unless more was filled in since', async () => {
    const again = await show();
    await type('name', 'second');
    act(() => again.beginAnew());
    expect(field('name').value).toBe('second');
    await press('Submit');
    expect(text()).toContain('Submitted as');
    act(() => again.beginAnew());
    expect([field('name').value, text().includes('Submitted as')]).toEqual(['first', false]);
    await type('name', 'third');
    await press('Submit');
    await type('name', 'fourth');
    act(() => again.beginAnew());
    expect(field('name').value).toBe('fourth');
  });

  it('says why the run cannot be told, and tries again', async () => {
    let there = false;
    await show();
    render(null, node);
    source.answers.set(`/workspaces/${W}/runs/a`, () => {
      if (!there) {
        throw new RequestError('unreachable', 'The Jupyter server does not answer.', 'Is it still running?');
      }
      return { ...RUN, id: 'a', spec: SPEC };
    });
    await draw();
    expect(node.querySelector('[role="alert"]')?.textContent).toContain('The Jupyter server does not answer.');
    there = true;
    await press('Try again');
    expect(field('free').value).toBe("--lr 0.1 --name 'a b'");
  });

  it('goes nowhere else by itself where the compute target of the run is gone', async () => {
    await show({ ...SPEC, compute_target: 'gone' });
    expect(field('compute').value).toBe('gone');
    await press('Submit');
    expect([source.sent, faultOf('compute')]).toEqual([[], 'There is no “gone” any more: choose where it is to run.']);
    await type('compute', 'gpu-box');
    await press('Submit');
    expect(source.sent[0]?.[1]).toEqual({ ...NAMED, compute_target: 'gpu-box' });
  });

  it('asks for the same run again where no answer came, also after a reload, and then for another one', async () => {
    const wishes: unknown[] = [];
    const submit = async (answers: boolean) => {
      await show();
      if (!answers) {
        source.answers.set(`/workspaces/${W}/runs/a/resubmit`, () => {
          throw new RequestError('unreachable', 'refused with status 504', '', 504);
        });
      }
      await type('gpus', '1');
      await press('Submit');
      wishes.push(...source.sent.map(([, body]) => (body as { request_id: string }).request_id));
    };
    await submit(false);
    await submit(true);
    await submit(true);
    expect(wishes).toHaveLength(3);
    expect([wishes[1] === wishes[0], wishes[2] === wishes[0]]).toEqual([true, false]);
  });

  it('sends what is different, and shows it beside what was', async () => {
    await show();
    await type('free', '--lr 0.2');
    await type('compute', 'gpu-box');
    await type('name', 'second');
    await planned();
    expect([...node.querySelectorAll('tbody tr')].map(one => [...one.children].map(cell => cell.textContent))).toEqual([
      ['Arguments', "--lr 0.1 --name 'a b'", '--lr 0.2'],
      ['Compute target', 'local', 'gpu-box'],
      ['Display name', 'first', 'second']
    ]);
    await press('Submit');
    expect(source.sent[0]?.[1]).toEqual({
      ...NAMED,
      arguments: ['--lr', '0.2'],
      compute_target: 'gpu-box',
      display_name: 'second'
    });
  });

  it('does not send what the server hides', async () => {
    await show({ ...SPEC, arguments: ['--token', '***'] });
    await type('free', '--token *** --lr 1');
    await press('Submit');
    expect(faultOf('free')).toContain('A secret is hidden here');
    await type('free', '--token abc --lr 1');
    await planned();
    expect(text()).not.toContain('abc');
    await press('Submit');
    expect(source.sent[0]?.[1]).toEqual({ ...NAMED, arguments: ['--token', 'abc', '--lr', '1'] });
  });

  const KNOWN = {
    ...SPEC,
    arguments: ['images', '--lr', '0.1', '--hub_token', '***', '--own', '1']
  };

  it('has a field for each option of its script, with what the run gave', async () => {
    await show(KNOWN, SCRIPT);
    expect(['option data', 'option --lr', 'option --hub_token', 'free'].map(place => field(place).value)).toEqual([
      'images',
      '0.1',
      '***',
      '--own 1'
    ]);
    await press('Submit');
    expect(source.sent).toEqual([[`/workspaces/${W}/runs/a/resubmit`, { ...NAMED }]]); // not even in another way of writing it
  });

  it('gives no argument twice where its options were not known when they were filled in', async () => {
    await show(KNOWN);
    await type('free', 'pictures --lr 0.1');
    render(null, node); // which keeps what is typed
    await show(KNOWN, SCRIPT);
    expect([field('option data').value, field('free').value]).toEqual(['images', '--own 1']);
  });

  it('sends arguments of its fields, and asks for a secret that it does not know', async () => {
    await show(KNOWN, SCRIPT);
    await type('option --lr', '0.5');
    await press('Submit');
    expect([source.sent, faultOf('option --hub_token')]).toEqual([
      [],
      'A secret is hidden here: write it again in place of ***, or leave all as it was.'
    ]);
    await type('option --hub_token', 'abc');
    await press('Submit');
    expect(source.sent[0]?.[1]).toEqual({
      ...NAMED,
      arguments: ['images', '--lr=0.5', '--hub_token=abc', '--own', '1']
    });
  });

  it('has what was filled in once more after a reload, without secrets, until it is sent or taken back', async () => {
    await show(KNOWN, SCRIPT);
    await type('option --lr', '0.5');
    await type('option --hub_token', 'hf_secret');
    await type('name', 'second');
    render(null, node); // whatever ends the page or the tab, what was typed last is kept
    expect(JSON.stringify([...kept])).not.toContain('hf_secret');
    await show(KNOWN, SCRIPT);
    const values = () => ['option --lr', 'option --hub_token', 'name', 'option data'].map(place => field(place).value);
    expect(values()).toEqual(['0.5', '***', 'second', 'images']);
    await press('Begin with what the run had');
    expect(values()).toEqual(['0.1', '***', 'first', 'images']);
    await type('name', 'third');
    await press('Submit');
    await show(KNOWN, SCRIPT);
    expect(values()).toEqual(['0.1', '***', 'first', 'images']);
    expect(text()).not.toContain('as you left it');
  });

  it('sends no secret empty, and none as it was without a word, where others were filled in before a reload', async () => {
    await show(KNOWN, SCRIPT);
    await type('option --hub_token', 'hf_secret');
    const add = [...node.querySelectorAll('button')].find(one => one.textContent === 'Add a variable');
    add?.focus();
    await press('Add a variable');
    expect(document.activeElement?.getAttribute('aria-label')).toBe('Name of variable 3');
    const write = (label: string, value: string) =>
      act(async () => {
        const one = node.querySelector(`[aria-label="${label}"]`) as HTMLInputElement;
        one.value = value;
        one.dispatchEvent(new Event('input', { bubbles: true }));
      });
    await write('Name of variable 3', 'WANDB_API_KEY');
    await write('Value of variable 3', 'hf_secret');
    render(null, node);
    expect(JSON.stringify([...kept])).not.toContain('hf_secret');
    await show(KNOWN, SCRIPT);
    expect(text()).toContain('Not remembered, since it is secret: --hub_token. Write it again where the run needs it.');
    await press('Submit');
    expect([source.sent, text().includes('WANDB_API_KEY is secret, and was not remembered')]).toEqual([[], true]);
    await write('Value of variable 3', 'again');
    await press('Submit');
    expect(source.sent[0]?.[1]).toEqual({ environment_variables: { WANDB_API_KEY: 'again' }, ...NAMED });
  });

  it('says that a variable cannot be taken away', async () => {
    await show();
    await press('Remove SEED');
    await press('Submit');
    expect(text()).toContain('leave SEED empty');
    expect(source.sent).toEqual([]);
  });

  it('says so where the run is gone', async () => {
    source = new AskedSource();
    source.answers.set(`/workspaces/${W}/runs/a`, () => {
      throw new RequestError('run_not_found', 'there is no run', '', 404);
    });
    const page = { source, trans, workspaces: new Workspaces(source, null), usualCompute: () => '', drafts };
    const model = new AgainModel(page, { workspace: W, run: 'a' });
    await act(async () => render(<AgainForm model={model} trans={trans} host={host} />, node));
    await settle();
    expect(node.querySelector('[role="alert"]')?.textContent).toContain('This run was deleted.');
  });
});

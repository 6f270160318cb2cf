import { render } from 'preact';
import { act } from 'preact/test-utils';
import { describe, expect, it, vi } from 'vitest';
import { NewRunModel } from '../../jupyter_ext/src/submit/new_run';
import { NewRunForm } from '../../jupyter_ext/src/submit/new_run_form';
import { RequestError } from '../../widgets/src/sources/source';
import {
  button,
  faultOf,
  field,
  host,
  isPlanned,
  node,
  opened,
  planned,
  press,
  settle,
  text,
  trans,
  type
} from './form_page';
import { page, sent, show, usePage } from './shown_form';
import { LOCAL, newRunPage, PLAN, SCRIPT, W } from './submitting';

describe('the form of a script', () => {
  it('has a field for each option, whose default is no value yet', async () => {
    await show();
    expect(field('experiment').value).toBe('project');
    expect([field('option --lr').value, field('option --lr').placeholder]).toEqual(['', '0.01']);
    expect([...field('option --optimizer').querySelectorAll('option')].map(one => one.textContent)).toEqual([
      'sgd (as the script has it)',
      'sgd',
      'adam'
    ]);
    expect(field('option --hub_token').type).toBe('password');
    expect(text()).toContain('1 of 2 nodes free');
  });

  it('sends what was filled in, and opens the run', async () => {
    await show();
    await type('option data', 'images');
    await type('option --optimizer', 'adam');
    await act(async () => field('option --amp').click());
    await type('name', 'larger');
    await press('Submit');
    const wanted = {
      source: 'work/project',
      script: 'train.py',
      experiment: 'project',
      compute_target: 'local',
      gpus: 0,
      arguments: ['images', '--optimizer=adam', '--amp'],
      display_name: 'larger'
    };
    // what is launched is what the plan was made of, which nobody had to wait for
    expect(page.source.sent).toEqual([
      [`/workspaces/${W}/plans`, wanted],
      [`/workspaces/${W}/runs`, { ...wanted, request_id: expect.stringMatching(/^[0-9a-f]{32}$/) }]
    ]);
    expect(opened).toEqual([{ workspace: W, run: 'project_1_a' }]);
    expect(text()).toContain('Submitted as project_1_a');
    expect([field('option data').value, field('name').value]).toEqual(['images', '']);
  });

  it('says as what it was submitted in a sentence that other languages may turn around', async () => {
    const model = await show();
    await type('option data', 'images');
    await press('Submit');
    const __ = (words: string, ...values: string[]): string =>
      words === 'Submitted as %1' ? `${values[0]} wurde gesendet` : trans.__(words, ...values);
    const turned = Object.assign(Object.create(trans), { __ });
    await act(async () => render(<NewRunForm model={model} trans={turned} host={host} />, node));
    expect(text()).toContain('project_1_a wurde gesendet');
    expect(button('project_1_a').className).toBe('td-link');
  });

  it('sends nothing while something is to be mended, and goes there', async () => {
    await show();
    await type('option --lr', 'fast');
    await press('Submit');
    expect(page.source.sent).toEqual([]);
    expect([faultOf('option data'), faultOf('option --lr')]).toEqual(['The script needs it.', 'A number.']);
    expect(document.activeElement).toBe(field('option data'));
    await type('option --lr', '0.1');
    expect(faultOf('option --lr')).toBe('');
    await type('free', 'images');
    expect(faultOf('option data')).toBe('');
  });

  it('finds no fault with what is filled in after a submit before it is submitted again', async () => {
    await show();
    await type('option data', 'images');
    await press('Submit');
    await vi.waitFor(() => expect(text()).toContain('Submitted as'));
    await type('option data', '');
    expect([text().includes('something is to be mended'), faultOf('option data')]).toEqual([false, '']);
    await press('Submit');
    expect(text()).toContain('something is to be mended');
    expect(faultOf('option data')).toBe('The script needs it.');
  });

  it('shows a plan in words, without secrets, as soon as all is filled in that it takes', async () => {
    await show();
    const plan = node.querySelector('.jp-Traindock-plan') as HTMLElement;
    expect(plan.textContent).toContain('data: The script needs it.');
    expect(faultOf('option data')).toBe(''); // nobody has done anything wrong yet
    await type('option data', 'images');
    await planned();
    expect(sent('/plans')).toHaveLength(1);
    expect(plan.textContent).toContain('2 files, 3.0 MB');
    expect(plan.textContent).toContain('The interpreter …/python lacks torch');
    expect(plan.textContent).toContain('It is built first');
    expect(plan.textContent).toContain("python train.py images '--hub_token=***'");
    expect(plan.textContent).not.toContain('abc');
    expect(plan.querySelector('.jp-Traindock-sent li')?.textContent).toContain('data.bin');
  });

  it('makes one plan for what was typed without a pause, and none for what it is called', async () => {
    await show();
    await type('option data', 'i');
    await type('option data', 'im');
    await type('option data', 'images');
    expect(isPlanned()).toBe(false);
    await planned();
    await type('name', 'larger');
    expect(isPlanned()).toBe(true);
    await type('option --lr', '0.1');
    expect([isPlanned(), text().includes('Finding out what this comes to')]).toEqual([false, true]);
    await planned();
    expect(sent('/plans').map(body => (body as { arguments: string[] }).arguments)).toEqual([
      ['images'],
      ['images', '--lr=0.1']
    ]);
  });

  it('gives up a plan that is being made when something else is filled in, and shows that of the latter', async () => {
    const answers: ((plan: unknown) => void)[] = [];
    await show(SCRIPT, SCRIPT.path, () => {
      page.source.answers.set(`/workspaces/${W}/plans`, () => new Promise(resolve => answers.push(resolve)));
    });
    await type('option data', 'a');
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    await type('option data', 'b');
    expect(page.source.signals[0]?.aborted).toBe(true);
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    answers[1]?.({ ...PLAN, compute_target: 'second' });
    await planned();
    answers[0]?.({ ...PLAN, compute_target: 'first' });
    await settle();
    expect(node.querySelector('.jp-Traindock-plan')?.textContent).toContain('second');
  });

  it('launches what the plan was made of, whatever is filled in while that is made', async () => {
    let answer: (plan: unknown) => void = () => undefined;
    await show(SCRIPT, SCRIPT.path, () => {
      page.source.answers.set(`/workspaces/${W}/plans`, () => new Promise(resolve => (answer = resolve)));
    });
    await type('option data', 'a');
    await press('Submit');
    await type('option data', 'b');
    expect(sent('/runs')).toEqual([]);
    answer(PLAN);
    await vi.waitFor(() => expect(sent('/runs')).toHaveLength(1));
    expect(sent('/runs')[0]).toMatchObject({ ...(sent('/plans')[0] as object), arguments: ['a'] });
  });

  it('says why there is no plan, launches nothing unseen, and leaves it to the server once that was read', async () => {
    await show(SCRIPT, SCRIPT.path, () => {
      page.source.answers.set(`/workspaces/${W}/plans`, () => {
        throw new RequestError('user', 'the machine has no GPU: use gpus=0', 'Change it.', 422);
      });
    });
    await type('option data', 'images');
    await press('Submit');
    expect([sent('/runs'), faultOf('gpus')]).toEqual([[], 'the machine has no GPU: use gpus=0. Change it.']);
    expect(text()).toContain('A run of this would be refused: the machine has no GPU');
    await press('Submit');
    expect(sent('/runs')).toHaveLength(1);
  });

  it('shows a plan with images by their names, paths once where they are the same, and words that stay whole', async () => {
    const { plan } = PLAN;
    const environment = { action: 'build', why: 'python:3.11-slim was not looked into yet' };
    const mounts = { '/home/ann/runs/1/work': '/home/ann/runs/1/work', '/data': '/srv/insects' };
    await show(SCRIPT, SCRIPT.path, () => {
      page.source.answers.set(`/workspaces/${W}/plans`, { ...PLAN, plan: { ...plan, environment, mounts } });
    });
    await type('option data', 'images');
    await planned();
    const shown = node.querySelector('.jp-Traindock-plan') as HTMLElement;
    expect(shown.textContent).toContain('It is built first, which may take minutes. python:3.11-slim was');
    const seen = [...shown.querySelectorAll('.jp-Traindock-seen li')].map(one => one.textContent);
    expect(seen).toEqual(['/home/ann/runs/1/work', '/srv/insects as /data']);
    const words = [...shown.querySelectorAll('.jp-Traindock-word')].map(one => one.textContent);
    expect(words).toEqual(['python', 'train.py', 'images', "'--hub_token=***'"]);
  });

  it('leaves a run to the server whose environment only cannot be planned yet', async () => {
    await show(SCRIPT, SCRIPT.path, () => {
      page.source.answers.set(`/workspaces/${W}/plans`, () => {
        throw new RequestError('environment_build', 'there is no Python 3.9 here', 'Install it.', 422);
      });
    });
    await type('option data', 'images');
    await press('Submit');
    expect(text()).toContain('No plan can be made: there is no Python 3.9 here');
    await press('Submit without a plan');
    expect(sent('/runs')).toHaveLength(1);
  });

  it('shows of an environment what was asked for, and nothing of what was not', async () => {
    const container = {
      base_image: 'python:3.12-slim',
      dockerfile: null,
      context: null,
      apt_packages: [],
      registry: ''
    };
    await show(SCRIPT, SCRIPT.path, () => {
      page.source.answers.set(`/workspaces/${W}/plans`, { ...PLAN, recipe: { python: '3.12', conda: [], container } });
    });
    await type('option data', 'images');
    await planned();
    const shown = node.querySelector('.jp-Traindock-planParts') as HTMLElement;
    expect(shown.textContent).toContain('containerbase_image=python:3.12-slim');
    expect(shown.textContent).not.toMatch(/dockerfile|context|apt_packages|conda|null/);
  });

  it('does not say that an image is built whose Python is used as it is', async () => {
    const environment = { action: 'build', why: 'nobody has looked yet' };
    await show(SCRIPT, SCRIPT.path, () => {
      const plan = { ...PLAN.plan, environment };
      page.source.answers.set(`/workspaces/${W}/plans`, { ...PLAN, plan, recipe: { user_managed: true } });
    });
    await type('option data', 'images');
    await planned();
    const shown = node.querySelector('.jp-Traindock-plan') as HTMLElement;
    expect(shown.textContent).toContain('Its Python is used as it is; the image is fetched first');
    expect(shown.textContent).not.toContain('built');
  });

  it('shows a plan of a notebook by its name, and where its outputs go', async () => {
    await show(SCRIPT, SCRIPT.path, () => {
      const command = ['{python}', '/w/bootstrap.py', '--error', '/w/error.json', '--notebook', 'deep/explore.ipynb'];
      page.source.answers.set(`/workspaces/${W}/plans`, { ...PLAN, plan: { ...PLAN.plan, command } });
    });
    await type('option data', 'images');
    await planned();
    const shown = node.querySelector('.jp-Traindock-plan .jp-Traindock-planParts') as HTMLElement;
    const told = shown.textContent?.replace(/All of it, as JSON.*/s, '');
    expect(told).toContain('deep/explore.ipynb, cell by cell. With its outputs it is kept as outputs/explore.ipynb.');
    expect(told).not.toContain('bootstrap');
  });

  it('shows what the server refuses beside the field, and loses nothing', async () => {
    await show();
    await type('option data', 'images');
    page.source.answers.set(`/workspaces/${W}/runs`, () => {
      throw new RequestError('user', 'the machine has no GPU: use gpus=0', 'Change it.', 422);
    });
    await type('gpus', '1');
    await press('Submit');
    expect(faultOf('gpus')).toBe('the machine has no GPU: use gpus=0. Change it.');
    expect(document.activeElement).toBe(field('gpus'));
    expect(field('option data').value).toBe('images');
    await type('gpus', '0');
    expect(faultOf('gpus')).toBe('');
  });

  it('names the largest of many files, and says how many more are sent', async () => {
    const files = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`${at}.png`, 5000 - at]));
    await show(SCRIPT, SCRIPT.path, () => {
      const source = { ...PLAN.source, files, count: 1334, bytes: 2_000_000 };
      page.source.answers.set(`/workspaces/${W}/plans`, { ...PLAN, source });
    });
    await type('option data', 'images');
    await planned();
    const shown = node.querySelector('.jp-Traindock-plan') as HTMLElement;
    const lines = [...shown.querySelectorAll('p, summary')].map(one => one.textContent);
    expect(lines).toEqual(expect.arrayContaining(['1,334 files, 2.0 MB', '1,326 more', 'and 1,234 more']));
    expect(shown.querySelectorAll('.jp-Traindock-sent li')).toHaveLength(100);
  });

  it('shows what is about no field beside the buttons', async () => {
    await show();
    await type('option data', 'images');
    page.source.answers.set(`/workspaces/${W}/plans`, () => {
      throw new RequestError('unreachable', 'The Jupyter server does not answer.', 'Is it still running?');
    });
    await press('Submit');
    expect(node.querySelector('.jp-Traindock-outcome')?.textContent).toBe(
      'The Jupyter server does not answer. Is it still running?'
    );
  });

  it('says that the packages of this server are not in a container', async () => {
    await show(SCRIPT, SCRIPT.path, () => {
      page.source.answers.set(`/workspaces/${W}/computes`, {
        computes: [LOCAL, { ...LOCAL, name: 'gpu-box', kind: 'docker' }]
      });
    });
    expect(text()).toContain('The Python of this Jupyter server');
    await type('compute', 'gpu-box');
    expect(text()).not.toContain('The Python of this Jupyter server');
    expect(text()).toContain('The usual container image – as it is: without PyTorch, as a rule');
  });

  it('asks for nothing while nobody sees it', async () => {
    usePage(newRunPage());
    const model = new NewRunModel(page, SCRIPT.path);
    const stop = model.observe(() => undefined);
    await settle();
    const computes = () => page.source.asked.filter(path => path.endsWith('/computes')).length;
    expect(computes()).toBe(1);
    expect(page.source.isListFollowed).toBe(true);
    model.standBy(true);
    expect(page.source.isListFollowed).toBe(false);
    model.standBy(false);
    await settle();
    expect(computes()).toBe(2);
    stop();
  });
});

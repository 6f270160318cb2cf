import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { IQueued } from '../../jupyter_ext/src/compute/actions';
import { ComputeSection } from '../../jupyter_ext/src/compute/compute_section';
import { Held } from '../../jupyter_ext/src/held';
import type { ITraindock } from '../../jupyter_ext/src/tokens';
import type { Compute, Machine, Queue } from '../../widgets/src/compute_documents';
import { ComputeModel, placesOf } from '../../widgets/src/model/compute_model';
import { type IRequestOptions, RequestError } from '../../widgets/src/sources/source';
import { COMPUTE, entryOf, MACHINE, pageOfQueue, queueOf } from './compute_documents';
import { FakeSource, traindockOf } from './sources';

// JupyterLab's own need modules that only its bundler finds: these do what of them is used
vi.mock('@jupyterlab/ui-components', async () => ({
  ...(await import('./lab_parts')).uiComponents(),
  MenuSvg: class {}
}));

// happy-dom has no such handlers, by which Preact knows how events are written
for (const name of ['ondragstart', 'ondragover', 'ondrop', 'ondragend']) {
  Object.defineProperty(HTMLElement.prototype, name, { value: null });
}

const W = 'w';
const AT = `/workspaces/${W}`;
const NASTY = '<img src=x onerror=alert(1)>';

/** A server with a queue, which can be moved in. */
class Queued extends FakeSource {
  computes: Compute[] = [
    { ...COMPUTE, name: 'local', changeable: false, nodes: { max: 1, busy: 0, waiting: 0 } },
    COMPUTE
  ];
  machine: Machine = MACHINE;
  queue: Queue = queueOf('b', 'c', 'd');
  refusal: RequestError | null = null;
  /** The run that begins just as it is moved. */
  launched = '';
  readonly moved: string[] = [];

  constructor() {
    super();
    this.answers.set('/workspaces', { workspaces: [{ id: W, name: 'mine', default: true, runs: 0 }] });
    this.answers.set(`${AT}/computes`, () => ({ computes: this.computes }));
    this.answers.set(`${AT}/computes/box/queue`, (path: string) => pageOfQueue(this.queue, path));
    this.answers.set(`${AT}/machine`, () => this.machine);
  }

  override async request<T>(path: string, { body }: IRequestOptions = {}): Promise<T> {
    const run = /runs\/(\w+)\/move\?limit=1$/.exec(path)?.[1];
    if (run === undefined) {
      return super.request<T>(path);
    }
    const { before = null, first = false } = body as { before?: string | null; first?: boolean };
    this.moved.push(first ? `${run} to the front` : `${run} before ${before}`);
    if (this.refusal !== null) {
      throw this.refusal;
    }
    const rest = this.queue.waiting.map(one => one.run).filter(one => one !== run);
    if (run === this.launched) {
      this.queue = queueOf(...rest);
      return { ...pageOfQueue(this.queue, path), position: null } as T;
    }
    rest.splice(first ? 0 : before === null ? rest.length : rest.indexOf(before), 0, run);
    this.queue = queueOf(...rest);
    return { ...pageOfQueue(this.queue, path), position: rest.indexOf(run) + 1 } as T;
  }
}

describe('where a run can be moved to', () => {
  it.each([
    ['b', ['down', 'end']],
    ['c', ['front', 'up', 'down', 'end']],
    ['d', ['front', 'up']]
  ])('%s', (run, places) => {
    const entry = queueOf('b', 'c', 'd').waiting.find(one => one.run === run);
    expect(entry && placesOf(entry)).toEqual(places);
  });
});

describe('the section of compute targets', () => {
  let source: Queued;
  let traindock: ITraindock;
  let page: HTMLElement;
  let done: string[];
  let menu: IQueued | null;

  beforeEach(async () => {
    source = new Queued();
    traindock = traindockOf(source);
    done = [];
    menu = null;
    page = document.createElement('div');
    document.body.append(page);
    await traindock.workspaces.load();
  });

  afterEach(() => {
    render(null, page);
    page.remove();
  });

  const show = async (): Promise<void> => {
    const held = new Held(traindock.workspaces, workspace => new ComputeModel(source, workspace));
    const actions = {
      openRun: (workspace: string, run: string) => void done.push(`open ${run} of ${workspace}`),
      runMenu: (queued: IQueued) => {
        menu = queued;
      },
      targetMenu: ({ name }: Compute) => void done.push(`menu of ${name}`),
      cancel: ({ run }: { run: string }) => void done.push(`cancel ${run}`)
    };
    await act(async () => {
      render(<ComputeSection traindock={traindock} held={held} actions={actions} />, page);
    });
    await act(async () => source.tellList({}));
    await vi.waitFor(() => expect(page.textContent).toContain('This machine'));
  };
  const queue = () => page.querySelector<HTMLElement>('[aria-label="Queue of box"]');
  const rows = () => [...(queue()?.querySelectorAll<HTMLElement>('.jp-Traindock-ListRow') ?? [])];
  const order = () => rows().map(one => one.querySelector('.jp-Traindock-ListName')?.textContent?.slice(4));
  const main = (at: number) => rows()[at]?.querySelector('.jp-Traindock-ListRow-main') as HTMLElement;
  const press = (key: string) =>
    act(async () => {
      const event = new KeyboardEvent('keydown', { key, altKey: key !== 'Delete', bubbles: true, cancelable: true });
      document.activeElement?.dispatchEvent(event);
    });
  const drag = (type: string, row: HTMLElement | undefined) =>
    act(async () => {
      row?.dispatchEvent(new Event(type, { bubbles: true, cancelable: true }));
    });
  const pages = (of: string) => page.querySelector(`nav[aria-label="Pages of ${of}"]`) as HTMLElement;
  const turn = (of: string, name: string) =>
    act(async () => [...pages(of).querySelectorAll('button')].find(one => one.textContent === name)?.click());
  const untilOrder = (...runs: string[]) => vi.waitFor(() => expect(order()).toEqual(runs));

  it('has each target with what it does, and the queue in order with what each waits for', async () => {
    await show();
    expect([...page.querySelectorAll('h3')].map(one => one.textContent)).toEqual(['local', 'box', 'This machine']);
    expect(page.textContent).toContain('1 of 1 node busy, 3 runs wait');
    expect(order()).toEqual(['b', 'c', 'd']);
    expect(queue()?.tagName).toBe('OL');
    expect(rows()[0]?.textContent).toContain('waiting for a node, held by “run a”');
    expect(source.asked.filter(path => path.includes('/queue'))).toEqual([
      `${AT}/computes/box/queue?limit=40&offset=0`
    ]);
  });

  it('says what keeps a target from being used, as text', async () => {
    source.computes = [{ ...COMPUTE, state: 'failed', trouble: NASTY }];
    await show();
    expect(page.textContent).toContain(`cannot be used`);
    expect(page.querySelector('.jp-Traindock-Trouble')?.textContent).toBe(NASTY);
    expect(page.querySelector('img')).toBeNull();
  });

  it('has GPUs with their use and who holds them', async () => {
    const gpu = {
      uuid: 'GPU-1',
      number: '0',
      name: 'H200',
      memory_bytes: 2 ** 31,
      memory_used_bytes: 2 ** 30,
      busy_percent: 7
    };
    const holder = { user: 'ann', run: 'a', workspace: W, since: null };
    const other = { user: 'bob', run: 'x', workspace: null, since: null };
    source.machine = {
      ...MACHINE,
      gpus: [
        { ...gpu, holder },
        { ...gpu, uuid: 'GPU-2', number: '1', holder: other },
        { ...gpu, uuid: 'GPU-3', number: '2', holder: null }
      ]
    };
    await show();
    const told = [...page.querySelectorAll('.jp-Traindock-Gpu')].map(one => one.textContent);
    expect(told).toEqual([
      '0H2007 %1 GiB of 2 GiBheld by ann a',
      '1H2007 %1 GiB of 2 GiBheld by bob x',
      '2H2007 %1 GiB of 2 GiBfree '
    ]);
    page.querySelector<HTMLElement>('.jp-Traindock-Gpu button')?.click();
    expect(done).toEqual(['open a of w']);
    expect(page.querySelectorAll('.jp-Traindock-Gpu button')).toHaveLength(1);
  });

  it('moves a run by keys, which keeps the focus, and says where it is', async () => {
    await show();
    main(2).focus();
    await press('ArrowUp');
    await untilOrder('b', 'd', 'c');
    await vi.waitFor(() => expect(document.activeElement).toBe(main(1)));
    expect(page.querySelector('[role=status]')?.textContent).toBe('run d is number 2 of 3 in the queue now.');
    await press('Home');
    await untilOrder('d', 'b', 'c');
    await press('End');
    await untilOrder('b', 'c', 'd');
    expect(source.moved).toEqual(['d before c', 'd to the front', 'd before null']);
  });

  it('says that a run has begun that has left the queue as it was moved', async () => {
    await show();
    source.launched = 'c';
    main(1).focus();
    await press('ArrowUp');
    await untilOrder('b', 'd');
    await vi.waitFor(() => expect(page.querySelector('[role=status]')?.textContent).toBe('run c has begun.'));
  });

  it('asks nothing of the server for a move that is none', async () => {
    await show();
    main(0).focus();
    await press('ArrowUp');
    await press('Home');
    expect(source.moved).toEqual([]);
  });

  it('moves a run by its buttons and by its menu', async () => {
    await show();
    await act(async () => page.querySelector<HTMLElement>('[aria-label="Move run c up"]')?.click());
    await untilOrder('c', 'b', 'd');
    expect(page.querySelector<HTMLButtonElement>('[aria-label="Move run c up"]')?.disabled).toBe(true);
    page.querySelector<HTMLElement>('[aria-label="Actions of run d"]')?.click();
    expect(Object.keys(menu?.moves ?? {})).toEqual(['front', 'up']);
    await act(async () => menu?.moves.front?.());
    await untilOrder('d', 'c', 'b');
  });

  it('puts a run that is dragged where it is dropped', async () => {
    await show();
    await drag('dragstart', rows()[0]);
    await drag('dragover', rows()[1]);
    expect(rows()[1]?.classList.contains('jp-mod-dropTarget')).toBe(true);
    await drag('drop', rows()[1]);
    await untilOrder('c', 'b', 'd');
    await drag('dragstart', rows()[2]);
    await drag('drop', rows()[0]);
    await untilOrder('d', 'c', 'b');
    await drag('dragstart', rows()[0]);
    await drag('drop', rows()[2]);
    await untilOrder('c', 'b', 'd');
    expect(source.moved).toEqual(['b before d', 'd before c', 'd before null']);
  });

  it('shows what happened, and the queue as it is now, where somebody else was quicker', async () => {
    await show();
    const why = 'run c cannot go before b: it has ended (Canceled). Nothing was changed.';
    source.refusal = new RequestError('run_not_waiting', why, 'Look at the queue: GET …/queue.', 409);
    source.queue = queueOf('d', 'c');
    main(1).focus();
    await press('ArrowUp');
    await untilOrder('d', 'c');
    expect(page.textContent).toContain(
      'run “run c” cannot go before “run b”: it has ended (Canceled). Nothing was changed. The queue is shown as it is now.'
    );
    await vi.waitFor(() => expect(document.activeElement).toBe(main(1)));
  });

  it('does not say that the queue is shown as it is now where nobody could be asked', async () => {
    await show();
    source.refusal = new RequestError('unreachable', 'The server does not answer.', 'Is it still running?');
    source.answers.set(`${AT}/computes`, () => {
      throw source.refusal;
    });
    main(1).focus();
    await press('ArrowUp');
    const told = () => page.querySelector('.jp-Traindock-Trouble[role=status]')?.textContent;
    await vi.waitFor(() => expect(told()).toBe('The Jupyter server does not answer. Is it still running?'));
  });

  it('opens and cancels runs, at work or waiting', async () => {
    await show();
    page.querySelector<HTMLElement>('[aria-label="Runs at work on box"] button')?.click();
    main(1).focus();
    await press('Delete');
    page.querySelector<HTMLElement>('[aria-label="Actions of box"]')?.click();
    expect(done).toEqual(['open insects_1 of w', 'cancel c', 'menu of box']);
  });

  it('has a page of many rows, in which runs are moved as in the whole queue', async () => {
    source.queue = queueOf(...Array.from({ length: 90 }, (_, at) => `r${at}`));
    await show();
    expect(page.querySelectorAll('li')).toHaveLength(40);
    expect(pages('the runs on box').textContent).toContain('1 to 40');
    await turn('the runs on box', 'Next');
    await vi.waitFor(() => expect([order()[0], order().length]).toEqual(['r39', 40]));
    expect(source.asked.at(-1)).toBe(`${AT}/computes/box/queue?limit=40&offset=39`);
    await drag('dragstart', rows()[0]);
    await drag('drop', rows()[39]);
    await vi.waitFor(() => expect(order()[0]).toBe('r40'));
    expect(source.moved).toEqual(['r39 before r79']);
    await act(async () => page.querySelector<HTMLElement>('[aria-label="Move run r40 up"]')?.click());
    await vi.waitFor(() => expect(source.moved).toEqual(['r39 before r79', 'r40 before r38']));
    await turn('the runs on box', 'Next');
    await vi.waitFor(() => expect(pages('the runs on box').textContent).toContain('81 to 91'));
    source.queue = queueOf('d'); // the others have gone
    await act(async () => source.tellList({}));
    await vi.waitFor(() => expect(order()).toEqual(['d']));
  });

  it('has the targets, and the runs, in whose names something is', async () => {
    await show();
    const filter = async (text: string) => {
      const field = page.querySelector('input') as HTMLInputElement;
      await act(async () => {
        field.value = text;
        field.dispatchEvent(new Event('input', { bubbles: true }));
      });
    };
    const untilShown = (...targets: string[]) =>
      vi.waitFor(() => expect([...page.querySelectorAll('h3')].map(one => one.textContent)).toEqual(targets));
    await filter(' BO');
    await untilShown('box', 'This machine');
    expect(order()).toEqual(['b', 'c', 'd']);
    await filter('run C');
    await untilOrder('c');
    await untilShown('box', 'This machine');
    expect(source.asked.at(-1)).toBe(`${AT}/computes/box/queue?text=run+C&limit=40&offset=0`);
    expect(rows()[0]?.textContent).toMatch(/^2run c/);
    await act(async () => page.querySelector<HTMLElement>('[aria-label="Move run c up"]')?.click());
    await vi.waitFor(() => expect(rows()[0]?.textContent).toMatch(/^1run c/));
    await filter(NASTY);
    await untilShown('This machine');
    expect(page.textContent).toContain('No compute target is called so');
    expect(page.querySelector('img')).toBeNull();
  });

  it('has targets by age, by name, or those with the most runs first, and turns pages of them', async () => {
    source.computes.push(
      ...'edca'.split('').map(name => ({ ...COMPUTE, name, nodes: { ...COMPUTE.nodes, waiting: 0 } }))
    );
    source.answers.set(`${AT}/computes/`, (path: string) => ({
      ...queueOf(),
      compute: decodeURIComponent(path.split('/').at(-2) ?? '')
    }));
    source.answers.set(`${AT}/computes/box/queue`, (path: string) => pageOfQueue(source.queue, path));
    await show();
    const targets = () => [...page.querySelectorAll('h3')].map(one => one.textContent).slice(0, -1);
    const sort = (order: string) =>
      act(async () => {
        const field = page.querySelector('select') as HTMLSelectElement;
        field.value = order;
        field.dispatchEvent(new Event('change', { bubbles: true }));
      });
    const untilTargets = (...names: string[]) => vi.waitFor(() => expect(targets()).toEqual(names));
    await untilTargets('local', 'box', 'e', 'd', 'c');
    expect(source.asked.filter(path => path.includes('/a/'))).toEqual([]);
    await turn('compute targets', 'Next');
    await untilTargets('a');
    await sort('name');
    await untilTargets('a', 'box', 'c', 'd', 'e');
    await sort('runs');
    await untilTargets('box', 'e', 'd', 'c', 'a');
  });

  it('has pages of many GPUs', async () => {
    const gpu = { name: 'H200', memory_bytes: null, memory_used_bytes: null, busy_percent: null, holder: null };
    const gpus = Array.from({ length: 30 }, (_, at) => ({ ...gpu, uuid: `GPU-${at}`, number: String(at) }));
    source.machine = { ...MACHINE, gpus };
    await show();
    const numbers = () =>
      [...page.querySelectorAll('.jp-Traindock-Gpu .jp-Traindock-Position')].map(one => one.textContent);
    expect([numbers()[0], numbers().length]).toEqual(['0', 12]);
    await turn('GPUs', 'Next');
    await turn('GPUs', 'Next');
    expect(numbers()).toEqual(['24', '25', '26', '27', '28', '29']);
    await turn('GPUs', 'Previous');
    expect(numbers()[0]).toBe('12');
  });

  it('follows what changes, and asks for nothing while it is not shown', async () => {
    await show();
    source.queue = queueOf('d');
    const changes = { changed_runs: ['b'], runs: [entryOf('b') as never], gone: [], reload: false };
    await act(async () => source.tellList({ changes }));
    await vi.waitFor(() => expect(order()).toEqual(['d']), { timeout: 5000 });
    expect(source.isListFollowed).toBe(true);
    render(null, page);
    expect(source.isListFollowed).toBe(false);
  });

  it('says why it cannot be shown, and asks again', async () => {
    source.answers.set(`${AT}/machine`, () => {
      throw new RequestError('store', 'the disk refuses', 'Look at it.', 409);
    });
    const held = new Held(traindock.workspaces, workspace => new ComputeModel(source, workspace));
    await act(async () => {
      render(<ComputeSection traindock={traindock} held={held} actions={{} as never} />, page);
    });
    await act(async () => source.tellList({}));
    await vi.waitFor(() => expect(page.querySelector('[role=alert]')?.textContent).toContain('the disk refuses'));
    source.answers.set(`${AT}/machine`, MACHINE);
    await act(async () => page.querySelector<HTMLElement>('[role=alert] button')?.click());
    await vi.waitFor(() => expect(page.textContent).toContain('This machine'));
    expect(page.querySelector('[role=alert]')).toBeNull();
  });

  it('says that the connection is broken, and asks for what it missed', async () => {
    await show();
    await act(async () => source.connection('broken'));
    expect(page.textContent).toContain('The connection is broken');
    expect(order()).toEqual(['b', 'c', 'd']);
    source.queue = queueOf('d');
    await act(async () => source.connection('connected'));
    await act(async () => source.tellList({}));
    await vi.waitFor(() => expect(order()).toEqual(['d']));
    expect(page.textContent).not.toContain('The connection is broken');
  });
});

import { nullTranslator } from '@jupyterlab/translation';
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { expect, it, vi } from 'vitest';
import { ComputeSection } from '../../jupyter_ext/src/compute/compute_section';
import { Held } from '../../jupyter_ext/src/held';
import { ModelsSection } from '../../jupyter_ext/src/registry/models_section';
import { ExperimentList } from '../../jupyter_ext/src/sidebar/experiments/experiment_list';
import { ExperimentsView } from '../../jupyter_ext/src/sidebar/experiments/experiments_view';
import { Looks } from '../../jupyter_ext/src/sidebar/runs/looks';
import { RunList } from '../../jupyter_ext/src/sidebar/runs/run_list';
import { RunsView } from '../../jupyter_ext/src/sidebar/runs/runs_view';
import type { ListMessage } from '../../widgets/src/documents';
import { ComputeModel } from '../../widgets/src/model/compute_model';
import { ModelsModel } from '../../widgets/src/model/models_model';
import type { Disposer, Listener } from '../../widgets/src/sources/source';
import { COMPUTE, MACHINE, pageOfQueue, queueOf } from './compute_documents';
import { MODEL } from './documents';
import { runRow } from './run_rows';
import { FakeSource, traindockOf } from './sources';

vi.mock('@jupyterlab/ui-components', async () => ({
  ...(await import('./lab_parts')).uiComponents(),
  MenuSvg: class {}
}));

/** Rows that the whole page may have. */
const MOST = 200;
const MANY = 60;
const AT = '/workspaces/w';
const many = <T,>(make: (at: number) => T, length = MANY): T[] => Array.from({ length }, (_, at) => make(at));

/** A workspace that has much of everything; of what has pages, as much as is asked for. */
class Full extends FakeSource {
  constructor() {
    super();
    const page =
      <T,>(name: string, make: (at: number) => T) =>
      (path: string) => {
        const limit = Number(new URLSearchParams(path.split('?')[1]).get('limit'));
        return { [name]: many(make, limit), more: true };
      };
    const gpu = { name: 'H200', memory_bytes: null, memory_used_bytes: null, busy_percent: null, holder: null };
    const box = (at: number) => ({ ...COMPUTE, name: `box-${at}` });
    this.answers.set('/workspaces', { workspaces: [{ id: 'w', name: 'mine', default: true, runs: MANY }] });
    this.answers.set(
      `${AT}/runs`,
      page('runs', at => runRow(`r${at}`))
    );
    this.answers.set(
      `${AT}/run-groups`,
      page('groups', at => ({ value: `bees-${at}`, runs: MANY, unfinished: 0, newest: null }))
    );
    this.answers.set(`${AT}/sparklines`, { sparklines: [] });
    this.answers.set(`${AT}/experiments`, {
      experiments: many(at => ({ name: `bees-${at}`, runs: 1, archived: false, tags: {} }))
    });
    this.answers.set(
      `${AT}/models`,
      page('models', at => ({ ...MODEL, name: `m${at}`, id: `m${at}:1`, versions: 1, model_aliases: {} }))
    );
    this.answers.set(`${AT}/machine`, {
      ...MACHINE,
      gpus: many(at => ({ ...gpu, uuid: `GPU-${at}`, number: String(at) }))
    });
    this.answers.set(`${AT}/computes`, { computes: many(box, 8) });
    this.answers.set(`${AT}/computes/`, (path: string) => {
      const name = path.split('/').at(-2) ?? '';
      const queue = pageOfQueue(queueOf(...many(at => `${name}-waits-${at}`)), path);
      return { ...queue, compute: name, running: many(at => ({ ...queue.running[0], run: `${name}-runs-${at}` }), 7) };
    });
  }

  override followList(_: string, listener: Listener<ListMessage>): Disposer {
    listener.onConnection('connected');
    listener.onMessage({});
    return () => undefined;
  }
}

it('all sections together have few rows in the page, however much there is of everything', {
  timeout: 30_000
}, async () => {
  const source = new Full();
  const traindock = traindockOf(source);
  const { workspaces } = traindock;
  const trans = nullTranslator.load('');
  const list = new RunList(source, workspaces, null);
  const place = document.createElement('div');
  document.body.append(place);
  await workspaces.load();
  const held = <M extends { readonly workspace: string }>(make: (workspace: string) => M) => new Held(workspaces, make);
  const nothing = {} as never;
  await act(async () => {
    render(
      <>
        <RunsView list={list} looks={new Looks()} host={nothing} trans={trans} />
        <ExperimentsView list={new ExperimentList(source, workspaces)} host={nothing} trans={trans} />
        <ModelsSection traindock={traindock} held={held(id => new ModelsModel(source, id))} actions={nothing} />
        <ComputeSection traindock={traindock} held={held(id => new ComputeModel(source, id))} actions={nothing} />
      </>,
      place
    );
  });
  const counted = () => place.querySelectorAll('tr, li').length;
  const untilTold = () => vi.waitFor(() => expect(place.textContent).not.toMatch(/Asking for/));
  await untilTold();
  expect(place.querySelectorAll('.jp-Traindock-Run')).toHaveLength(50);
  expect(place.querySelectorAll('.jp-Traindock-Gpu')).toHaveLength(12);
  expect(place.querySelectorAll('.jp-Traindock-Target .jp-Traindock-ListRow')).toHaveLength(40);
  expect(counted()).toBeLessThanOrEqual(MOST);

  await act(async () => list.ask({ group: 'experiment' }));
  await vi.waitFor(() => expect(place.querySelectorAll('.jp-Traindock-Group')).toHaveLength(20));
  for (const group of list.lines.flatMap(line => (line.kind === 'group' ? [line.group] : [])).slice(0, 6)) {
    await act(async () => list.toggle(group, true));
  }
  await untilTold();
  await vi.waitFor(() => expect(place.querySelectorAll('.jp-mod-inGroup')).toHaveLength(75));
  expect(counted()).toBeGreaterThan(150); // all of it is there
  expect(counted()).toBeLessThanOrEqual(MOST);
  render(null, place);
  place.remove();
});

import { describe, expect, it } from 'vitest';
import type { DataFact, RunDocument } from '../../widgets/src/documents';
import { environments, type ISection, names, results } from '../../widgets/src/model/comparison';
import { RunModel } from '../../widgets/src/model/run_model';
import { FakeSource } from './sources';

interface IFacts {
  arguments?: string[];
  data?: DataFact[];
  spec?: object;
  environment?: object;
  metrics?: Record<string, (number | 'NaN' | 'Infinity')[]>;
  name?: string;
  tags?: Record<string, string>;
  number?: number;
}

let count = 0;

/** A run as a page knows it. */
function run(facts: IFacts): RunModel {
  const model = new RunModel(new FakeSource(), { workspace: 'w', run: `run-${++count}` });
  const source = model.source as FakeSource;
  model.observe(() => undefined);
  source.tell(model.target.run, {
    run: {
      state: 'Completed',
      reason: 'completed',
      display_name: facts.name ?? '',
      tags: facts.tags ?? {},
      seconds: 5,
      started: '2026-01-01T00:00:00Z',
      experiment: 'bees',
      number: facts.number ?? count,
      compute_target: 'local',
      spec: { script: 'train.py', gpus: 0, arguments: facts.arguments ?? [], ...facts.spec },
      data: facts.data,
      environment: facts.environment ?? {}
    } as unknown as RunDocument,
    metrics: {
      series: Object.entries(facts.metrics ?? {}).map(([name, values]) => ({
        name,
        values,
        times: values.map((_, at) => at),
        steps: null
      })),
      records: [],
      records_left_out: 0
    }
  });
  return model;
}

/** One that nothing is known about yet. */
function unknown(): RunModel {
  return new RunModel(new FakeSource(), { workspace: 'w', run: 'unknown' });
}

function row(sections: readonly ISection[], title: string, name: string) {
  return sections.find(one => one.title === title)?.rows.find(one => one.name === name);
}

describe('a comparison of runs', () => {
  it('marks the parameters that differ, and those that only some were given', () => {
    const found = results([
      run({ arguments: ['--lr', '0.1', '--epochs=5'] }),
      run({ arguments: ['--lr', '0.2', '--epochs=5', '--quiet'] })
    ]);
    expect(row(found, 'Parameters', 'lr')).toMatchObject({ values: ['0.1', '0.2'], differs: true });
    expect(row(found, 'Parameters', 'epochs')).toMatchObject({ values: ['5', '5'], differs: false });
    expect(row(found, 'Parameters', 'quiet')).toMatchObject({ values: [null, 'yes'], differs: true });
  });

  it('tells what says where the data is from the other parameters', () => {
    const found = results([
      run({ arguments: ['--data-folder', 'bees'] }),
      run({ arguments: ['--data-folder', 'ants'] })
    ]);
    expect(row(found, 'Data', 'data-folder')).toMatchObject({ values: ['bees', 'ants'], differs: true });
    expect(found.map(one => one.title)).not.toContain('Parameters');
  });

  it('tells of data outside of the source folder whatever its name, and whether it was changed in its place', () => {
    const given = (modified: string) => {
      const fact = {
        name: 'csv',
        path: '/d/a.csv',
        kind: 'file',
        in_source: false,
        size: 3_200_000,
        modified
      } as const;
      return run({
        arguments: ['--csv', '/d/a.csv', '--config', 'a.yaml'],
        data: [fact, { ...fact, name: 'config', path: 'a.yaml', in_source: true }]
      });
    };
    const found = results([
      given('2024-01-01T10:00:00Z'),
      given('2024-01-02T10:00:00Z'),
      run({ arguments: ['--csv', 'b'] })
    ]);
    const line = row(found, 'Data', 'csv');
    expect(line).toMatchObject({ differs: true });
    expect(line?.values[0]).toMatch(/^\/d\/a\.csv \(3\.2 MB, changed .*2024/);
    expect(line?.values[2]).toBe('b');
    expect(row(found, 'Parameters', 'csv')).toBeUndefined();
    expect(row(found, 'Parameters', 'config')).toMatchObject({ values: ['a.yaml', 'a.yaml', null] });
  });

  it('names the last and the best value of each metric, and whose is the best', () => {
    const found = results([
      run({ metrics: { loss: [3, 1, 2], acc: [0.5] } }),
      run({ metrics: { loss: [3, 1.5, 1.5] } })
    ]);
    expect(row(found, 'Metrics', 'loss, last')).toMatchObject({ values: ['2', '1.5'], best: [1] });
    expect(row(found, 'Metrics', 'loss, best')).toMatchObject({ values: ['1', '1.5'], best: [0] });
    expect(row(found, 'Metrics', 'acc, last')).toMatchObject({ values: ['0.5', null], differs: true, best: [] });
  });

  it('calls none the best where all are as good, where nobody knows what is good, and what is no number', () => {
    const found = results([
      run({ metrics: { loss: [1], lr: [2], err: ['NaN'] } }),
      run({ metrics: { loss: [1], lr: [3], err: [1] } })
    ]);
    expect(['loss, last', 'lr, last', 'err, last'].map(name => row(found, 'Metrics', name)?.best)).toEqual([
      [],
      [],
      []
    ]);
  });

  it('writes values of metrics so that different ones look different', () => {
    const metrics = [0.98391, 0.983912, 0.98382].map(acc => run({ metrics: { acc: [acc] } }));
    expect(row(results(metrics), 'Metrics', 'acc, last')).toMatchObject({
      values: ['0.98391', '0.983912', '0.98382'],
      best: [1],
      differs: true
    });
  });

  it('calls none better than another whose value looks the same', () => {
    const metrics = [0.1 + 0.2, 0.3, 0.4].map(acc => run({ metrics: { err: [acc], acc: [1 - acc] } }));
    const found = results(metrics.slice(0, 2));
    expect(row(found, 'Metrics', 'err, last')).toMatchObject({ values: ['0.3', '0.3'], best: [], differs: false });
    expect(row(results(metrics), 'Metrics', 'err, last')?.best).toEqual([0, 1]);
  });

  it('names the best of finite values alone', () => {
    const found = results([run({ metrics: { acc: [0.5, 'Infinity', 0.4] } }), run({ metrics: { acc: [0.6, 0.3] } })]);
    expect(row(found, 'Metrics', 'acc, best')).toMatchObject({ values: ['0.5', '0.6'], best: [1] });
  });

  it('calls nothing a difference that is not known yet', () => {
    const found = results([run({ arguments: ['--lr', '0.1'], tags: { a: 'b' } }), unknown()]);
    expect(row(found, 'Parameters', 'lr')).toMatchObject({ values: ['0.1', undefined], differs: false });
    expect(row(found, 'Tags', 'a')).toMatchObject({ differs: false });
  });

  it('compares packages by name, whatever the way they are written', () => {
    const one = run({ environment: { packages: ['Torch_Vision==0.15', 'numpy==1.26.0'], key: 'a' } });
    const other = run({ environment: { packages: ['torch-vision==0.16', 'numpy==1.26.0'], key: 'b' } });
    const found = environments([one, other]);
    expect(row(found, 'Packages', 'torch-vision')).toMatchObject({ values: ['0.15', '0.16'], differs: true });
    expect(row(found, 'Packages', 'numpy')?.differs).toBe(false);
  });

  it('takes the packages that were asked for where none were installed', () => {
    const asked = { spec: { environment: { pip: ['torch[extra]>=2', 'pillow'], conda: ['python=3.11'] } } };
    const found = environments([run(asked), run({})]);
    expect(found.find(one => one.title === 'Packages')?.rows.map(one => [one.name, one.values[0]])).toEqual([
      ['pillow', 'any'],
      ['python', '3.11'],
      ['torch', '>=2']
    ]);
  });

  it('shows what else there is of environments, nested or not', () => {
    const found = environments([
      run({ spec: { environment: { container: { base_image: 'a:1', apt: [] } }, environment_variables: { A: '1' } } }),
      run({ spec: { environment: { container: { base_image: 'a:2' } } } })
    ]);
    expect(row(found, 'Environment', 'container: base image')).toMatchObject({ values: ['a:1', 'a:2'], differs: true });
    expect(row(found, 'Environment variables', 'A')).toMatchObject({ values: ['1', null] });
  });

  it('tells runs of one name apart', () => {
    expect(names([run({ name: 'a', number: 1 }), run({ name: 'b' }), run({ name: 'a', number: 3 })])).toEqual([
      'a (number 1)',
      'b',
      'a (number 3)'
    ]);
  });
});

import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, describe, expect, it } from 'vitest';
import type { ResourceFacts, RunMessage } from '../../widgets/src/documents';
import { memory } from '../../widgets/src/format';
import { gaugesOf, nowOf, ownerOf, pathOf, peakOf, sentenceOf, topOf } from '../../widgets/src/model/gauges';
import { RunModel } from '../../widgets/src/model/run_model';
import { charts, Series } from '../../widgets/src/model/series';
import type { RunListener, Source } from '../../widgets/src/sources/source';
import { Resources } from '../../widgets/src/views/resources';

const GIB = 2 ** 30;

function series(name: string, values: number[]): [string, Series] {
  const made = new Series(name);
  made.add({ name, times: values.map((_, at) => 100 + at), values, steps: null });
  return [name, made];
}

function fact(unit: ResourceFacts['unit'], limit: number | null, of: string | null): ResourceFacts {
  return { unit, peak: 0, limit, limit_of: of };
}

describe('what is shown of resources', () => {
  it('is nothing where nothing was seen and nothing more comes', () => {
    expect(gaugesOf(new Map(), {}, false, 1)).toEqual([]);
  });

  it('has its places before the first value, those of GPUs where the run asked for some', () => {
    const titles = (gpus: number) => gaugesOf(new Map(), {}, true, gpus).map(gauge => gauge.title);
    expect(titles(0)).toEqual(['CPU', 'Memory']);
    expect(titles(2)).toEqual(['CPU', 'Memory', 'GPU', 'GPU memory']);
    expect(gaugesOf(new Map(), {}, true, 0).map(gauge => [nowOf(gauge), peakOf(gauge)])).toEqual([
      ['–', ''],
      ['–', '']
    ]);
  });

  it('says what is used now, the peak, and what there is of it, in words', () => {
    const seen = new Map([series('memory', [GIB, 3 * GIB, 2 * GIB]), series('cpu', [0.5, 3.9512, 1.5])]);
    const facts = { cpu: fact('processors', 4, 'machine'), memory: fact('bytes', 16 * GIB, 'container') };
    const [cpu, held] = gaugesOf(seen, facts, false, 0);
    expect([nowOf, peakOf, ownerOf].map(say => say(cpu as never))).toEqual(['1.5', 'peak 3.95 of 4 CPUs', '(machine)']);
    expect([nowOf, peakOf, ownerOf].map(say => say(held as never))).toEqual([
      '2 GiB',
      'peak 3 of 16 GiB',
      '(container)'
    ]);
    expect(sentenceOf(held as never, true)).toBe('Memory: 2 GiB now, 3 GiB at most, limit 16 GiB (container)');
    expect(sentenceOf(held as never, false)).toBe('Memory: 3 GiB at most, limit 16 GiB (container)');
  });

  it('sums several GPUs up, each a line of its own in the order of their numbers', () => {
    const seen = new Map([
      series('gpu/10/busy', [100]),
      series('gpu/2/busy', [50]),
      series('gpu/2/memory', [10 * GIB]),
      series('gpu/10/memory', [40 * GIB])
    ]);
    const facts = {
      'gpu/2/memory': fact('bytes', 80 * GIB, 'device'),
      'gpu/10/memory': fact('bytes', 80 * GIB, 'device')
    };
    const [busy, held] = gaugesOf(seen, facts, false, 2);
    expect(busy?.series.map(one => one.name)).toEqual(['gpu/2/busy', 'gpu/10/busy']);
    expect([busy?.title, nowOf(busy as never), peakOf(busy as never)]).toEqual(['2 GPUs', 'avg 75 %', 'peak 100 %']);
    expect([nowOf(held as never), peakOf(held as never)]).toEqual(['40 GiB', 'peak 40 of 80 GiB each']);
  });

  it('names no limit that is not known', () => {
    const [cpu] = gaugesOf(new Map([series('cpu', [1])]), {}, false, 0);
    expect(peakOf(cpu as never)).toBe('peak 1');
  });
});

describe('a small chart', () => {
  it('reaches to the limit where that is near, and else somewhat over the peak', () => {
    const top = (peak: number) => {
      const [cpu] = gaugesOf(new Map([series('cpu', [peak])]), { cpu: fact('processors', 8, 'machine') }, false, 0);
      return topOf(cpu as never);
    };
    expect(top(6)).toBe(8);
    expect(top(1)).toBeCloseTo(1.15);
    expect(top(8.2)).toBe(8.2);
    expect(top(0)).toBe(1);
  });

  it('goes from edge to edge, with 0 at its foot', () => {
    const [, cpu] = series('cpu', [0, 50, 100]);
    expect(pathOf(cpu, 100, 102, 100)).toBe('M0 100L50 50L100 0');
  });

  it('of memory does not fall to nothing when the job has ended', () => {
    expect(pathOf(series('memory', [50, 0])[1], 100, 101, 100)).toBe('M0 50L100 50');
    expect(pathOf(series('cpu', [50, 0])[1], 100, 101, 100)).toBe('M0 50L100 100');
  });

  it('keeps a spike among many values, and stays short', () => {
    const values = Array.from({ length: 4000 }, (_, at) => (at === 1234 ? 100 : 1));
    const path = pathOf(series('memory', values)[1], 100, 4099, 100);
    expect(path).toMatch(/ 0(L|$)/);
    expect(path.length).toBeLessThan(2000);
  });

  it('of one value is a level line, and of none nothing', () => {
    expect(pathOf(series('cpu', [1])[1], 100, 100, 2)).toBe('M0 50L100 50');
    expect(pathOf(new Series('cpu'), 0, 1, 1)).toBe('');
  });
});

describe('memory', () => {
  it('is written as limits are given', () => {
    expect([0, 400 * 2 ** 20, 1.5 * GIB, 23.54 * GIB].map(memory)).toEqual(['0 B', '400 MiB', '1.5 GiB', '23.5 GiB']);
  });
});

describe('the row of a card', () => {
  let tell: RunListener['onMessage'];
  const source = {
    reach: 'never',
    follow: (_: unknown, listener: RunListener) => {
      tell = message => act(() => listener.onMessage(message));
      return () => undefined;
    },
    request: () => Promise.reject(new Error('not here')),
    bytes: () => Promise.reject(new Error('not here')),
    address: () => null
  } as unknown as Source;
  const host = document.createElement('div');

  function shown(): RunModel {
    const model = new RunModel(source, { workspace: 'w', run: 'r' });
    const draw = () => render(<Resources model={model} />, host);
    model.observe(draw);
    draw();
    return model;
  }

  function state(name: string): RunMessage {
    return { state: { state: name, history: [], resources: { memory: fact('bytes', 4 * GIB, 'machine') } } as never };
  }

  afterEach(() => {
    render(null, host);
  });

  it('keeps what the job uses apart from what the script logs', () => {
    const model = shown();
    tell({ ...state('Running'), resources: { series: [{ name: 'memory', times: [1], values: [GIB], steps: null }] } });
    expect([...model.resources.keys()]).toEqual(['memory']);
    expect(model.series.size).toBe(0);
    expect([...charts(['gpu/temperature'])]).toEqual([['gpu/temperature', ['gpu/temperature']]]);
  });

  it('has the same places before and after the first value', () => {
    shown();
    tell(state('Queued'));
    const before = [...host.querySelectorAll('li')].map(one => one.children.length);
    expect(host.textContent).toBe('CPU–Memory–');
    tell({ ...state('Running'), resources: { series: [{ name: 'memory', times: [1], values: [GIB], steps: null }] } });
    expect([...host.querySelectorAll('li')].map(one => one.children.length)).toEqual(before);
    expect(host.textContent).toBe('CPU–Memory1 GiBpeak 1 of 4 GiB(machine)');
  });

  it('has a line at a limit that the job comes near to, and none at 100 percent, where its edge is', () => {
    shown();
    const used = (name: string, value: number) => ({ name, times: [1, 2], values: [value, value], steps: null });
    const limited = () =>
      [...host.querySelectorAll('li')]
        .filter(one => one.querySelector('.td-limit') !== null)
        .map(one => one.querySelector('span')?.textContent);
    tell({ ...state('Running'), resources: { series: [used('memory', GIB), used('gpu/0/busy', 90)] } });
    expect(limited()).toEqual([]);
    tell({ resources: { series: [used('memory', 3.9 * GIB)] } });
    expect(limited()).toEqual(['Memory']);
  });

  it('is gone for a run that has ended without being looked at', () => {
    shown();
    tell(state('Completed'));
    expect(host.innerHTML).toBe('');
  });

  it.each([
    ['traindock.interactive', 'An interactive run: what its own process uses is not recorded.'],
    ['traindock.childrun', 'Part of another run: what both use is recorded there.']
  ])('says in place of gauges why a run of type %s has none', (type, why) => {
    const model = shown();
    tell({ run: { state: 'Running', type, spec: {}, history: [] } as never });
    expect(model.ended).toBe(false);
    expect(host.textContent).toBe(why);
  });
});

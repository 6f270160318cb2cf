import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunStateDocument, SeriesDocument } from '../../widgets/src/documents';
import { rangeAfter } from '../../widgets/src/model/range';
import { RunModel } from '../../widgets/src/model/run_model';
import { RequestError } from '../../widgets/src/sources/source';
import { Curves } from '../../widgets/src/views/curves';
import { useRun } from '../../widgets/src/views/hooks';
import { FakeSource } from './sources';

/** Stands for uPlot, which needs a canvas: what it was given, and what a person does on it. */
class FakePlot {
  static all: FakePlot[] = [];
  scales: { x: { min?: number; max?: number } } = { x: {} };
  data: (number | null)[][] = [[]];
  select = { left: 0, width: 0 };

  constructor(
    readonly options: {
      cursor: FakeCursor;
      axes: { values: (plot: null, places: (number | null)[]) => string[] }[];
      hooks: { setSelect: ((plot: FakePlot) => void)[] };
    }
  ) {
    FakePlot.all.push(this);
  }

  setData(data: (number | null)[][], resets: boolean): void {
    this.data = data;
    if (resets) {
      this.scales.x = { min: data[0]?.[0] as number, max: data[0]?.at(-1) as number };
    }
  }

  setScale(_: string, range: { min: number; max: number }): void {
    this.scales.x = range;
  }

  posToVal = (place: number): number => place;
  valToPos = (place: number): number => place;
  setCursor(): void {}
  setSize(): void {}
  redraw(): void {}
  destroy(): void {}
  setSelect(): void {}

  drag(from: number, to: number): void {
    this.select = { left: from, width: to - from };
    this.options.hooks.setSelect[0]?.(this);
  }

  doubleClick(): void {
    this.options.cursor.bind.dblclick()();
  }

  get range() {
    return [this.scales.x.min, this.scales.x.max];
  }
}

interface FakeCursor {
  bind: { dblclick: () => () => void };
  sync: { key: string };
}

vi.mock('uplot', () => ({
  default: class {
    constructor(options: FakePlot['options']) {
      // biome-ignore lint/correctness/noConstructorReturn: the test looks at it
      return new FakePlot(options);
    }
  }
}));

const STATE = {
  state: 'Running',
  reason: null,
  detail: '',
  display_name: '',
  tags: {},
  warnings: [],
  started: '2026-01-01T00:00:00Z',
  history: []
} as unknown as RunStateDocument;

/** Points of a metric, one for each step from `from` on. */
function points(name: string, from: number, values: number[]): SeriesDocument {
  return { name, times: values.map((_, at) => 1000 + from + at), values, steps: values.map((_, at) => from + at) };
}

/** A metric of which 200 points came as one bucket for each ten. */
function buckets(name: string): SeriesDocument {
  const columns = Array.from({ length: 20 }, (_, at) => at);
  return {
    name,
    buckets: {
      first: columns,
      final: columns,
      first_step: columns.map(at => 10 * at),
      final_step: columns.map(at => 10 * at + 9),
      min: columns,
      max: columns,
      last: columns,
      count: columns.map(() => 10),
      nans: columns.map(() => 0)
    }
  };
}

/** Two points of a closer look. */
const FEW = { first: [50, 51], final: [50, 51], min: [5, 7], max: [5, 7], last: [5, 7], count: [1, 1], nans: [0, 0] };

describe('charts of a run', () => {
  let source: FakeSource;
  let places: HTMLElement[];

  function View({ model }: { model: RunModel }) {
    useRun(model);
    return <Curves model={model} />;
  }

  async function show(run: string): Promise<HTMLElement> {
    const place = document.createElement('div');
    document.body.append(place);
    places.push(place);
    source.answers.set(`/workspaces/w/runs/${run}`, {});
    await act(async () => {
      render(<View model={new RunModel(source, { workspace: 'w', run })} />, place);
    });
    await act(async () => source.tell(run, { state: STATE }));
    return place;
  }

  const log = (run: string, ...series: SeriesDocument[]) =>
    act(async () => source.tell(run, { metrics: { series, records: [], records_left_out: 0 } }));
  const plots = () => FakePlot.all as [FakePlot, FakePlot, FakePlot];
  const press = (place: HTMLElement, key: string, shiftKey = false) =>
    act(async () => {
      const event = new KeyboardEvent('keydown', { key, shiftKey, bubbles: true });
      place.querySelector('.td-plot')?.dispatchEvent(event);
    });
  const set = (place: HTMLElement, field: string, value: string) =>
    act(async () => {
      const element = place.querySelector(field) as HTMLInputElement;
      element.value = value;
      element.dispatchEvent(new Event(field === 'select' ? 'change' : 'input', { bubbles: true }));
    });

  beforeEach(() => {
    source = new FakeSource();
    places = [];
    FakePlot.all = [];
  });

  afterEach(() => {
    for (const place of places) {
      render(null, place);
      place.remove();
    }
  });

  it('keep looking at what was chosen while points come and lines are smoothed, until all is wanted again', async () => {
    const place = await show('a');
    await log('a', points('loss', 0, [3, 2, 1, 2, 3]), points('acc', 0, [3, 2, 1, 2, 3]));
    expect(plots()[0].range).toEqual([0, 4]);
    await act(async () => plots()[0].drag(1, 3));
    expect(plots().map(plot => plot.range)).toEqual([
      [1, 3],
      [1, 3]
    ]);
    await log('a', points('loss', 5, [4]));
    await set(place, 'input[type=range]', '0.5');
    expect(plots()[0].range).toEqual([1, 3]);
    await act(async () => plots()[1].doubleClick());
    expect(plots().map(plot => plot.range)).toEqual([
      [0, 5],
      [0, 4]
    ]);
  });

  it('show all they have, and say so, where others are looked at that have other places', async () => {
    const place = await show('a');
    await log('a', points('loss', 0, new Array(200).fill(1)), points('epoch', 1, [5, 4, 3]), buckets('merged'));
    await act(async () => plots()[0].drag(100, 140));
    expect(plots().map(plot => plot.range)).toEqual([
      [100, 140],
      [1, 3],
      [100, 140]
    ]);
    const apart = () => [...place.querySelectorAll('.td-plot-note')].map(one => one.closest('figure')?.textContent);
    expect(apart()).toEqual([expect.stringContaining('epoch')]);
    await log('a', points('epoch', 120, [2]));
    expect([apart(), plots()[1].range]).toEqual([[], [100, 140]]);
    await act(async () => plots()[1].doubleClick());
    expect(plots().map(plot => plot.range)).toEqual([
      [0, 199],
      [1, 120],
      [9, 199]
    ]);
  });

  it('look at all of another axis, and by a button at all again', async () => {
    const place = await show('a');
    await log('a', points('loss', 0, [3, 2, 1]));
    const all = () => [...place.querySelectorAll('button')].find(one => one.textContent === 'Show all');
    expect(all()).toBeUndefined();
    await act(async () => plots()[0].drag(1, 2));
    await act(async () => all()?.click());
    expect(plots()[0].range).toEqual([0, 2]);
    await act(async () => plots()[0].drag(1, 2));
    await set(place, 'select', 'index');
    expect([all(), FakePlot.all.at(-1)?.range]).toEqual([undefined, [0, 2]]);
  });

  it('leave those of other cards, and of other axes, alone', async () => {
    const first = await show('a');
    await show('b');
    await log('a', points('loss', 0, [3, 2, 1]));
    await log('b', points('loss', 0, [3, 2, 1]));
    await act(async () => plots()[0].drag(1, 2));
    expect(plots().map(plot => plot.range)).toEqual([
      [1, 2],
      [0, 2]
    ]);
    await set(first, 'select', 'time');
    const keys = FakePlot.all.map(plot => plot.options.cursor.sync.key);
    expect(new Set(keys).size).toBe(3);
  });

  it('tell places and values of their axes apart, however near they are', async () => {
    const place = await show('a');
    await log('a', points('loss', 0, [3, 2, 1]));
    const [x, y] = plots()[0].options.axes;
    expect(x?.values(null, [12_000, 14_000])).toEqual(['12K', '14K']);
    expect(x?.values(null, [12_345, 12_346])).toEqual(['12,345', '12,346']);
    expect(y?.values(null, [2.30251, 2.30252, null])).toEqual(['2.30251', '2.30252', '']);
    await set(place, 'select', 'time');
    const times = FakePlot.all.at(-1)?.options.axes[0];
    expect(times?.values(null, [8000, 8002])).toEqual(['2.222 h', '2.223 h']);
  });

  it('say of a logarithmic axis how many values have no place on it', async () => {
    const place = await show('a');
    await log('a', points('loss', 0, [3, 0, -1]), buckets('merged'));
    const legends = () => [...place.querySelectorAll('.td-legend')].map(one => one.textContent);
    expect(legends()).toEqual(['-1best -1', '19']);
    await act(async () => place.querySelector<HTMLInputElement>('input[type=checkbox]')?.click());
    expect(legends()).toEqual(['-1best -12 ≤ 0 not shown', '19at least 1 ≤ 0 not shown']);
  });

  it('are looked at closer by keys, too', async () => {
    const place = await show('a');
    await log('a', points('loss', 0, [3, 2, 1, 2, 3]));
    await press(place, '+');
    expect(plots()[0].range).toEqual([1, 3]);
    await press(place, 'ArrowRight', true);
    expect(plots()[0].range).toEqual([1.5, 3.5]);
    await press(place, '0');
    expect(plots()[0].range).toEqual([0, 4]);
  });

  it('have all points of what is looked at, and name the values of all there is', async () => {
    const place = await show('a');
    source.answers.set('/workspaces/w/runs/a/metrics/buckets', {
      series: [
        {
          name: 'loss',
          axis: 'step',
          buckets: FEW
        }
      ]
    });
    await log('a', buckets('loss'));
    const legend = () => place.querySelector('.td-legend')?.textContent;
    expect(legend()).toBe('19best 0');
    await act(async () => plots()[0].drag(50, 60));
    await vi.waitFor(() => expect(plots()[0].data[3]).toEqual([5, 7]));
    await press(place, 'ArrowRight', true);
    expect(plots()[0].range).toEqual([52.5, 62.5]);
    await press(place, 'ArrowLeft', true);
    expect(source.asked.at(-1)).toBe(
      '/workspaces/w/runs/a/metrics/buckets?name=loss&axis=step&from=50&to=60&buckets=800'
    );
    await log('a', points('loss', 200, [-1]));
    expect(legend()).toBe('-1best -1');
    expect(place.querySelector('.td-plot')?.getAttribute('aria-label')).toContain('after 201 points');
  });

  it('stay as close as they are looked at while a metric becomes too long for the page to have all of it', async () => {
    await show('a');
    const asked = () => source.asked.filter(path => path.includes('/metrics/buckets'));
    source.answers.set('/workspaces/w/runs/a/metrics/buckets', {
      series: [{ name: 'loss', axis: 'step', buckets: FEW }]
    });
    await log('a', points('loss', 0, new Array(4000).fill(1)));
    await act(async () => plots()[0].drag(50, 60));
    expect(asked()).toEqual([]);
    await log('a', points('loss', 4000, new Array(200).fill(1)));
    expect(asked()).toEqual(['/workspaces/w/runs/a/metrics/buckets?name=loss&axis=step&from=50&to=60&buckets=800']);
    await vi.waitFor(() => expect(plots()[0].data[0]).toEqual([50, 51]));
    await log('a', points('loss', 4200, [1]));
    expect(asked()).toHaveLength(1);
  });

  it('say why there are no more points of what is looked at, and no more of it once all is shown', async () => {
    const place = await show('a');
    const note = () => place.querySelector('.td-plot-note')?.textContent;
    source.answers.set('/workspaces/w/runs/a/metrics/buckets', () => {
      throw new RequestError('unreachable', 'The Jupyter server does not answer.', 'Is it still running?');
    });
    await log('a', buckets('loss'));
    await act(async () => plots()[0].drag(50, 60));
    await vi.waitFor(() =>
      expect(note()).toBe('More points could not be had: The Jupyter server does not answer. Is it still running?')
    );
    expect(plots()[0].range).toEqual([50, 60]);
    await act(async () => plots()[0].doubleClick());
    expect(note()).toBeUndefined();
  });
});

describe('a part of an axis', () => {
  it('stays within what there is', () => {
    expect(rangeAfter('ArrowLeft', [1, 3], [0, 10])).toEqual([0.5, 2.5]);
    expect(rangeAfter('ArrowLeft', [0, 2], [0, 10])).toEqual([0, 2]);
    expect(rangeAfter('ArrowRight', [8, 10], [0, 10])).toEqual([8, 10]);
    expect(rangeAfter('-', [0, 2], [0, 10])).toEqual([0, 4]);
  });

  it('is all again where no less is left out', () => {
    expect(rangeAfter('-', [2, 8], [0, 10])).toBeNull();
    expect(rangeAfter('ArrowLeft', null, [0, 10])).toBeNull();
    expect(rangeAfter('+', null, [5, 5])).toBeNull();
  });

  it('is left alone by other keys', () => {
    expect(rangeAfter('d', [1, 2], [0, 10])).toBeUndefined();
  });
});

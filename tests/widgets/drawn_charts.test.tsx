import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunModel } from '../../widgets/src/model/run_model';
import { Curves } from '../../widgets/src/views/curves';
import { useRun } from '../../widgets/src/views/hooks';
import { drag, type FakeCanvas, point, withCanvases } from './charts_on_canvas';
import { FakeSource } from './sources';

const BEGUN = Date.parse('2026-01-01T00:00:00Z') / 1000;
const BUCKETS = '/workspaces/w/runs/a/metrics/buckets';

describe('a chart of a card', () => {
  let source: FakeSource;
  let place: HTMLElement;
  let canvas: () => FakeCanvas;

  function View({ model }: { model: RunModel }) {
    useRun(model);
    return <Curves model={model} />;
  }

  async function open(): Promise<void> {
    await act(() => {
      render(<View model={new RunModel(source, { workspace: 'w', run: 'a' })} />, place);
    });
    await act(() => {
      source.tell('a', { state: { state: 'Running', started: '2026-01-01T00:00:00Z', history: [] } as never });
    });
  }

  /** Log values to metrics, one a second. */
  const log = (metrics: Record<string, (number | 'NaN' | 'Infinity' | '-Infinity')[]>) =>
    act(() => {
      const series = Object.entries(metrics).map(([name, values]) => {
        return { name, times: values.map((_, at) => BEGUN + at), values, steps: null };
      });
      source.tell('a', { metrics: { series, records: [], records_left_out: 0 } });
    });

  const falling = (length: number): number[] => Array.from({ length }, (_, at) => 1 / (at + 2));
  const questions = (): URLSearchParams[] =>
    source.asked
      .filter(path => path.startsWith(BUCKETS))
      .map(path => new URLSearchParams(path.slice(BUCKETS.length + 1)));

  /** Wait until the first chart was drawn more than so many times. */
  const drawn = (before = 0) => vi.waitFor(() => expect(canvas().drawn).toBeGreaterThan(before));

  /** Numbers at the axis of the first chart below its curves, which are lower than 1. */
  const places = () =>
    canvas()
      .texts.map(Number)
      .filter(one => one > 1);

  beforeEach(async () => {
    const canvasOf = withCanvases();
    canvas = () => canvasOf(place);
    source = new FakeSource();
    source.answers.set('/workspaces/w/runs/a', {});
    source.answers.set(BUCKETS, { series: [] });
    place = document.createElement('div');
    document.body.append(place);
    await open();
  });

  afterEach(() => {
    render(null, place);
    place.remove();
    document.body.removeAttribute('data-jp-theme-name');
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it('names the best value of a metric: the least of a loss, the largest of an accuracy', async () => {
    await log({ loss: [3, 1, 2], acc: [0.3, 0.9, 0.5], lr: [1, 2, 3] });
    expect([...place.querySelectorAll('li')].map(one => one.textContent)).toEqual(['2best 1', '0.5best 0.9', '3']);
  });

  it('marks where something was logged that no curve can show, what is no number and infinities apart', async () => {
    await log({ loss: [3, 'NaN', 2, 'Infinity', 1, '-Infinity', 'Infinity'] });
    await vi.waitFor(() => expect([canvas().crosses, canvas().triangles]).toEqual([1, 3]));
    expect(place.querySelector('.td-unseen')?.textContent).toBe('1 NaN2 ∞1 −∞');
  });

  it('has no marks where there is nothing but numbers', async () => {
    await log({ loss: [3, 2, 1] });
    await drawn();
    expect([canvas().crosses, canvas().triangles]).toEqual([0, 0]);
  });

  it('names the best of finite values, and none where there are none', async () => {
    await log({ loss: [3, 1, '-Infinity', 2], acc: ['NaN', 'Infinity'] });
    expect([...place.querySelectorAll('li')].map(one => one.textContent)).toEqual(['2best 11 −∞', '∞1 NaN1 ∞']);
  });

  it('writes values at its axis however large they are, be it logarithmic or not', async () => {
    await log({ loss: falling(10).map(value => value * 1e40) });
    await vi.waitFor(() => expect(canvas().texts).toEqual(expect.arrayContaining(['2.00e+39', '4.00e+39'])));
    await act(() => place.querySelector<HTMLInputElement>('input[type=checkbox]')?.click());
    await vi.waitFor(() => expect(canvas().texts).toContain('1.00e+39'));
  });

  describe('with a cursor', () => {
    const frames = () => [...place.querySelectorAll<HTMLElement>('.td-plot-frame')];
    const readings = () => frames().map(one => one.querySelector('.td-reading')?.textContent);
    const spoken = () => [...place.querySelectorAll('[aria-live]')].map(one => one.textContent);
    const press = (key: string) =>
      act(() => {
        const event = new KeyboardEvent('keydown', { key, bubbles: true });
        frames()[0]?.querySelector('.td-plot')?.dispatchEvent(event);
      });

    it('says what all charts have there, beside the name of each curve', async () => {
      await log({ train_loss: [4, 3, 2], val_loss: [5, 6], acc: [0.5, 0.7, 'NaN'] });
      await drawn();
      expect(readings()).toEqual([undefined, undefined]);
      await act(() => point(frames()[0] as HTMLElement, 1));
      expect(readings()).toEqual(['step 2train_loss2val_loss6at 1', 'step 2accNaN']);
      expect(spoken()).toEqual(['', '']);
      await act(() => point(frames()[0] as HTMLElement, 0));
      expect(readings()).toEqual(['step 0train_loss4val_loss5', 'step 0acc0.5']);
    });

    it('is moved by keys, and says where it is, in the chart alone that has them', async () => {
      await log({ loss: [4, 3, 2], acc: [0.5, 0.7, 0.8] });
      await drawn();
      await press('ArrowRight');
      expect(readings()).toEqual(['step 0loss4', 'step 0acc0.5']);
      await press('ArrowRight');
      expect(readings()).toEqual(['step 1loss3', 'step 1acc0.7']);
      expect(spoken()).toEqual(['step 1: loss 3', '']);
      await press('End');
      expect(spoken()).toEqual(['step 2: loss 2', '']);
      await press('Escape');
      expect([readings(), spoken()]).toEqual([
        [undefined, undefined],
        ['', '']
      ]);
    });
  });

  it.each([
    ['its beginning', 0, 0.5],
    ['its midst', 0.25, 0.5],
    ['its end', 0.5, 1]
  ])('shows of its axis what is dragged over at %s, also while more is logged', async (_, from, to) => {
    const within = () => {
      expect(Math.min(...places())).toBeGreaterThanOrEqual(100 * from);
      expect(Math.max(...places())).toBeLessThanOrEqual(100 * to);
    };
    await log({ loss: falling(101) });
    await vi.waitFor(() => expect(Math.max(...places())).toBe(100));
    await act(() => drag(place, from, to));
    await vi.waitFor(within);
    const before = canvas().drawn;
    await log({ loss: falling(100) });
    await drawn(before);
    within();
  });

  it('is drawn again in the colours of another theme, and no more when it is gone', async () => {
    await log({ loss: [1, 2] });
    await drawn();
    const gone = canvas();
    render(null, place);
    await open();
    await log({ loss: [1, 2] });
    await drawn();
    const before = [gone.drawn, canvas().drawn] as const;
    document.body.setAttribute('data-jp-theme-name', 'JupyterLab Dark');
    await drawn(before[1]);
    expect(gone.drawn).toBe(before[0]);
  });

  describe('that is looked at closer', () => {
    it('asks for the points in sight of what it has not whole', async () => {
      await log({ train_loss: falling(10_001), val_loss: falling(4000) });
      await drawn();
      await act(() => drag(place, 0.25, 0.5));
      await vi.waitFor(() => expect(questions()).toHaveLength(1));
      const [asked] = questions();
      expect([asked?.get('name'), asked?.get('axis')]).toEqual(['train_loss', 'step']);
      expect(Number(asked?.get('from'))).toBeCloseTo(2500, -2);
      expect(Number(asked?.get('to'))).toBeCloseTo(5000, -2);
    });

    it('asks for nothing where it has all that there is', async () => {
      await log({ loss: falling(101) });
      await drawn();
      await act(() => drag(place, 0.25, 0.5));
      await vi.waitFor(() => expect(Math.max(...places())).toBe(50));
      expect(questions()).toEqual([]);
    });

    it('asks by the time of day where it shows how long the run has taken', async () => {
      await log({ loss: falling(10_001) });
      await act(() => {
        const axis = place.querySelector('select') as HTMLSelectElement;
        axis.value = 'time';
        axis.dispatchEvent(new Event('change', { bubbles: true }));
      });
      await drawn();
      await act(() => drag(place, 0.25, 0.5));
      await vi.waitFor(() => expect(questions()).toHaveLength(1));
      expect(questions()[0]?.get('axis')).toBe('time');
      expect(Number(questions()[0]?.get('from'))).toBeCloseTo(BEGUN + 2500, -2);
      expect(Number(questions()[0]?.get('to'))).toBeCloseTo(BEGUN + 5000, -2);
    });
  });
});

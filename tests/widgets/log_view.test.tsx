import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OUTPUT_LOG, RunModel } from '../../widgets/src/model/run_model';
import { useRun } from '../../widgets/src/views/hooks';
import { Log } from '../../widgets/src/views/log';
import { FakeSource } from './sources';

const LINE = 18;

describe('the log of a card', () => {
  let source: FakeSource;
  let place: HTMLElement;
  let written: number;
  const lines = () => [...place.querySelectorAll('.td-log-line')].map(one => one.textContent);
  const scrolled = () => place.querySelector('.td-lines') as HTMLElement;
  const follow = () => [...place.querySelectorAll('button')].find(one => one.textContent === 'Follow');

  function View({ model }: { model: RunModel }) {
    useRun(model);
    return <Log model={model} host={{}} />;
  }

  const write = (count: number) =>
    act(() => {
      const text = Array.from({ length: count }, (_, at) => `line ${written + at}\n`).join('');
      source.tell('a', { logs: { [OUTPUT_LOG]: { offset: 20 * written, gap: 0, text } } });
      written += count;
    });

  const scroll = (top: number) =>
    act(() => {
      scrolled().scrollTop = top;
      scrolled().dispatchEvent(new Event('scroll'));
    });

  beforeEach(async () => {
    // happy-dom lays nothing out: as high as the style sheet makes it, with all lines in it
    vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(10 * LINE);
    vi.spyOn(HTMLElement.prototype, 'scrollHeight', 'get').mockImplementation(() => written * LINE);
    written = 0;
    source = new FakeSource();
    source.answers.set('/workspaces/w/runs/a', {});
    place = document.createElement('div');
    await act(() => {
      render(<View model={new RunModel(source, { workspace: 'w', run: 'a' })} />, place);
    });
  });

  afterEach(() => {
    render(null, place);
    vi.restoreAllMocks();
  });

  it('has those of a long log in the page that are in sight, and few around them', async () => {
    await write(10_000);
    expect(lines().at(-1)).toBe('line 9999');
    expect(lines().length).toBeLessThan(60);
    await scroll(5000 * LINE);
    expect(lines()).toContain('line 5000');
    expect(lines()).toContain('line 5009');
    expect(lines().length).toBeLessThan(60);
  });

  it('follows the end as long as it is there, stays where it is scrolled to, and follows again when asked', async () => {
    await write(100);
    expect([scrolled().scrollTop, follow()]).toEqual([100 * LINE, undefined]);
    await scroll(40 * LINE);
    await write(100);
    expect(scrolled().scrollTop).toBe(40 * LINE);
    await act(() => follow()?.click());
    expect([scrolled().scrollTop, follow()]).toEqual([200 * LINE, undefined]);
  });

  it('has the lines with what is searched for, whatever their case and colours, and says how many', async () => {
    await write(100);
    await act(() => {
      const text = '\u001b[31mOut Of\u001b[0m memory\nat the end\n';
      source.tell('a', { logs: { [OUTPUT_LOG]: { offset: 2000, gap: 30_000, text } } });
    });
    expect(lines().at(-2)).toBe('… 30 kB are not shown Out Of memory');
    await act(() => {
      const search = place.querySelector('input') as HTMLInputElement;
      search.value = 'OUT OF m';
      search.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await scroll(0); // as browsers do where what is scrolled gets shorter
    expect(lines()).toEqual(['… 30 kB are not shown Out Of memory']);
    expect(place.textContent).toMatch(/1 lines? with “OUT OF m”/);
  });

  it('is the one that was chosen, also when another one tells more', async () => {
    const press = (name: string) =>
      act(() => [...place.querySelectorAll('button')].find(one => one.textContent === name)?.click());
    await write(3);
    await press('Build');
    expect(place.textContent).toContain('Nothing is built yet.');
    await write(3);
    expect(place.textContent).toContain('Nothing is built yet.');
    await press('Output');
    expect(lines()).toHaveLength(6);
  });

  it('follows again where it is scrolled back to the end', async () => {
    await write(100);
    await scroll(40 * LINE);
    expect(follow()).toBeDefined();
    await scroll(90 * LINE);
    expect(follow()).toBeUndefined();
    await write(1);
    expect(scrolled().scrollTop).toBe(101 * LINE);
  });
});

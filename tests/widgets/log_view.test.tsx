import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OUTPUT_LOG, RunModel } from '../../widgets/src/model/run_model';
import { useRun } from '../../widgets/src/views/hooks';
import { Log } from '../../widgets/src/views/log';
import { longLog, serveLog } from './logs';
import { FakeSource } from './sources';

const LINE = 18;

describe('the log of a card', () => {
  let source: FakeSource;
  let place: HTMLElement;
  let written: number;
  let resized: (() => void)[];
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
    resized = [];
    vi.stubGlobal(
      'ResizeObserver',
      class {
        constructor(tell: () => void) {
          resized.push(tell);
        }
        observe() {}
        disconnect() {}
      }
    );
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
    vi.unstubAllGlobals();
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

  it('is at its end when its tab is shown again, whatever has come while it was hidden', async () => {
    await write(100);
    vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(0);
    const hidden = scrolled();
    // as browsers have it of what is not shown
    Object.defineProperty(hidden, 'scrollTop', { configurable: true, get: () => 0, set: () => undefined });
    await write(100);
    Reflect.deleteProperty(hidden, 'scrollTop');
    vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(10 * LINE);
    await act(() => {
      for (const tell of resized) {
        tell();
      }
    });
    expect(hidden.scrollTop).toBe(200 * LINE);
    expect(lines().at(-1)).toBe('line 199');
  });

  const type = async (text: string) => {
    await act(() => {
      const search = place.querySelector('input') as HTMLInputElement;
      search.value = text;
      search.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await vi.waitFor(() => expect(place.querySelector('.td-log [role=status]')?.textContent).toContain(text));
  };
  const press = (label: string) =>
    act(() => (place.querySelector(`[aria-label="${label}"]`) as HTMLButtonElement).click());
  const current = () => place.querySelector('.td-log-line[aria-current]')?.textContent;

  it('goes to the lines with what is searched for, whatever their case, and says which one that is', async () => {
    await write(1000);
    serveLog(source, Array.from({ length: 1000 }, (_, at) => `line ${at}\n`).join(''));
    await type('LINE 50');
    await vi.waitFor(() => expect(place.textContent).toContain('1 of 11 lines with “LINE 50” · line 51'));
    expect(current()).toBe('line 50');
    expect(scrolled().scrollTop).toBe(45 * LINE);
    expect(place.querySelector('mark')?.textContent).toBe('line 50');
    await press('Next line found');
    expect([current(), place.textContent?.includes('2 of 11')]).toEqual(['line 500', true]);
    await press('Previous line found');
    await press('Previous line found');
    expect([current(), place.textContent?.includes('11 of 11')]).toEqual(['line 509', true]);
  });

  it('has earlier lines from the server where it is scrolled up or Home is pressed, and stays where it was', async () => {
    const log = longLog(20_000);
    serveLog(source, log);
    written = 200;
    await act(() => {
      const text = log.slice(-20_000);
      source.tell('a', { logs: { [OUTPUT_LOG]: { offset: log.length - text.length, gap: 1, text } } });
    });
    expect(lines().at(-1)).toMatch(/^line 19999 /);
    await scroll(20 * LINE);
    await scroll(5 * LINE);
    await act(() => new Promise(resolve => setTimeout(resolve)));
    expect(source.asked.filter(path => path.includes('/logs/content'))).toHaveLength(1);
    expect(scrolled().scrollTop).toBeGreaterThan(1000 * LINE);
    expect(place.textContent).toContain('before these lines');
    await act(async () => {
      scrolled().dispatchEvent(new KeyboardEvent('keydown', { key: 'Home', bubbles: true }));
      await new Promise(resolve => setTimeout(resolve));
    });
    expect([scrolled().scrollTop, lines()[0]?.startsWith('line 0 ')]).toEqual([0, true]);
    await act(() => follow()?.click());
    expect(lines().at(-1)).toMatch(/^line 19999 /);
  });

  it('says where only a kernel feeds it that the end alone is here, and where the rest is', async () => {
    render(null, place);
    source = Object.assign(new FakeSource(), { reach: 'when the cell ends' });
    source.answers.set('/workspaces/w/runs/a', {});
    await act(() => {
      render(<View model={new RunModel(source, { workspace: 'w', run: 'a' })} />, place);
    });
    await act(() => {
      source.tell('a', { logs: { [OUTPUT_LOG]: { offset: 30_000, gap: 30_000, text: 'one\ntwo\n' } } });
    });
    expect(lines()[0]).toBe('… 30 kB are not shown one');
    expect(place.textContent).toContain('Only the last 2 lines are here');
    expect(place.textContent).toContain('The whole log (30 kB) is in the download');
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

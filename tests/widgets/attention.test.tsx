import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunDocument } from '../../widgets/src/documents';
import { RunModel } from '../../widgets/src/model/run_model';
import { Header } from '../../widgets/src/views/header';
import { useRun } from '../../widgets/src/views/hooks';
import { Log } from '../../widgets/src/views/log';
import { FakeSource } from './sources';

const RUN = {
  id: 'r',
  state: 'Running',
  reason: null,
  detail: '',
  display_name: 'bees',
  experiment: 'insects',
  started: null,
  ended: null,
  seconds: null,
  tags: {},
  warnings: [],
  history: [],
  spec: {}
} as unknown as RunDocument;

/** What a person has the focus on, or is told of, while a run goes on. */
describe('a run that goes on', () => {
  let source: FakeSource;
  let place: HTMLElement;
  const button = (name: string) =>
    [...place.querySelectorAll('button')].find(one => one.textContent === name) as HTMLButtonElement;
  const press = (name: string) => act(async () => button(name).click());
  const tell = (message: Parameters<FakeSource['tell']>[1]) => act(async () => source.tell('r', message));
  const focused = () => document.activeElement?.textContent;

  beforeEach(async () => {
    source = new FakeSource();
    source.answers.set('/workspaces/w/runs/r', RUN);
    place = document.createElement('div');
    document.body.append(place);
    const model = new RunModel(source, { workspace: 'w', run: 'r' });
    const View = () => {
      useRun(model);
      return (
        <>
          <Header model={model} host={{}} />
          <Log model={model} host={{}} />
        </>
      );
    };
    await act(async () => render(<View />, place));
    await tell({ state: RUN });
  });

  afterEach(() => {
    render(null, place);
    place.remove();
  });

  it('has the focus on a harmless button once it has ended and none of those for stopping it is there', async () => {
    button('Stop').focus();
    await tell({ run: { ...RUN, state: 'Completed' } });
    expect(focused()).toBe('Copy id');
  });

  it.each(['Stop the run', 'Keep it running'])('has it there where it ended while %s had it', async name => {
    await press('Stop');
    button(name).focus();
    await tell({ run: { ...RUN, state: 'Completed' } });
    expect(focused()).toBe('Copy id');
  });

  it('has it there once it was asked to stop', async () => {
    await press('Stop');
    await press('Stop the run');
    expect(focused()).toBe('Copy id');
  });

  it('leaves it where it is otherwise', async () => {
    const search = place.querySelector('input') as HTMLInputElement;
    search.focus();
    await tell({ run: { ...RUN, state: 'Completed' } });
    expect(document.activeElement).toBe(search);
  });

  describe('with a log that is searched', () => {
    let told: string[];
    const line = (at: number) => ({ logs: { 'logs/stdout.txt': { offset: 7 * at, gap: 0, text: 'loss 1\n' } } });

    it('tells once how many lines there are, and not with each that comes', async () => {
      vi.useFakeTimers();
      let lines = 1;
      source.answers.set('/workspaces/w/runs/r/logs/search', (path: string) => {
        const first = Number(new URLSearchParams(path.slice(path.indexOf('?'))).get('cursor') ?? 0);
        const hits = Array.from({ length: lines - first }, (_, at) => ({ line: first + at + 1, offset: 7 * at }));
        return { hits, cursor: String(lines), searched: 7 * lines, size: 7 * lines, more: false };
      });
      await tell(line(0));
      const status = place.querySelector('.td-log [role=status]') as HTMLElement;
      told = [];
      const seen = () => told.at(-1) !== status.textContent && told.push(status.textContent ?? '');
      const search = place.querySelector('input') as HTMLInputElement;
      search.value = 'loss';
      await act(async () => {
        search.dispatchEvent(new Event('input', { bubbles: true }));
      });
      for (let turn = 0; turn < 2; turn++) {
        await act(async () => {
          await vi.advanceTimersByTimeAsync(1000); // for what is typed to settle, and for the answer
        });
      }
      seen();
      for (let at = 1; at < 4; at++) {
        lines++;
        await tell(line(at));
        await act(async () => {
          await vi.advanceTimersByTimeAsync(1000);
        });
        seen();
      }
      vi.useRealTimers();
      expect(told).toEqual(['1 line with “loss”']);
      expect(place.querySelector('.td-log')?.textContent).toContain('4 lines with “loss”');
    });
  });
});

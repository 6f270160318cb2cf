import { type ComponentChild, render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Surroundings } from '../../jupyter_ext/src/surroundings';
import { Versions } from '../../jupyter_ext/src/versions';
import { type RunDocument, TERMINAL } from '../../widgets/src/documents';
import { ModelNews } from '../../widgets/src/model/model_news';
import { RunModel } from '../../widgets/src/model/run_model';
import { RunsModel } from '../../widgets/src/model/runs_model';
import { PageSelection } from '../../widgets/src/model/selection';
import { reasonWords, stateWord } from '../../widgets/src/state_words';
import { type ITrans, PLACE, Sentence, UNTRANSLATED } from '../../widgets/src/translation';
import { RunCard } from '../../widgets/src/views/card';
import { CompareCard } from '../../widgets/src/views/compare/compare_card';
import { ModelCard } from '../../widgets/src/views/models/model_card';
import { partsHere } from '../../widgets/src/views/parts';
import { RegistrationCard } from '../../widgets/src/views/registration';
import { openedHere } from '../../widgets/src/views/runs/opened';
import { RunsCard } from '../../widgets/src/views/runs/runs_card';
import { MODEL, RUN } from './documents';
import { runRow } from './run_rows';
import { FakeSource } from './sources';

// happy-dom has no canvas
vi.mock('uplot', () => ({
  default: class {
    data = [[]];
    setData(): void {}
    setScale(): void {}
    destroy(): void {}
  }
}));

const bracketed = (text: string): string => `⟦${text}⟧`;

/** A language whose every text is in brackets. */
const PSEUDO: ITrans = {
  __: (text, ...values) => bracketed(UNTRANSLATED.__(text, ...values)),
  _n: (one, many, count, ...values) => bracketed(UNTRANSLATED._n(one, many, count, ...values)),
  _p: (context, text, ...values) => bracketed(UNTRANSLATED._p(context, text, ...values))
};

/** What the documents of these tests name, and units: the same in each language. */
const DATA = new Set(
  (
    'bees insects ann local a b train.py lr 0.1 data packages torch 2.9 venv loss val_loss pt-dnn production net part ' +
    'outputs model.pt SHA-256 x y s d B kB MB'
  ).split(' ')
);

/** Return what people see or hear in an element that is neither translated nor data. */
function untranslated(element: HTMLElement): string[] {
  const named = ['aria-label', 'title', 'placeholder'].flatMap(name =>
    [...element.querySelectorAll(`[${name}]`)].map(one => one.getAttribute(name) ?? '')
  );
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const texts: string[] = [];
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const around = (node.parentElement as HTMLElement).closest('code, pre');
    if (around === null) {
      texts.push(node.textContent ?? '');
    }
  }
  return [...named, ...texts].map(withoutTranslated).filter(text => wordsOf(text).some(word => !DATA.has(word)));
}

/** Return what of a text could be words: neither numbers and times nor signs. */
function wordsOf(text: string): string[] {
  return text.split(/[\s:,;·()#/=↓↑×–]+/u).filter(word => /\p{L}/u.test(word) && word !== SHA);
}

/** Leave out what is in brackets, which may be within others. */
function withoutTranslated(text: string): string {
  const inner = text.replace(/⟦[^⟦⟧]*⟧/gu, '');
  // a sentence with elements in it begins in one text of the page, and ends in another one
  return inner === text ? text.replace(/^[^⟦⟧]*⟧|⟦[^⟦⟧]*$/gu, '').trim() : withoutTranslated(inner);
}

let page: HTMLDivElement;
let source: FakeSource;

const SHA = 'a'.repeat(64);
const POINTS = { name: 'loss', times: [100, 101, 102], values: [3, 2, 1], steps: null };

beforeEach(() => {
  page = document.createElement('div');
  document.body.append(page);
  source = new FakeSource();
});

async function show(view: ComponentChild): Promise<void> {
  await act(async () => {
    render(
      <Surroundings versions={new Versions(PSEUDO, '1')} trans={PSEUDO}>
        {view as never}
      </Surroundings>,
      page
    );
  });
}

/** Show each panel in turn, and return what is not translated in any of them. */
async function untranslatedInTabs(): Promise<string[]> {
  const found: string[] = [];
  const tabs = page.querySelectorAll<HTMLElement>('[role=tab]').length;
  expect(tabs).toBeGreaterThan(1);
  for (let at = 0; at < tabs; at++) {
    await act(async () => {
      page.querySelectorAll<HTMLElement>('[role=tab]')[at]?.click();
    });
    await act(async () => undefined);
    expect(page.querySelector('[role=tabpanel]')?.textContent).not.toBe('');
    found.push(...untranslated(page));
  }
  return found;
}

afterEach(() => {
  render(null, page);
  page.remove();
  vi.useRealTimers();
});

describe('in another language', () => {
  const run = (more: Partial<RunDocument>): RunDocument => ({
    ...RUN,
    spec: { script: 'train.py', arguments: ['--lr', '0.1', '--y', 'data'], gpus: 1, snapshot: SHA },
    environment: { packages: ['torch==2.9'] },
    ...more
  });

  beforeEach(() => {
    source.answers.set('/workspaces/w/runs/', run({}));
    source.answers.set('/workspaces/w/runs?', { runs: [], more: false });
    source.answers.set('/workspaces/w/models', { models: [MODEL], more: false });
    source.answers.set('/workspaces/w/runs/a/files', {
      files: [{ name: 'outputs/model.pt', size: 5 }],
      total: 1,
      more: false
    });
    const entries = [{ path: 'train.py', kind: 'file', size: 3, mode: null, sha256: SHA, target: null }];
    for (const [id, tree] of [
      ['a', SHA],
      ['b', 'b'.repeat(64)]
    ]) {
      source.answers.set(`/workspaces/w/runs/${id}/snapshot`, { id: tree, entries, total: 1, more: false });
    }
    source.answers.set('/workspaces/w/models/pt-dnn', {
      versions: [{ ...MODEL, aliases: ['production'], tags: { lr: 'x' } }],
      more: true
    });
    source.answers.set('/workspaces/w/models/pt-dnn/aliases', {
      aliases: [{ alias: 'production', version: 1, previous: 2, since: RUN.created, by: 'ann' }]
    });
    source.answers.set('/workspaces/w/models/pt-dnn/alias-history', {
      moves: [{ alias: 'production', version: 1, previous: null, time: RUN.created, by: 'ann', rolled_back: false }]
    });
    source.answers.set('/workspaces/w/models/pt-dnn/versions/', {
      root: 'net',
      folder: true,
      files: [{ name: 'part', size: 1, sha256: SHA }]
    });
    source.answers.set('/workspaces/w/runs/a/metrics', { metrics: [] });
  });

  it.each(['Preparing', 'Queued', 'Running', 'CancelRequested', 'Completed', 'Failed', 'Canceled'] as const)(
    'nothing of the card of a run that is %s is in ours',
    async state => {
      const reason = { Failed: 'out_of_memory', Canceled: 'canceled_by_user' }[state as string] ?? null;
      const told = run({ state, reason, history: [{ state: 'Preparing', time: RUN.created }] } as Partial<RunDocument>);
      await show(
        <RunCard
          parts={partsHere}
          model={new RunModel(source, { workspace: 'w', run: 'a' })}
          host={{ openFolder: () => undefined }}
        />
      );
      await act(async () => {
        source.tell('a', { state: told });
        source.tell('a', { run: told });
        source.tell('a', { metrics: { series: [POINTS], records: [], records_left_out: 0 } });
      });
      expect(page.textContent).toContain(`⟦${stateWord(state, UNTRANSLATED)}⟧`);
      expect(await untranslatedInTabs()).toEqual([]);
      expect(page.querySelector('.td-state')?.className).toContain(`td-state-${state}`);
    }
  );

  it('nothing of a comparison is in ours', async () => {
    vi.useFakeTimers();
    await show(<CompareCard source={source} workspace="w" ids={['a', 'b']} />);
    await act(async () => {
      for (const [id, value] of [
        ['a', '0.1'],
        ['b', '2']
      ] as const) {
        const spec = { script: 'train.py', arguments: ['--lr', value] };
        source.tell(id, { run: run({ id, display_name: id, spec }), state: run({ id, display_name: id }) });
        source.tell(id, { metrics: { series: [POINTS], records: [], records_left_out: 0 } });
      }
      await vi.advanceTimersByTimeAsync(500);
    });
    expect(page.querySelector('.td-name')?.textContent).toBe('⟦Comparison of 2 runs⟧');
    expect([...page.querySelectorAll('.td-compared .td-legend-name')].map(one => one.textContent)).toEqual(['a', 'b']);
    expect(page.querySelectorAll('figure')).toHaveLength(1);
    expect(await untranslatedInTabs()).toEqual([]);
  });

  it('nothing of the card of a model is in ours', async () => {
    await show(<ModelCard news={new ModelNews(source, 'w', 'pt-dnn')} />);
    await vi.waitFor(() => expect(page.textContent).toContain('⟦registered'));
    expect(untranslated(page)).toEqual([]);
  });

  it('nothing of the panel that registers a model is in ours', async () => {
    await show(<RegistrationCard model={new RunModel(source, { workspace: 'w', run: 'a' })} />);
    await vi.waitFor(() => expect(page.textContent).toContain('⟦Register⟧'));
    expect(untranslated(page)).toEqual([]);
  });

  it('nothing of a list of runs is in ours, and what is asked for is the state itself', async () => {
    source.answers.set('/workspaces/w/runs?', {
      runs: [
        runRow('a', { display_name: 'bees', state: 'Queued', reason: null }),
        runRow('b', { display_name: 'b', state: 'Failed', reason: 'lost' })
      ],
      more: true
    });
    const model = new RunsModel(source, { workspace: 'w', experiment: 'insects' });
    await show(<RunsCard model={model} selection={new PageSelection()} opened={openedHere(source, 'w')} />);
    await act(async () => source.tellList({}));
    await vi.waitFor(() => expect(page.querySelector('.td-state-Failed')?.getAttribute('title')).toBe('⟦lost⟧'));
    expect(untranslated(page)).toEqual([]);
    expect([...page.querySelectorAll('option')].map(one => one.value)).toContain('Queued');
  });

  it('says what is wrong in it', async () => {
    await show(<RunCard parts={partsHere} model={new RunModel(source, { workspace: 'w', run: 'a' })} />);
    await act(async () =>
      source.tell('a', { error: { code: 'run_not_found', message: 'there is no run a', advice: '' } })
    );
    expect(page.querySelector('[role=alert]')?.textContent).toMatch(/^⟦.+⟧$/u);
    expect(untranslated(page)).toEqual([]);
  });
});

it('names states and reasons that a newer server tells by themselves', () => {
  expect([stateWord('Paused', PSEUDO), reasonWords('too_hot', PSEUDO)]).toEqual(['Paused', 'too hot']);
  expect([...TERMINAL].map(state => stateWord(state, UNTRANSLATED))).toEqual(['Completed', 'Failed', 'Canceled']);
});

it('puts elements where a language has them in its sentences', () => {
  const reversed = { ...UNTRANSLATED, __: (_: string, ...values: unknown[]) => `${values[1]} ist ${values[0]}.` };
  render(<Sentence text={reversed.__('%1 is version %2', PLACE, 7)}>{[<b key="name">production</b>]}</Sentence>, page);
  expect(page.innerHTML).toBe('7 ist <b>production</b>.');
});

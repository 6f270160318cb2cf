import { render } from 'preact';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  Alias,
  AliasMove,
  ListMessage,
  ModelVersion,
  RegistrationDocument,
  RunMessage
} from '../../widgets/src/documents';
import { RunModel } from '../../widgets/src/model/run_model';
import { PageSelection } from '../../widgets/src/model/selection';
import {
  type FollowedRun,
  type IRequestOptions,
  type ListListener,
  type Reach,
  RequestError,
  type RunListener,
  type Source
} from '../../widgets/src/sources/source';
import { TraitSelection } from '../../widgets/src/sources/trait_selection';
import { told } from '../../widgets/src/views/models/history';
import { Registration, RegistrationCard } from '../../widgets/src/views/registration';
import { MODEL, RUN as STATE } from './documents';
import { FakeModel } from './sources';

const RUN = 'ants_1_aaaaaaaa';

/** A registry with one workspace, which answers as the server does. */
class Registry implements Source {
  reach: Reach = 'now';
  files = ['outputs/model.pt', 'outputs/table.csv', 'outputs/notes/a.txt'];
  /** When which of the files was written last, where that is another time than that of the others. */
  written = new Map<string, string>();
  versions: ModelVersion[] = [];
  aliases: Alias[] = [];
  moves: AliasMove[] = [];
  gone = new Set<string>();
  /** The display names of runs that have one. */
  named = new Map<string, string>();
  refusal: RequestError | null = null;
  /** Why nothing is told. */
  unanswered: RequestError | null = null;
  readonly asked: string[] = [];
  readonly sent: { method: string; path: string; body: unknown }[] = [];

  tell: (message: RunMessage) => void = () => undefined;

  follow = (_: FollowedRun, listener: RunListener) => {
    this.tell = message => listener.onMessage(message);
    return () => undefined;
  };
  tellList: (message: ListMessage) => void = () => undefined;
  followList = (_: string, listener: ListListener) => {
    this.tellList = message => listener.onMessage(message);
    return () => undefined;
  };
  bytes = () => Promise.reject(new Error('not asked for'));
  address = () => null;

  /** Add the next version of `pt-dnn`. */
  add(run: string | null, aliases: string[] = []): ModelVersion {
    const version = this.versions.length + 1;
    const made = { ...MODEL, version, id: `pt-dnn:${version}`, run, experiment: 'ants', aliases };
    this.versions.unshift(made);
    return made;
  }

  async request<T>(path: string, { method = 'GET', body }: IRequestOptions = {}): Promise<T> {
    if (method !== 'GET') {
      this.sent.push({ method, path, body });
      if (this.refusal !== null) {
        throw this.refusal;
      }
      return (path.endsWith('/models') ? this._register(body as RegistrationDocument) : {}) as T;
    }
    this.asked.push(path);
    if (this.unanswered !== null) {
      throw this.unanswered;
    }
    return this._answer(decodeURIComponent(path)) as T;
  }

  private _register(asked: RegistrationDocument): ModelVersion {
    return this.add(asked.run, asked.alias === undefined ? [] : [asked.alias]);
  }

  private _answer(path: string): unknown {
    const run = /\/runs\/([^/]+)/.exec(path)?.[1];
    if (run !== undefined && path.includes('/files')) {
      const files = this.files.map(name => {
        return { name, size: 1000, modified: this.written.get(name) ?? '2026-01-01T00:00:00.000000Z' };
      });
      return { files: files.slice(0, 1000), total: files.length, more: files.length > 1000 };
    }
    if (run !== undefined) {
      if (this.gone.has(run)) {
        throw new RequestError('run_not_found', `there is no run '${run}'`, '', 404);
      }
      if (!path.includes('/metrics')) {
        const number = run.charCodeAt(run.length - 1) - 'a'.charCodeAt(0) + 1;
        return { id: run, display_name: this.named.get(run) ?? '', experiment: 'ants', number };
      }
      const last = run === RUN ? 0.25 : 'NaN';
      return { metrics: [{ name: 'val_loss', kind: 'scalar', statistics: { last, min: 0.125, max: 2, count: 9 } }] };
    }
    if (/\/models\?.*run=/.test(path)) {
      return { models: this.versions.filter(one => one.run === RUN).slice(0, 1), more: false };
    }
    if (/\/models\?/.test(path)) {
      return { models: this.versions.slice(0, 1), more: false };
    }
    if (!path.includes('/models/pt-dnn') || this.versions.length === 0) {
      throw new RequestError('model_not_found', 'there is no such model', '', 404);
    }
    if (path.endsWith('/aliases')) {
      return { aliases: this.aliases };
    }
    return path.includes('/alias-history')
      ? { moves: this.moves, more: false }
      : { name: 'pt-dnn', versions: this.versions.slice(0, 5), more: this.versions.length > 5 };
  }
}

describe('the registration panel', () => {
  let registry: Registry;
  let page: HTMLElement;

  beforeEach(() => {
    registry = new Registry();
    page = document.createElement('div');
    document.body.append(page);
  });

  afterEach(() => {
    render(null, page);
    page.remove();
  });

  const show = () => {
    const model = new RunModel(registry, { workspace: 'w', run: RUN });
    render(<Registration model={model} host={{}} />, page);
  };
  const until = (check: () => void) => vi.waitFor(check, { timeout: 5000, interval: 10 });
  const untilText = (text: string) => until(() => expect(page.textContent).toContain(text));
  const labelled = <T extends HTMLElement>(text: string) => {
    const label = [...page.querySelectorAll('label')].find(one => one.textContent?.trim().startsWith(text));
    return (label?.querySelector('input') ?? document.getElementById(label?.htmlFor ?? '')) as T;
  };
  const button = (text: string) =>
    [...page.querySelectorAll('button')].find(
      one => one.getAttribute('aria-label') === text || one.textContent === text
    ) as HTMLButtonElement;
  const enter = (field: HTMLInputElement, value: string) => {
    field.value = value;
    field.dispatchEvent(new Event('input', { bubbles: true }));
  };
  const type = (text: string, value: string) => enter(labelled<HTMLInputElement>(text), value);
  const bodies = () => registry.sent.map(one => one.body as RegistrationDocument);

  it('sends nothing without a click', async () => {
    registry.add('ants_1_bbbbbbbb');
    registry.aliases = [{ alias: 'production', version: 1, previous: null, since: '2026-01-01T00:00:00Z', by: 'ann' }];
    show();
    await untilText('3 of 3');
    type('Name', 'pt-dnn');
    await untilText('Versions of pt-dnn');
    type('Name', 'other');
    await untilText('There is no model other yet: this will be its version 1.');
    for (const form of page.querySelectorAll('form')) {
      form.requestSubmit(); // as Enter in a field does
    }
    expect(registry.sent).toEqual([]);
  });

  it('registers all files of outputs under the name of the experiment’s model, and shows the version', async () => {
    registry.add('ants_1_bbbbbbbb');
    const model = new RunModel(registry, { workspace: 'w', run: RUN });
    model.run = { experiment: 'ants' } as typeof model.run;
    render(<Registration model={model} host={{}} />, page);
    await untilText('3 of 3, 3.0 kB');
    await until(() => expect(labelled<HTMLInputElement>('Name').value).toBe('pt-dnn'));
    button('Register').click();
    await untilText('Registered as pt-dnn:2.');
    expect(registry.sent).toMatchObject([{ method: 'POST', path: '/workspaces/w/models' }]);
    expect(bodies()[0]).toMatchObject({ name: 'pt-dnn', run: RUN, path: 'outputs/' });
    await untilText('Registered from this run already: pt-dnn:2');
    await untilText('2 (this run)');
  });

  it('names each version that the run was registered as, and moves an alias no second time by itself', async () => {
    registry.add(RUN);
    show();
    await untilText('3 of 3');
    await until(() => expect(labelled<HTMLInputElement>('Name').value).toBe('pt-dnn'));
    type('Alias', 'production');
    await until(() => expect(labelled<HTMLInputElement>('Alias').value).toBe('production'));
    button('Register').click();
    await untilText('Registered from this run already: pt-dnn:2 (production), pt-dnn:1');
    expect(labelled<HTMLInputElement>('Alias').value).toBe('');
    expect(button('Registered').disabled).toBe(true);
    type('Description', 'once more');
    await until(() => expect(button('Register').disabled).toBe(false));
    button('Register').click();
    await until(() => expect(bodies().map(one => one.alias)).toEqual(['production', undefined]));
  });

  it('has the files that somebody else picked, and tells which are picked here', async () => {
    const selection = new PageSelection();
    selection.set(['outputs/model.pt']);
    const model = new RunModel(registry, { workspace: 'w', run: RUN });
    render(<Registration model={model} host={{ files: selection }} />, page);
    await untilText('1 of 3');
    labelled<HTMLInputElement>('table.csv').click();
    await untilText('2 of 3');
    expect(selection.get()).toEqual(['outputs/model.pt', 'outputs/table.csv']);
  });

  it('has none where none are picked, and all where all are, though a widget tells it of its own choice', async () => {
    registry.files = Array.from({ length: 25 }, (_, at) => `outputs/${at}.pt`);
    const model = new FakeModel();
    const files = new TraitSelection(model, 'selected_files');
    render(<Registration model={new RunModel(registry, { workspace: 'w', run: RUN })} host={{ files }} />, page);
    await untilText('0 of 25');
    labelled<HTMLInputElement>('3.pt').click();
    await untilText('1 of 25');
    button('All').click();
    await untilText('25 of 25');
    expect(button('All').disabled).toBe(true); // all there are, which may be more than are listed
    button('None').click();
    await untilText('0 of 25');
    model.set('selected_files', ['outputs/7.pt', 'outputs/8.pt']);
    await untilText('2 of 25');
    model.set('selected_files', []);
    await untilText('0 of 25');
  });

  it('has none where the last one is unpicked in a widget, instead of all', async () => {
    const files = new TraitSelection(new FakeModel(), 'selected_files');
    render(<Registration model={new RunModel(registry, { workspace: 'w', run: RUN })} host={{ files }} />, page);
    await untilText('3 of 3');
    labelled<HTMLInputElement>('table.csv').click();
    await untilText('2 of 3');
    button('None').click();
    await untilText('0 of 3');
  });

  it('has labels of its own fields, where there are two in a page', async () => {
    const other = document.createElement('div');
    document.body.append(other);
    for (const place of [other, page]) {
      render(<Registration model={new RunModel(registry, { workspace: 'w', run: RUN })} host={{}} />, place);
    }
    await untilText('3 of 3');
    await until(() => expect(other.textContent).toContain('3 of 3'));
    type('Name', 'here');
    const names = [page, other].map(place => place.querySelector<HTMLInputElement>('input[required]')?.value);
    render(null, other);
    other.remove();
    expect(names).toEqual(['here', '']);
  });

  it('makes one version of the same files and words, however often it is clicked, and names all of the run', async () => {
    registry.add(RUN);
    registry.add('another_1_bbbbbbbb');
    show();
    await untilText('Registered from this run already: pt-dnn:1');
    await until(() => expect(button('Register').disabled).toBe(false));
    button('Register').click();
    await untilText('Registered from this run already: pt-dnn:3, pt-dnn:1');
    expect(button('Registered').disabled).toBe(true);
    button('Registered').click();
    type('Alias', 'production');
    await until(() => expect(button('Register').disabled).toBe(false));
    expect(registry.sent).toHaveLength(1);
  });

  it('makes another version of a checkpoint that was written anew since, though it has the name and size it had', async () => {
    show();
    await untilText('3 of 3');
    type('Name', 'pt-dnn');
    labelled<HTMLInputElement>('table.csv').click();
    await untilText('2 of 3');
    button('Register').click();
    await untilText('Registered as pt-dnn:1.');
    const looked = () => registry.asked.filter(path => path.includes('/files')).length;
    const lookAgain = async () => {
      const before = looked();
      button('Look again').click();
      await until(() => expect(looked()).toBe(before + 1));
    };
    registry.written.set('outputs/table.csv', '2026-01-01T00:05:00.000000Z'); // which is not chosen
    await lookAgain();
    expect(button('Registered').disabled).toBe(true);
    registry.written.set('outputs/model.pt', '2026-01-01T00:10:00.000000Z');
    await lookAgain();
    await until(() => expect(button('Register').disabled).toBe(false));
    button('Register').click();
    await untilText('Registered as pt-dnn:2.');
  });

  it('looks for files and versions again when its tab is shown again', async () => {
    const observers: (() => void)[] = [];
    vi.stubGlobal(
      'ResizeObserver',
      class {
        constructor(tell: () => void) {
          observers.push(tell);
        }
        observe() {}
        disconnect() {}
      }
    );
    const width = vi.spyOn(HTMLElement.prototype, 'offsetWidth', 'get').mockReturnValue(600);
    const resize = (to: number) => {
      width.mockReturnValue(to);
      for (const tell of observers) {
        tell();
      }
    };
    show();
    await untilText('3 of 3');
    resize(400);
    resize(0);
    registry.files.push('outputs/later.pt');
    registry.add(RUN);
    expect(page.textContent).toContain('3 of 3');
    resize(600);
    await untilText('4 of 4');
    await untilText('Registered from this run already: pt-dnn:1');
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it('shows what an alias stands for since it was moved in another page', async () => {
    registry.add(RUN);
    registry.add(RUN);
    const production = { alias: 'production', version: 1, previous: null, since: '2026-01-01T00:00:00Z', by: 'ann' };
    registry.aliases = [production];
    show();
    await untilText('since ');
    expect(page.querySelector('.td-aliases')?.textContent).toContain('by ann');
    registry.aliases = [{ ...production, version: 2, by: 'bob' }];
    registry.tellList({ changes: { changed_runs: [], runs: [], gone: [], models: ['pt-dnn'] } as never });
    await until(() => expect(page.querySelector('.td-aliases')?.textContent).toContain('by bob'));
  });

  it('asks again by a click for what nobody answered', async () => {
    registry.add(RUN);
    registry.unanswered = new RequestError('unreachable', 'The Jupyter server does not answer.');
    show();
    await until(() => expect(page.textContent?.match(/does not answer/g)).toHaveLength(2));
    registry.unanswered = null;
    for (const again of page.querySelectorAll<HTMLElement>('.td-empty button')) {
      again.click();
    }
    await untilText('3 of 3');
    await until(() => expect(labelled<HTMLInputElement>('Name').value).toBe('pt-dnn'));
    await until(() => expect(page.textContent).not.toContain('does not answer'));
  });

  it('registers what is chosen, with tags and an alias', async () => {
    show();
    await untilText('3 of 3');
    type('Name', 'pt-dnn');
    type('Alias', 'production');
    labelled<HTMLInputElement>('table.csv').click();
    button('Add a tag').click();
    for (const [at, value] of ['data', 'ants'].entries()) {
      const field = () => page.querySelectorAll<HTMLInputElement>('.td-tag input')[at];
      await until(() => expect(field()).toBeDefined());
      enter(field() as HTMLInputElement, value);
      await until(() => expect(field()?.value).toBe(value));
    }
    await untilText('2 of 3');
    button('Register').click();
    await untilText('Registered as pt-dnn:1, and gave it the alias production.');
    expect(bodies()[0]).toMatchObject({
      path: 'outputs/',
      child_paths: ['model.pt', 'notes/a.txt'],
      tags: { data: 'ants' },
      alias: 'production'
    });
  });

  it('chooses nothing by itself of many files, and registers nothing until something is chosen', async () => {
    registry.files = Array.from({ length: 30 }, (_, at) => `outputs/${at}.pt`);
    show();
    await untilText('0 of 30');
    expect(button('Register').disabled).toBe(true);
    button('All').click();
    await untilText('30 of 30');
    expect(button('Register').disabled).toBe(false);
  });

  it('asks the server for nothing while a name is missing', async () => {
    show();
    await untilText('3 of 3');
    button('Register').click();
    expect(labelled<HTMLInputElement>('Name').validity.valueMissing).toBe(true);
    expect(registry.sent).toEqual([]);
  });

  it('shows why the server refuses, and asks again under the same name of its wish', async () => {
    registry.refusal = new RequestError('unreachable', 'The Jupyter server does not answer', 'Is it still running?');
    show();
    await untilText('3 of 3');
    type('Name', 'pt-dnn');
    await until(() => expect(labelled<HTMLInputElement>('Name').value).toBe('pt-dnn'));
    button('Register').click();
    await untilText('The Jupyter server does not answer. Is it still running?');
    registry.refusal = null;
    button('Register').click();
    await untilText('Registered as pt-dnn:1.');
    type('Alias', 'production');
    await until(() => expect(button('Register').disabled).toBe(false));
    button('Register').click();
    await untilText('Registered as pt-dnn:2, and gave it the alias production.');
    const [first, again, next] = bodies().map(body => body.request_id);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(again).toBe(first);
    expect(next).not.toBe(first);
  });

  it('puts versions and this run side by side, with the metrics of their runs', async () => {
    registry.add('ants_1_bbbbbbbb', ['staging']);
    registry.add('ants_1_cccccccc', ['production']);
    registry.add(null);
    registry.gone.add('ants_1_bbbbbbbb');
    registry.named.set('ants_1_cccccccc', 'with a warm-up of the rate');
    show();
    await untilText('3 of 3');
    type('Name', 'pt-dnn');
    await untilText('val_loss');
    const rows = [...page.querySelectorAll('.td-scroll tr')].map(row =>
      [...row.children].map(cell => cell.textContent)
    );
    expect(rows[0]).toEqual(['Version', 'This run', '3', '2', '1']);
    expect(rows[1]).toEqual(['Alias', '', '', 'production', 'staging']);
    expect(rows[3]).toEqual(['Run', 'ants #1', 'files', 'with a warm-up of the r…', 'bbbbbbbb (deleted)']);
    expect(rows[5]).toEqual(['val_loss', '0.25', '–', 'NaN', '–']);
  });

  describe('with an alias', () => {
    beforeEach(async () => {
      registry.add('ants_1_bbbbbbbb');
      registry.add('ants_1_cccccccc', ['production']);
      registry.aliases = [{ alias: 'production', version: 2, previous: 1, since: '2026-01-01T00:00:00Z', by: 'ann' }];
      show();
      await untilText('3 of 3');
      type('Name', 'pt-dnn');
      await untilText('by ann');
    });

    it('rolls back by one click, from the version that was shown', async () => {
      button('Roll production back to version 1').click();
      await untilText('Rolled production back to version 1.');
      expect(registry.sent).toEqual([
        {
          method: 'POST',
          path: '/workspaces/w/models/pt-dnn/aliases/production/roll-back',
          body: { expected: 2 }
        }
      ]);
    });

    it('tells what somebody else did meanwhile, and looks again', async () => {
      registry.refusal = new RequestError('model_alias', 'it stands for version 1, by bob', 'Look again.', 409);
      registry.aliases = [
        { alias: 'production', version: 1, previous: null, since: '2026-01-01T00:00:00Z', by: 'bob' }
      ];
      button('Roll production back to version 1').click();
      await untilText('it stands for version 1, by bob. Look again.');
      await until(() => expect(page.querySelector('.td-aliases')?.textContent).toContain('by bob'));
      expect(button('Roll production back to version 1')).toBeUndefined();
    });

    it('moves it to a version that is chosen, and not to where it is', async () => {
      const select = page.querySelector('select') as HTMLSelectElement;
      expect(button('Move').disabled).toBe(true);
      select.value = '1';
      select.dispatchEvent(new Event('change', { bubbles: true }));
      await until(() => expect(button('Move').disabled).toBe(false));
      button('Move').click();
      await untilText('Moved production to version 1.');
      expect(registry.sent).toEqual([
        {
          method: 'PUT',
          path: '/workspaces/w/models/pt-dnn/aliases/production',
          body: { version: 1, expected: 2 }
        }
      ]);
    });
  });

  it('is drawn anew when its run ends, and not with each of its news', async () => {
    let drawn = 0;
    Object.defineProperty(registry, 'reach', {
      get: () => {
        drawn++;
        return 'now';
      }
    });
    const model = new RunModel(registry, { workspace: 'w', run: RUN });
    render(<RegistrationCard model={model} />, page);
    await untilText('3 of 3');
    await untilText('The run goes on');
    const before = drawn;
    registry.tell({ state: { ...STATE, state: 'Running', display_name: 'one more' } });
    await untilText('Register one more');
    expect(drawn).toBe(before);
    registry.tell({ state: { ...STATE, state: 'Completed' } });
    await until(() => expect(page.textContent).not.toContain('The run goes on'));
  });

  it('keeps a notebook’s shortcuts from keys that are pressed in it, but for those in text', async () => {
    render(<RegistrationCard model={new RunModel(registry, { workspace: 'w', run: RUN })} />, page);
    await untilText('3 of 3');
    const box = page.querySelector('input[type="checkbox"]') as HTMLInputElement;
    for (const element of [button('Register'), box, labelled('Name')]) {
      element.focus();
    }
    const kept = [button('Register'), box, labelled('Name')].map(one => one.hasAttribute('data-lm-suppress-shortcuts'));
    expect(kept).toEqual([true, true, false]);
  });

  it('has nothing to click where nothing can be changed', async () => {
    registry.reach = 'never';
    registry.add('ants_1_bbbbbbbb');
    registry.aliases = [{ alias: 'production', version: 1, previous: 1, since: '2026-01-01T00:00:00Z', by: 'ann' }];
    show();
    await untilText('Nothing can be registered from here.');
    type('Name', 'pt-dnn');
    await untilText('by ann');
    expect(button('Register').disabled).toBe(true);
    expect(button('Roll production back to version 1')).toBeUndefined();
    expect(button('Move')).toBeUndefined();
  });

  it('says so where a run left nothing', async () => {
    registry.files = [];
    show();
    await untilText('What a script writes to ./outputs can be made a model.');
    expect(button('Register')).toBeUndefined();
  });

  it('asks for no model whose name none can have', async () => {
    show();
    await untilText('3 of 3');
    type('Name', '../runs');
    await new Promise(resolve => setTimeout(resolve, 400)); // what must not happen would have by then
    expect(registry.asked.filter(path => path.includes('runs%2F') || path.includes('../'))).toEqual([]);
    expect(page.textContent).not.toContain('Versions of');
  });
});

it('what somebody did to an alias is told in a sentence', () => {
  const move = { alias: 'production', by: 'ann', time: '2026-01-01T00:00:00Z', rolled_back: false };
  expect(told({ ...move, previous: null, version: 1 })).toBe('ann made version 1 production.');
  expect(told({ ...move, previous: 1, version: 2 })).toBe('ann moved production from version 1 to 2.');
  expect(told({ ...move, previous: 2, version: 1, rolled_back: true })).toBe(
    'ann rolled production back from version 2 to 1.'
  );
  expect(told({ ...move, previous: 1, version: null })).toBe('ann removed production, which was version 1.');
});

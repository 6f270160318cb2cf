import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Alias, ModelVersion } from '../../widgets/src/documents';
import { ModelNews } from '../../widgets/src/model/model_news';
import { type IRequestOptions, RequestError } from '../../widgets/src/sources/source';
import type { IHost } from '../../widgets/src/views/header';
import { ModelCard } from '../../widgets/src/views/models/model_card';
import { MODEL, RUN } from './documents';
import { FakeSource } from './sources';

const SHA = 'a1b2c3d4e5f6'.padEnd(64, '0');
const NASTY = '<img src=x onerror=alert(1)>';
const AT = '/workspaces/w/models/pt-dnn';

/** A registry with one model, which has two versions. */
class Registry extends FakeSource {
  versions: ModelVersion[] = [
    { ...MODEL, version: 2, id: 'pt-dnn:2', snapshot: SHA, environment: SHA, datasets: [NASTY], description: NASTY },
    { ...MODEL, run: null, aliases: ['production'] }
  ];
  aliases: Alias[] = [{ alias: 'production', version: 1, previous: 2, since: '2026-01-01T00:00:00Z', by: 'ann' }];
  refusal: RequestError | null = null;
  readonly sent: string[] = [];

  constructor() {
    super();
    this.answers.set(AT, () => {
      if (this.versions.length === 0) {
        throw new RequestError('model_not_found', 'there is no such model', '', 404);
      }
      return { name: 'pt-dnn', versions: this.versions, more: false };
    });
    this.answers.set(`${AT}/aliases`, () => ({ aliases: this.aliases }));
    this.answers.set(`${AT}/alias-history`, { moves: [], more: false });
    this.answers.set(`${AT}/versions/`, {
      root: 'net',
      folder: true,
      files: Array.from({ length: 120 }, (_, at) => ({ name: `part/${at}.bin`, size: 10, sha256: SHA }))
    });
    this.answers.set('/workspaces/w/runs/a', { ...RUN, spec: { script: 'train.py' } });
    this.answers.set('/workspaces/w/runs/a/metrics', { metrics: [] });
    this.answers.set('/workspaces/w/runs/a/snapshot', {
      id: SHA,
      entries: [{ path: 'train.py', kind: 'file', size: 3, mode: null, sha256: SHA, target: null }],
      total: 1,
      more: false
    });
    this.answers.set('/workspaces/w/environments', {
      environments: [
        { key: SHA, kind: 'venv', packages: ['torch==2.9'], size: 1, built: null, last_used: null, runs: 3 }
      ]
    });
  }

  override async request<T>(path: string, { method = 'GET', body }: IRequestOptions = {}): Promise<T> {
    if (method === 'GET') {
      return super.request<T>(path);
    }
    this.sent.push(`${method} ${path.slice(AT.length)} ${JSON.stringify(body)}`);
    if (this.refusal !== null) {
      throw this.refusal;
    }
    return {} as T;
  }

  override address(path: string): string {
    return `/api${path}`;
  }
}

describe('the card of a model', () => {
  let registry: Registry;
  let page: HTMLElement;
  let opened: string[];

  beforeEach(() => {
    registry = new Registry();
    opened = [];
    page = document.createElement('div');
    document.body.append(page);
  });

  afterEach(() => {
    render(null, page);
    page.remove();
  });

  const until = (check: () => void) => vi.waitFor(check, { timeout: 5000, interval: 10 });
  const untilText = (text: string) => until(() => expect(page.textContent).toContain(text));
  const button = (name: string) => {
    const found = [...page.querySelectorAll('button')].find(one =>
      [one.textContent, one.getAttribute('aria-label')].includes(name)
    );
    expect(found, name).toBeDefined();
    return found as HTMLButtonElement;
  };
  const click = (name: string) => act(() => button(name).click());
  const node = (text: string) =>
    [...page.querySelectorAll<HTMLElement>('.td-node')].find(one => one.textContent?.includes(text)) as HTMLElement;
  const show = async (host: IHost = {}) => {
    render(
      <ModelCard news={new ModelNews(registry, 'w', 'pt-dnn')} host={host} code={version => `load(${version})`} />,
      page
    );
    await untilText('120');
    await until(() => expect(node('bees')).toBeDefined());
  };
  const host: IHost = {
    openRun: (_, run) => opened.push(run),
    openSource: (_, run, path) => opened.push(`${path} of ${run}`)
  };

  it('takes no version that was registered from files for one of a run that is looked at', async () => {
    await show();
    expect(page.querySelector('table')?.textContent).toContain('files');
    expect(page.textContent).not.toContain('(this run)');
  });

  it('shows the newest version, and another one when it is chosen', async () => {
    await show();
    expect(page.querySelector('.td-version-details')?.getAttribute('aria-label')).toBe('Version 2');
    expect(page.textContent).toContain('load(2)');
    await click('Version 1');
    expect(button('Version 1').getAttribute('aria-pressed')).toBe('true');
    await untilText('load(1)');
    expect(page.textContent).toContain('registered from files, not from a run');
  });

  it('shows what people have written as text', async () => {
    await show();
    expect(page.querySelector('img')).toBeNull();
    expect(page.querySelector('.td-description')?.textContent).toBe(NASTY);
    expect(node(NASTY).title).toContain('data');
  });

  it('has a graph whose nodes open what they name', async () => {
    await show(host);
    expect([...page.querySelectorAll('.td-graph ul')].map(one => one.getAttribute('aria-label'))).toEqual([
      'Made from',
      'by the run',
      'the version'
    ]);
    expect(page.querySelectorAll('.td-edges path:not(.td-arrow)')).toHaveLength(3 + 1);
    node('bees').click();
    expect(opened).toEqual(['a']);

    await act(() => node('train.py').click());
    expect(node('train.py').getAttribute('aria-expanded')).toBe('true');
    await until(() => expect(page.querySelector('.td-source button')).not.toBeNull());
    page.querySelector<HTMLElement>('.td-source button')?.click();
    expect(opened).toEqual(['a', 'train.py of a']);

    await act(() => node('Environment').click());
    await untilText('torch==2.9');
    await act(() => node('Environment').click());
    expect(page.textContent).not.toContain('torch==2.9');
  });

  it('opens nothing that went with its run', async () => {
    registry.answers.set('/workspaces/w/runs/a', () => {
      throw new RequestError('run_not_found', 'there is no run', '', 404);
    });
    render(<ModelCard news={new ModelNews(registry, 'w', 'pt-dnn')} host={host} />, page);
    await untilText('Its run was deleted');
    expect(['a1b2c3d4e5f6', 'Run deleted'].map(text => node(text).tagName)).toEqual(['SPAN', 'SPAN']);
  });

  it('rolls an alias back, and removes one after it was asked', async () => {
    await show();
    await click('Roll production back to version 2');
    await until(() => expect(registry.sent).toEqual(['POST /aliases/production/roll-back {"expected":1}']));
    await until(() => expect(button('Remove production').disabled).toBe(false));
    await click('Remove production');
    await click('Remove it');
    await untilText('Removed production, which was version');
    expect(registry.sent[1]).toBe('DELETE /aliases/production?expected=1 undefined');
  });

  it('removes no alias that somebody else has moved meanwhile, and says so', async () => {
    await show();
    registry.refusal = new RequestError('model_alias', 'it stands for version 2, by bob', '', 409);
    registry.aliases = registry.aliases.map(one => ({ ...one, version: 2 }));
    await click('Remove production');
    await click('Remove it');
    await untilText('it stands for version 2, by bob');
    registry.refusal = null;
    await click('Remove production');
    await click('Remove it');
    await untilText('Removed production, which was version');
    expect(registry.sent).toEqual([1, 2].map(version => `DELETE /aliases/production?expected=${version} undefined`));
  });

  it('changes what was changed of description and tags, and nothing else', async () => {
    registry.versions = [{ ...(registry.versions[0] as ModelVersion), tags: { old: '1', kept: '2' } }];
    await show();
    await click('Change description and tags');
    await click('Remove tag old');
    await click('Save');
    await until(() => expect(registry.sent).toEqual(['PATCH /versions/2 {"tags":{"old":null}}']));
    await until(() => expect(button('Change description and tags')).toBeDefined());
  });

  it('keeps what was typed where it is refused, and says why', async () => {
    await show();
    registry.refusal = new RequestError('workspace_read_only', 'another host has it', 'Wait.', 409);
    await click('Change description and tags');
    const field = page.querySelector('.td-version-details textarea') as HTMLTextAreaElement;
    await act(() => {
      field.value = 'mine';
      field.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await click('Save');
    await untilText('another host has it. Wait.');
    expect(page.querySelector<HTMLTextAreaElement>('.td-version-details textarea')?.value).toBe('mine');
  });

  it('deletes no version that an alias stands for, and others after it was asked', async () => {
    await show();
    await click('Version 1');
    await until(() => expect(button('Delete version 1').disabled).toBe(true));
    expect(page.textContent).toContain('while production stands for it');
    await click('Version 2');
    await click('Delete version 2');
    expect(registry.sent).toEqual([]);
    registry.refusal = new RequestError('model_alias', 'staging stands for version 2', 'Move it.', 409);
    await click('Delete it with its files');
    await untilText('staging stands for version 2. Move it.');
    expect(registry.sent).toEqual(['DELETE /versions/2 undefined']);
  });

  it('offers each file for download, some at once', async () => {
    await show();
    const names = () => [...page.querySelectorAll('.td-files a')].map(one => one.getAttribute('aria-label'));
    expect([names().length, names()[0]]).toEqual([50, 'Download part/0.bin']);
    expect(page.querySelector('.td-files a')?.getAttribute('href')).toBe(
      `/api${AT}/versions/2/files/content?name=part%2F0.bin`
    );
    await click('Next');
    await click('Next');
    expect([names().length, names()[0]]).toEqual([20, 'Download part/100.bin']);
    expect(page.textContent).toContain('101 to 120 of 120');
  });

  it('shows what others change, and that the model is gone', async () => {
    await show();
    registry.versions[0] = { ...(registry.versions[0] as ModelVersion), description: 'theirs' };
    const changes = { changed_runs: [], runs: [], gone: [], reload: false };
    registry.tellList({ changes: { ...changes, models: ['other'] } });
    registry.tellList({ changes: { ...changes, models: ['pt-dnn'] } });
    await untilText('theirs');
    registry.versions = [];
    registry.tellList({ changes: { ...changes, models: ['pt-dnn'] } });
    await untilText('There is no model pt-dnn in this workspace.');
  });

  it('asks for nothing because of other models', async () => {
    await show();
    const asked = registry.asked.length;
    registry.tellList({ changes: { changed_runs: ['x'], runs: [], gone: [], reload: false, models: ['other'] } });
    expect(registry.asked).toHaveLength(asked);
  });
});

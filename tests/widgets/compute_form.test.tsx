import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ComputeForm } from '../../jupyter_ext/src/compute/compute_form';
import { type IRequestOptions, RequestError } from '../../widgets/src/sources/source';
import { API, COMPUTE, MACHINE } from './compute_documents';
import { FakeSource, traindockOf } from './sources';

const AT = '/workspaces/w/computes';

/** A server that makes compute targets. */
class Maker extends FakeSource {
  refusal: RequestError | null = null;
  warnings: string[] = [];
  readonly sent: string[] = [];

  constructor() {
    super();
    this.answers.set('/openapi', API);
    this.answers.set('/workspaces/w/machine', {
      ...MACHINE,
      engines: [{ address: 'unix:///run/docker.sock', kind: null, version: null, trouble: '' }]
    });
    this.answers.set(`${AT}/box`, {
      ...COMPUTE,
      kind: 'docker',
      settings: { max_nodes: 1, idle: 5, password: 'hidden' }
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
    return { ...COMPUTE, warnings: this.warnings } as T;
  }
}

describe('the form of a compute target', () => {
  const kept = new Map<string, unknown>();
  const drafts = {
    fetch: async (name: string) => kept.get(name),
    save: (name: string, draft: object) => void kept.set(name, JSON.parse(JSON.stringify(draft)))
  };
  let source: Maker;
  let page: HTMLElement;
  let done: string[];

  beforeEach(() => {
    source = new Maker();
    kept.clear();
    done = [];
    page = document.createElement('div');
    document.body.append(page);
  });

  afterEach(() => {
    render(null, page);
    page.remove();
  });

  const draw = (name: string | null): void =>
    render(
      <ComputeForm
        traindock={traindockOf(source)}
        drafts={drafts}
        workspace="w"
        name={name}
        onDone={({ name: made }) => void done.push(made)}
        onClose={() => void done.push('closed')}
      />,
      page
    );
  const show = async (name: string | null = null): Promise<void> => {
    draw(name);
    await vi.waitFor(() => expect(page.querySelector('form')).not.toBeNull());
  };
  const labelled = (text: string) => {
    const label = [...page.querySelectorAll('label')].find(one => one.textContent === text);
    expect(label, text).toBeDefined();
    return document.getElementById(label?.htmlFor ?? '') as HTMLInputElement;
  };
  const type = (text: string, value: string) =>
    act(() => {
      const field = labelled(text);
      field.value = value;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    });
  const save = async (): Promise<void> => {
    await act(async () => {
      page.querySelector('form')?.dispatchEvent(new Event('submit', { cancelable: true }));
    });
  };
  const choose = (kind: string) =>
    act(() =>
      [...page.querySelectorAll('label')]
        .find(one => one.textContent?.startsWith(kind))
        ?.querySelector('input')
        ?.click()
    );
  const beside = (text: string) =>
    document.getElementById(labelled(text).getAttribute('aria-describedby') ?? '')?.textContent ?? '';

  it('makes one with what was typed', async () => {
    await show();
    await type('Name', 'box');
    await type('Max nodes', '2');
    await save();
    expect(source.sent).toEqual(['POST  {"name":"box","kind":"local","settings":{"max_nodes":2}}']);
    expect(done).toEqual(['box']);
  });

  it('has what was typed once more after a reload, without secrets, until it is saved or closed', async () => {
    await show();
    await type('Name', 'box');
    await type('Max nodes', '2');
    act(() => render(null, page)); // whatever ends the page or the tab, what was typed last is kept
    await show();
    expect([labelled('Name').value, labelled('Max nodes').value]).toEqual(['box', '2']);
    expect(page.textContent).toContain('It is filled in as you left it.');
    await save();
    act(() => render(null, page));
    await show();
    expect([labelled('Name').value, labelled('Max nodes').value]).toEqual(['', '']);
  });

  it('keeps no secrets', async () => {
    await show('box');
    await type('Password', 'my secret');
    await type('Max nodes', '3');
    act(() => render(null, page));
    expect(kept.get('w/box')).toEqual({ name: '', kind: 'docker', typed: { max_nodes: '3' } });
  });

  it('has the settings of the kind that is chosen, each with its description', async () => {
    await show();
    expect(page.textContent).not.toContain('Read only');
    await choose('docker');
    expect(page.textContent).toContain('Read only');
    expect(beside('Max nodes')).toBe('How many; empty for one.');
    expect(labelled('Max nodes').placeholder).toBe('one');
    expect(beside('Memory')).toBe('As a text, or bytes; empty for that of “Max nodes”.');
    expect(labelled('Memory').placeholder).toBe('that of “Max nodes”');
    expect(labelled('Password').type).toBe('password');
  });

  it('sends nothing where a name or a value can be none, and shows which', async () => {
    await show();
    await type('Name', '-');
    await type('Max nodes', 'many');
    await save();
    expect(source.sent).toEqual([]);
    expect(beside('Max nodes')).toContain('“many” is no number.');
    expect(['Name', 'Max nodes'].map(one => labelled(one).getAttribute('aria-invalid'))).toEqual(['true', 'true']);
    await vi.waitFor(() => expect(document.activeElement).toBe(labelled('Name')));
  });

  it.each([
    ['max_nodes is a number of 1 or more, not 0', 'Max nodes'],
    ['the name "local" is reserved', 'Name']
  ])('shows beside its field why the server refuses (%s), and keeps what was typed', async (message, label) => {
    await show();
    source.refusal = new RequestError('user_error', message, '', 422);
    await type('Name', 'local');
    await type('Max nodes', '7');
    await save();
    await vi.waitFor(() => expect(beside(label)).toContain(message));
    expect([labelled('Name').value, labelled('Max nodes').value]).toEqual(['local', '7']);
    expect([page.querySelector('[role=alert]'), done]).toEqual([null, []]);
  });

  it('shows above all what is about no field', async () => {
    await show();
    source.refusal = new RequestError('unreachable', 'The Jupyter server does not answer.', 'Is it still running?');
    await type('Name', 'box');
    await save();
    await vi.waitFor(() => expect(page.querySelector('[role=alert]')?.textContent).toContain('does not answer. Is it'));
    expect(labelled('Name').value).toBe('box');
  });

  it('changes what was changed, and shows no secret', async () => {
    await show('box');
    expect([labelled('Max nodes').value, labelled('Idle').value, labelled('Password').value]).toEqual(['1', '5', '']);
    expect(page.innerHTML).not.toContain('hidden');
    await save();
    expect(page.querySelector('[role=alert]')?.textContent).toBe('Nothing was changed.');
    await type('Max nodes', '3');
    await save();
    expect(source.sent).toEqual(['PATCH /box {"settings":{"max_nodes":3}}']);
  });

  it('stays open with what its owner should know', async () => {
    source.warnings = ['this machine has fewer processors'];
    await show();
    await type('Name', 'box');
    await save();
    await vi.waitFor(() => expect(page.querySelector('[role=status]')?.textContent).toContain('fewer processors'));
    expect(done).toEqual([]);
    await type('Max nodes', '3');
    await save();
    expect(source.sent[1]).toContain('PATCH /box');
  });

  it('says that it does not know a kind of a newer version', async () => {
    source.answers.set(`${AT}/box`, { ...COMPUTE, kind: 'ray' });
    draw('box');
    await vi.waitFor(() => expect(page.textContent).toContain('does not know what “ray” can be set to'));
  });

  it('says why it cannot be told what can be set, and asks again', async () => {
    source.answers.set('/openapi', () => {
      throw new RequestError('unreachable', 'The Jupyter server does not answer.', 'Is it still running?');
    });
    draw(null);
    await vi.waitFor(() => expect(page.querySelector('[role=alert]')?.textContent).toContain('does not answer. Is it'));
    source.answers.set('/openapi', API);
    act(() => [...page.querySelectorAll('button')].find(one => one.textContent === 'Try again')?.click());
    await vi.waitFor(() => expect(labelled('Name').value).toBe(''));
  });
});

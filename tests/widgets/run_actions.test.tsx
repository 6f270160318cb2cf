import { nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { act } from 'preact/test-utils';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Insertion } from '../../jupyter_ext/src/insertion';
import { RunActions } from '../../jupyter_ext/src/sidebar/runs/run_actions';
import { askForTags, changesOf, type ITagsDraft, TagsBody } from '../../jupyter_ext/src/sidebar/runs/tags_dialog';
import type { ITabs } from '../../jupyter_ext/src/tokens';
import { type IRequestOptions, RequestError } from '../../widgets/src/sources/source';
import { runRow } from './run_rows';
import { FakeSource, traindockOf } from './sources';

interface IShown {
  title: string;
  body: Widget | string;
  buttons: { label: string; accept: boolean }[];
}

/** What was asked and told, and what is answered. */
const said = vi.hoisted(() => ({ shown: [] as string[], copied: '', sure: true, values: [] as unknown[] }));

vi.mock('@jupyterlab/ui-components', async () => (await import('./lab_parts')).uiComponents());
vi.mock('@jupyterlab/apputils', () => {
  const text = (body: Widget | string): string =>
    typeof body === 'string' ? body : [...body.node.children].map(one => one.textContent).join('\n');
  return {
    Clipboard: {
      copyToSystem: (copied: string) => {
        said.copied = copied;
      }
    },
    // something that a dialog of ours can extend
    Dialog: Object.assign(vi.fn(), {
      okButton: () => ({ label: 'Ok', accept: true }),
      cancelButton: () => ({ label: 'Cancel', accept: false }),
      warnButton: ({ label }: { label: string }) => ({ label, accept: true })
    }),
    Notification: {
      success: (message: string) => {
        said.shown.push(message);
      }
    },
    showDialog: async ({ title, body, buttons }: IShown) => {
      said.shown.push(`${title}\n${text(body)}`);
      return { button: said.sure ? buttons[buttons.length - 1] : buttons[0], value: said.values.shift() ?? null };
    },
    showErrorMessage: async (title: string, message: string) => {
      said.shown.push(`${title}\n${message}`);
    }
  };
});

/** What is filled in where tags are asked for. */
function draftOf(name: string, value: string, ...removed: string[]): ITagsDraft {
  return { removed: new Set(removed), name, value };
}

/** A server that notes what it is asked to do. */
class Server extends FakeSource {
  readonly done: string[] = [];

  override async request<T>(path: string, { method, body }: IRequestOptions = {}): Promise<T> {
    this.done.push([method ?? 'GET', path, body && JSON.stringify(body)].filter(Boolean).join(' '));
    return super.request(path);
  }
}

describe('what is done with runs', () => {
  let server: Server;
  let changes: number;
  let opened: string[];
  let inserted: string[];
  let actions: RunActions;
  const ended = runRow('a', { children: 2 });
  const going = runRow('b', { state: 'Running' });

  beforeEach(async () => {
    Object.assign(said, { shown: [], copied: '', sure: true, values: [] });
    server = new Server();
    server.answers.set('/workspaces', { workspaces: [{ id: 'w', name: 'mine', default: true, runs: 1 }] });
    server.answers.set('/workspaces/w/runs/', {});
    changes = 0;
    opened = [];
    inserted = [];
    const tabs = {
      openRun: ({ run }: { run: string }) => opened.push(run),
      openComparison: (_: string, runs: string[]) => opened.push(runs.join('+')),
      hasRoom: true,
      openTensorBoard: (_: string, runs: string[]) => opened.push(`${runs} in TensorBoard`),
      host: { openFolder: (path: string) => opened.push(path) }
    } as unknown as ITabs;
    const insertion = { insert: (code: string) => inserted.push(code) } as unknown as Insertion;
    const traindock = traindockOf(server);
    await traindock.workspaces.load();
    server.done.length = 0;
    actions = new RunActions(traindock, tabs, insertion, () => {
      changes += 1;
    });
  });

  it('opens, compares, copies, and puts a cell into the notebook', () => {
    actions.open('w', [ended, going]);
    actions.compare('w', [ended, going]);
    actions.copy([ended, going]);
    actions.insert([going]);
    expect(opened).toEqual(['a', 'b', 'a+b']);
    expect(said.copied).toBe('a\nb');
    expect(inserted[0]).toContain('Run.get(Workspace.get("mine"), "b")');
  });

  it('opens a TensorBoard of runs one of which has event files, and else says that there is nothing for it', async () => {
    server.answers.set('/workspaces/w/runs/a', { id: 'a', tensorboard: null });
    server.answers.set('/workspaces/w/runs/b', { id: 'b', tensorboard: { url: 'traindock/tensorboard/w/b/' } });
    await actions.openBoard('w', [ended]);
    expect(opened).toEqual([]);
    expect(said.shown[0]).toMatch(/nothing for TensorBoard\nThe run has written no event files:\n.*\nA script writes/s);
    await actions.openBoard('w', [ended, going]);
    expect(opened).toEqual(['a,b in TensorBoard']);
    server.answers.set('/workspaces/w/runs/a', () => {
      throw new RequestError('run_not_found', 'it was deleted');
    });
    await actions.openBoard('w', [ended, going]);
    expect(opened).toHaveLength(2);
  });

  it('says why a TensorBoard is not opened', async () => {
    server.request = async () => {
      throw new RequestError('run_not_found', 'there is no run a');
    };
    await actions.openBoard('w', [ended]);
    expect(said.shown[0]).toContain('TensorBoard cannot be opened');
    expect(opened).toEqual([]);
  });

  it('stops those that go on, once it was said so', async () => {
    said.sure = false;
    await actions.stop('w', [ended, going]);
    expect(server.done).toEqual([]);
    said.sure = true;
    await actions.stop('w', [ended, going]);
    expect(server.done).toEqual(['POST /workspaces/w/runs/b/cancel']);
    expect([said.shown[0], changes]).toEqual([expect.stringContaining('Stop 1 run?'), 1]);
  });

  it('resubmits, and says as what', async () => {
    server.answers.set('/workspaces/w/runs/a/resubmit', { run: runRow('c', { display_name: '', number: 7 }) });
    await actions.resubmit('w', [ended]);
    expect(server.done).toEqual([
      expect.stringMatching(/^POST \/workspaces\/w\/runs\/a\/resubmit \{"request_id":"\w+"\}$/)
    ]);
    expect(said.shown).toEqual(['Resubmitted: bees #7']);
  });

  it('asks for the same run again where no answer came, and then for another one', async () => {
    const path = '/workspaces/w/runs/a/resubmit';
    server.answers.set(path, () => {
      throw new RequestError('unreachable', 'no answer', '');
    });
    await actions.resubmit('w', [ended]);
    server.answers.set(path, { run: runRow('c') });
    await actions.resubmit('w', [ended]);
    await actions.resubmit('w', [ended]);
    const [first, again, next] = server.done;
    expect([again === first, next === first]).toEqual([true, false]);
  });

  it('asks for another run where no answer came, and nobody has asked again for ten minutes', async () => {
    server.answers.set('/workspaces/w/runs/a/resubmit', () => {
      throw new RequestError('unreachable', 'no answer', '');
    });
    const now = vi.spyOn(Date, 'now').mockReturnValue(0);
    for (const minute of [0, 9, 11]) {
      now.mockReturnValue(minute * 60_000);
      await actions.resubmit('w', [ended]);
    }
    now.mockRestore();
    const [first, again, next] = server.done;
    expect([again === first, next === first]).toEqual([true, false]);
  });

  it('deletes what has ended, naming what goes with it and what stays', async () => {
    await actions.remove('w', [ended, going]);
    expect(said.shown[0]).toMatch(/^Delete 1 run\?/);
    expect(said.shown[0]).toContain('Its metrics, logs and outputs go with it,');
    expect(said.shown[0]).toContain('2 parts go, too.');
    expect(said.shown[0]).toMatch(/• run a \(a\)\nThis one has not ended, and stays.*\n• run b \(b\)$/);
    expect(server.done).toEqual(['DELETE /workspaces/w/runs/a?with_children=true']);
  });

  it('deletes nothing that goes on, but what somebody else has submitted', async () => {
    await actions.remove('w', [going]);
    expect([server.done, said.shown[0]]).toEqual([[], expect.stringContaining('Nothing can be deleted yet')]);
    await actions.remove('w', [{ ...going, signed: false }]);
    expect(server.done).toHaveLength(1);
  });

  it('speaks of one run as of one', async () => {
    server.answers.set('/workspaces/w/runs/b/cancel', () => {
      throw new RequestError('unreachable', 'no answer');
    });
    await actions.stop('w', [going]);
    expect(said.shown[0]).toContain('What it has left until then is kept:');
    expect(said.shown[1]).toContain('The run cannot be stopped');
  });

  it('goes on where one is refused, and says which and why', async () => {
    server.answers.set('/workspaces/w/runs/a', () => {
      throw new RequestError('run_not_ended', 'run a has not ended', 'Cancel it.');
    });
    await actions.remove('w', [ended, runRow('d')]);
    expect(server.done).toHaveLength(2);
    expect(said.shown[1]).toBe('Some runs cannot be deleted\nrun a: run a has not ended. Cancel it.');
  });

  it('sets and removes tags of all', async () => {
    said.values = [draftOf('stage', 'best', 'old')];
    await actions.tag('w', [ended, going], new Map());
    const body = '{"tags":{"old":null,"stage":"best"}}';
    expect(server.done).toEqual([`PATCH /workspaces/w/runs/a ${body}`, `PATCH /workspaces/w/runs/b ${body}`]);
  });

  it('shows the folder of a run, and says where the server has none', async () => {
    server.answers.set('/workspaces/w/runs/a', { folder: 'runs/a' });
    await actions.reveal('w', ended);
    expect(opened).toEqual(['runs/a']);
    server.answers.set('/workspaces/w/runs/a', { folder: null });
    await actions.reveal('w', ended);
    expect(said.shown[0]).toContain('outside of the folder that this Jupyter server shows');
    server.answers.set('/workspaces/w/runs/a', { folder: null, hidden_folder: '.local/runs/a' });
    await actions.reveal('w', ended);
    expect(said.shown[1]).toContain('Jupyter hides .local/runs/a');
    expect(said.shown[1]).toContain('traindock show a');
    expect(opened).toHaveLength(1);
  });
});

describe('the question for tags', () => {
  const trans = nullTranslator.load('');
  beforeEach(() => {
    said.shown = [];
    said.sure = true;
  });

  it('removes what was pressed, and sets what was typed, with what is known offered', async () => {
    const rows = [runRow('a', { tags: { stage: 'x', seed: '1' } }), runRow('b', { tags: { seed: '2' } })];
    const body = new TagsBody(rows, new Map([['stage', new Set(['x', 'y'])]]), draftOf('', ''), trans);
    await act(async () => Widget.attach(body, document.body));
    const chips = [...body.node.querySelectorAll('button')];
    expect(chips.map(one => one.textContent)).toEqual(['seed=…', 'stage=x(1 of 2)']);
    await act(async () => chips[0]?.click());
    const [name, value] = [...body.node.querySelectorAll('input')];
    for (const [field, text] of [
      [name, 'stage'],
      [value, 'y']
    ] as const) {
      await act(async () => {
        Object.assign(field as HTMLInputElement, { value: text });
        field?.dispatchEvent(new Event('input', { bubbles: true }));
      });
    }
    expect(changesOf(body.getValue())).toEqual({ seed: null, stage: 'y' });
    expect([...body.node.querySelectorAll('option')].map(one => one.value)).toEqual(['stage', 'x', 'y']);
    body.dispose();
  });

  it('says of a value without a name that it needs one, until it has', async () => {
    const rows = [runRow('a', { tags: { seed: '1' } })];
    const body = new TagsBody(rows, new Map(), draftOf('  ', 'y', 'seed'), trans);
    await act(async () => Widget.attach(body, document.body));
    const [name, value] = [...body.node.querySelectorAll('input')];
    expect(body.node.querySelector('[role=alert]')?.textContent).toContain('Name the tag');
    expect([name?.getAttribute('aria-invalid'), value?.value]).toEqual(['true', 'y']);
    expect(body.node.querySelector('button')?.getAttribute('aria-pressed')).toBe('true');
    await act(async () => {
      Object.assign(name as HTMLInputElement, { value: 'stage' });
      name?.dispatchEvent(new Event('input', { bubbles: true }));
    });
    expect(body.node.querySelector('[role=alert]')).toBeNull();
    expect(changesOf(body.getValue())).toEqual({ seed: null, stage: 'y' });
    body.dispose();
  });

  it('is put again with what was filled in where a value has no name', async () => {
    said.values = [draftOf('', 'y'), draftOf('stage', 'y')];
    expect(await askForTags([runRow('a')], new Map(), trans)).toEqual({ stage: 'y' });
    expect(said.shown).toHaveLength(2);
    said.values = [draftOf('', 'y'), null];
    expect(await askForTags([runRow('a')], new Map(), trans)).toBeNull();
  });
});

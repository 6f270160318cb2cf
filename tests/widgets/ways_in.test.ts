import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Contents } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { saved } from '../../jupyter_ext/src/submit/ways_in';

const said = vi.hoisted(() => [] as string[]);

vi.mock('@jupyterlab/apputils', () => ({
  Dialog: {},
  Notification: { info: (text: string) => void said.push(text) },
  showDialog: async () => undefined,
  showErrorMessage: async (title: string, error: Error | string) =>
    void said.push(`${title}: ${error instanceof Error ? error.message : error}`)
}));

const trans = nullTranslator.load('');
const WAS_SAVED = 'train.py was saved, so that what you see is trained.';

/** A document in an editor, and what the server's disk has of it. */
class Edited {
  text = 'new';
  disk: unknown = 'old';
  type = 'file';
  dirty = true;
  collaborative = false;
  readonly asked: unknown[] = [];
  readonly save = vi.fn(async () => {
    this.dirty = false;
    if (!this.collaborative) {
      this.disk = this.text;
    }
  });

  saved(patience?: number): Promise<boolean> {
    const { save } = this;
    const model = {
      dirty: this.dirty,
      collaborative: this.collaborative,
      toString: () => this.text,
      toJSON: () => JSON.parse(this.text)
    };
    Object.defineProperty(model, 'dirty', { get: () => this.dirty });
    const context = {
      path: 'RTC:a/train.py',
      localPath: 'a/train.py',
      contentsModel: { type: this.type },
      model,
      save
    };
    const contents = {
      localPath: (path: string) => path.replace(/^RTC:/, ''),
      get: async (path: string, options: Contents.IFetchOptions) => {
        this.asked.push([path, options]);
        return { content: options.content ? this.disk : null };
      }
    };
    return saved(
      context as unknown as DocumentRegistry.Context,
      contents as unknown as Contents.IManager,
      trans,
      patience
    );
  }
}

describe('a document that is to be trained', () => {
  let edited: Edited;

  beforeEach(() => {
    said.length = 0;
    edited = new Edited();
  });

  it('is not saved where nothing in it was changed', async () => {
    edited.dirty = false;
    expect(await edited.saved()).toBe(true);
    expect([edited.save.mock.calls.length, said]).toEqual([0, []]);
  });

  it('is saved where something was, which is said', async () => {
    expect(await edited.saved()).toBe(true);
    expect([edited.disk, said, edited.asked]).toEqual(['new', [WAS_SAVED], []]);
  });

  it('is not trained where it cannot be saved, and the reason is said', async () => {
    edited.save.mockRejectedValue(new Error('the disk is full'));
    expect(await edited.saved()).toBe(false);
    expect(said).toEqual(['train.py is not saved, and so it is not trained: the disk is full']);
  });

  it.each(['ModalCancelError', 'ModalDuplicateError'])(
    'is not trained where somebody was asked about saving, and would not: %s',
    async name => {
      edited.save.mockRejectedValue(Object.assign(new Error('Cancel'), { name }));
      expect(await edited.saved()).toBe(false);
      expect(said).toEqual([]);
    }
  );

  it('is not trained where it is as changed as before, such as a notebook that was to be given a name', async () => {
    edited.save.mockResolvedValue(undefined);
    expect(await edited.saved()).toBe(false);
    expect(said).toEqual([]);
  });
});

describe('a document that several people edit, which the server saves', () => {
  let edited: Edited;

  beforeEach(() => {
    vi.useFakeTimers();
    said.length = 0;
    edited = new Edited();
    edited.collaborative = true;
  });

  afterEach(() => vi.useRealTimers());

  it('is saved once the disk has what the editor has', async () => {
    let done: boolean | undefined;
    void edited.saved().then(found => {
      done = found;
    });
    await vi.advanceTimersByTimeAsync(1000);
    expect([done, said, edited.save.mock.calls.length]).toEqual([undefined, [], 1]);
    edited.text = 'newer\nstill';
    edited.disk = 'new';
    await vi.advanceTimersByTimeAsync(1000);
    expect(done).toBeUndefined();
    edited.disk = 'newer\r\nstill';
    await vi.advanceTimersByTimeAsync(1000);
    expect([done, said]).toEqual([true, [WAS_SAVED]]);
    expect(edited.asked[0]).toEqual(['a/train.py', { type: 'file', format: 'text', content: true }]);
  });

  it('needs no saving where the disk has it, whether or not it counts as changed', async () => {
    edited.disk = 'new';
    expect(await edited.saved()).toBe(true);
    expect([edited.save.mock.calls.length, said]).toEqual([0, []]);
  });

  it('is waited for where it counts as saved and the disk has something else', async () => {
    edited.dirty = false;
    const done = edited.saved();
    await vi.advanceTimersByTimeAsync(500);
    edited.disk = 'new';
    await vi.advanceTimersByTimeAsync(500);
    expect([await done, said]).toEqual([true, [WAS_SAVED]]);
  });

  it('is not trained where the server does not write it, and what to do is said', async () => {
    const done = edited.saved(3000);
    await vi.advanceTimersByTimeAsync(4000);
    expect(await done).toBe(false);
    expect(said).toEqual([
      expect.stringMatching(
        /^train.py is not saved yet, and so it is not trained: .* within 3 seconds\. Train it again/
      )
    ]);
  });

  it('is a notebook whose cells are compared, however the file is written', async () => {
    const cell = { cell_type: 'code', source: 'a = 1\nb = 2', metadata: {}, outputs: [], id: 'x' };
    edited.type = 'notebook';
    edited.text = JSON.stringify({ cells: [cell], metadata: { trusted: true } });
    edited.disk = { cells: [{ ...cell, source: ['a = 1\n', 'b = 2'], outputs: [{}] }], nbformat: 4 };
    expect(await edited.saved()).toBe(true);
    expect(edited.asked).toEqual([['a/train.py', { type: 'notebook', content: true }]]);
    edited.disk = { cells: [{ ...cell, metadata: { tags: ['parameters'] } }] };
    const done = edited.saved(1000);
    await vi.advanceTimersByTimeAsync(2000);
    expect(await done).toBe(false);
  });
});

import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunModel } from '../../widgets/src/model/run_model';
import { RequestError } from '../../widgets/src/sources/source';
import { cells, Files } from '../../widgets/src/views/files';
import { useRun } from '../../widgets/src/views/hooks';
import { FakeSource } from './sources';

describe('the files of a run', () => {
  let source: FakeSource;
  let place: HTMLElement;
  const made = new Set<string>();
  let count = 0;

  function View({ model }: { model: RunModel }) {
    useRun(model);
    return <Files model={model} />;
  }

  async function open(name: string): Promise<void> {
    await vi.waitFor(() => expect(place.textContent).toContain(name));
    await act(async () => {
      [...place.querySelectorAll('button')].find(one => one.textContent === name)?.click();
    });
  }

  beforeEach(async () => {
    count = 0;
    vi.spyOn(URL, 'createObjectURL').mockImplementation(() => {
      const address = `blob:${++count}`;
      made.add(address);
      return address;
    });
    vi.spyOn(URL, 'revokeObjectURL').mockImplementation(address => {
      made.delete(address);
    });
    source = new FakeSource();
    const files = [
      { name: 'outputs/a.png', size: 10 },
      { name: 'outputs/huge.png', size: 30_000_000 },
      { name: 'outputs/none.txt', size: 0 },
      { name: 'outputs/emptied.txt', size: 9 }
    ];
    source.answers.set('/workspaces/w/runs/r', {});
    source.answers.set('/workspaces/w/runs/r/files', { files, total: 4, more: false });
    source.answers.set('/workspaces/w/runs/r/files/content', new Uint8Array([1]));
    place = document.createElement('div');
    await act(async () => {
      render(<View model={new RunModel(source, { workspace: 'w', run: 'r' })} />, place);
    });
  });

  afterEach(() => {
    render(null, place);
    vi.restoreAllMocks();
  });

  it('hold a picture once, however often they are drawn, and give it back when it is closed', async () => {
    await open('outputs/a.png');
    await vi.waitFor(() => expect(place.querySelector('img')?.src).toBe('blob:1'));
    for (let at = 0; at < 3; at++) {
      await act(async () => source.tell('r', {}));
    }
    expect([count, made.size]).toEqual([1, 1]);
    await open('outputs/a.png');
    expect([count, made.size]).toEqual([1, 0]);
  });

  it('show no picture that is very large, and read none of it', async () => {
    await open('outputs/huge.png');
    expect(place.textContent).toContain('outputs/huge.png has 30 MB: too much to be shown here.');
    expect(source.asked.filter(path => path.includes('/content'))).toEqual([]);
  });

  it.each(['none', 'emptied'])('say of one that has nothing in it that it is empty: %s', async name => {
    source.answers.set('/workspaces/w/runs/r/files/content', () => {
      throw new RequestError('range_not_satisfiable', "Range is 'bytes=0-199999', and the file has 0 bytes");
    });
    await open(`outputs/${name}.txt`);
    await vi.waitFor(() => expect(place.textContent).toContain('The file is empty.'));
  });

  it('are asked for again by a click where nobody answered', async () => {
    const files = source.answers.get('/workspaces/w/runs/r/files');
    source.answers.set('/workspaces/w/runs/r/files', () => {
      throw new RequestError('refused', 'The server is starting.');
    });
    render(null, place);
    await act(async () => {
      render(<View model={new RunModel(source, { workspace: 'w', run: 'r' })} />, place);
    });
    await vi.waitFor(() => expect(place.textContent).toContain('The server is starting.'));
    source.answers.set('/workspaces/w/runs/r/files', files);
    await open('Look again');
    await vi.waitFor(() => expect(place.textContent).toContain('outputs/a.png'));
  });

  it('say why one cannot be read', async () => {
    source.answers.set('/workspaces/w/runs/r/files/content', () => {
      throw new RequestError('file_not_found', 'There is no such file.');
    });
    await open('outputs/emptied.txt');
    await vi.waitFor(() => expect(place.textContent).toContain('There is no such file.'));
  });
});

describe('a table', () => {
  it('has quotes within a cell as they are, and what follows a quoted cell', () => {
    expect(cells('5" disk,x\n"a"b,"c, ""d"""\n', ',')).toEqual([
      ['5" disk', 'x'],
      ['ab', 'c, "d"']
    ]);
  });

  it('is cut within a quoted cell without losing it', () => {
    expect(cells('a,b\n1,"half of', ',')).toEqual([
      ['a', 'b'],
      ['1', '"half of']
    ]);
  });

  it('has lines that end in any of three ways, and empty cells', () => {
    expect(cells('a\t\r\n\tb\rc\td\n', '\t')).toEqual([
      ['a', ''],
      ['', 'b'],
      ['c', 'd']
    ]);
  });
});

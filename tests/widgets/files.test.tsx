import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunModel } from '../../widgets/src/model/run_model';
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
      { name: 'outputs/huge.png', size: 30_000_000 }
    ];
    source.answers.set('/workspaces/w/runs/r', {});
    source.answers.set('/workspaces/w/runs/r/files', { files, total: 2, more: false });
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

import { describe, expect, it } from 'vitest';
import { changesBetween, diffOf, type FileDiff, type IEntry, linesBetween, treeOf } from '../../widgets/src/model/code';
import { FakeSource } from './sources';

function file(path: string, sha256: string, more: Partial<IEntry> = {}): IEntry {
  return { path, kind: 'file', size: 10, mode: '0644', sha256, target: null, ...more };
}

function tree(...entries: IEntry[]) {
  return { id: entries.map(entry => entry.sha256).join(), entries, total: entries.length };
}

function text(diff: FileDiff): string[] {
  return 'note' in diff ? [diff.note] : diff.lines.map(line => `${line.kind} ${line.text}`);
}

const [before, after] = [
  { workspace: 'w', run: 'a' },
  { workspace: 'w', run: 'b' }
];

describe('the difference of two source folders', () => {
  it('is told by the hashes of their files', () => {
    const changes = changesBetween(
      tree(file('a.py', '1'), file('b.py', '2'), file('c.py', '3')),
      tree(file('b.py', '2'), file('c.py', '4'), file('d.py', '5'))
    );
    expect(changes.map(({ path, kind }) => [path, kind])).toEqual([
      ['a.py', 'removed'],
      ['c.py', 'changed'],
      ['d.py', 'added']
    ]);
  });

  it('has links that lead elsewhere, and modes', () => {
    const link = (target: string) => file('l', '', { kind: 'link', sha256: null, target });
    const changes = changesBetween(tree(link('a'), file('x', '1')), tree(link('b'), file('x', '1', { mode: '0755' })));
    expect(changes.map(({ path }) => path)).toEqual(['l', 'x']);
  });

  it('asks for all pages of a tree', async () => {
    const source = new FakeSource();
    const page = (path: string) => {
      const offset = Number(/offset=(\d+)/.exec(path)?.[1]);
      return { id: 'x', total: 1500, entries: Array(offset ? 500 : 1000).fill(file('a', '1')), more: offset === 0 };
    };
    source.answers.set('/workspaces/w/runs/a/snapshot', page);
    expect((await treeOf(source, before)).entries).toHaveLength(1500);
  });

  it('looks at no more of a tree than a page can bear, and knows what it has left out', async () => {
    const source = new FakeSource();
    const page = { id: 'x', total: 1_000_000, entries: Array(1000).fill(file('a', '1')), more: true };
    source.answers.set('/workspaces/w/runs/a/snapshot', page);
    const found = await treeOf(source, before);
    expect([found.entries.length, found.total]).toEqual([10_000, 1_000_000]);
  });
});

describe('the difference of two files', () => {
  const change = { path: 'a b.py', kind: 'changed', before: file('a b.py', '1'), after: file('a b.py', '2') } as const;

  function sourceOf(old: string | Uint8Array, now: string | Uint8Array): FakeSource {
    const source = new FakeSource();
    source.answers.set('/workspaces/w/runs/a/snapshot/content?name=a+b.py', old);
    source.answers.set('/workspaces/w/runs/b/snapshot/content?name=a+b.py', now);
    return source;
  }

  it('has the lines that changed, numbered on both sides, and three around them', () => {
    const lines = (wanted: string) => ['1', '2', '3', '4', wanted, '6', '7', '8', '9', ''].join('\n');
    const diff = linesBetween(lines('old'), lines('new'));
    expect(text(diff)).toEqual([
      'gap Line 2',
      'same 2',
      'same 3',
      'same 4',
      'removed old',
      'added new',
      'same 6',
      'same 7',
      'same 8'
    ]);
    expect(diff).toMatchObject({ added: 1, removed: 1, cut: false });
    expect('lines' in diff && diff.lines[5]).toMatchObject({ before: null, after: 5 });
  });

  it('is of the text that each run was submitted with', async () => {
    const diff = await diffOf(sourceOf('a\n', 'b\n'), before, after, change);
    expect(text(diff)).toEqual(['gap Line 1', 'removed a', 'added b']);
  });

  it('of a file that only one has is all of it', async () => {
    const added = { path: 'a b.py', kind: 'added', before: undefined, after: file('a b.py', '2') } as const;
    expect(text(await diffOf(sourceOf('', 'x\ny\n'), before, after, added))).toEqual([
      'gap Line 1',
      'added x',
      'added y'
    ]);
  });

  it.each([
    ['a byte that no text has', new Uint8Array([0xff, 0xfe, 1])],
    ['a zero', 'a\0b']
  ])('is not told by lines where there is %s', async (_, content) => {
    expect(text(await diffOf(sourceOf(content, 'b\n'), before, after, change))).toEqual([
      'No text: the contents differ.'
    ]);
  });

  it('asks for no file that is too large', async () => {
    const source = sourceOf('', '');
    const large = { ...change, after: file('a b.py', '2', { size: 5_000_000 }) };
    expect(text(await diffOf(source, before, after, large))[0]).toContain('Too large');
    expect(source.asked).toEqual([]);
  });

  it('is cut where it is longer than anybody reads', () => {
    const diff = linesBetween('', Array(5000).fill('x').join('\n'));
    expect(diff).toMatchObject({ cut: true, added: 5000 });
    expect(text(diff)).toHaveLength(2000);
  });

  it('of modes alone is a note', async () => {
    const mode = { ...change, after: file('a b.py', '1', { mode: '0755' }) };
    expect(text(await diffOf(sourceOf('', ''), before, after, mode))).toEqual(['Same content; mode 0644 → 0755.']);
  });
});

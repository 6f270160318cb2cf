import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunModel } from '../../widgets/src/model/run_model';
import type { IRequestOptions } from '../../widgets/src/sources/source';
import { Files } from '../../widgets/src/views/files';
import { FakeSource } from './sources';

const FILES = '/workspaces/w/runs/a/files';

describe('the files of a run', () => {
  let source: FakeSource;
  let place: HTMLElement;
  const names = () => [...place.querySelectorAll('tbody tr td:first-child')].map(one => one.textContent);

  async function show(...files: string[]): Promise<void> {
    source.answers.set(FILES, { files: files.map(name => ({ name, size: 7 })), total: files.length, more: false });
    await act(() => {
      render(<Files model={new RunModel(source, { workspace: 'w', run: 'a' })} />, place);
    });
    await vi.waitFor(() => expect(names()).toEqual(files));
  }

  async function press(name: string): Promise<void> {
    await act(async () => {
      [...place.querySelectorAll('button')].find(one => one.textContent === name)?.click();
    });
  }

  beforeEach(() => {
    source = new FakeSource();
    place = document.createElement('div');
  });

  afterEach(() => {
    render(null, place);
    vi.restoreAllMocks();
  });

  it('are of the page that is looked at, also where an answer about another one comes late', async () => {
    const page = (name: string) => ({ files: [{ name, size: 7 }], total: 400, more: true });
    const asked = vi.spyOn(source, 'request');
    let answer: (page: unknown) => void = () => undefined;
    source.answers.set(FILES, page('outputs/first'));
    await act(() => {
      render(<Files model={new RunModel(source, { workspace: 'w', run: 'a' })} />, place);
    });
    await vi.waitFor(() => expect(names()).toEqual(['outputs/first']));
    source.answers.set(`${FILES}?limit=200&offset=200`, () => new Promise(done => (answer = done)));
    await press('Next');
    source.answers.set(FILES, page('outputs/first again'));
    await press('Previous');
    await vi.waitFor(() => expect(names()).toEqual(['outputs/first again']));
    await act(async () => {
      answer(page('outputs/second'));
      await asked.mock.results[1]?.value;
    });
    expect(names()).toEqual(['outputs/first again']);
  });

  it('can be looked at as pictures, tables and texts', async () => {
    await show('outputs/a.png', 'outputs/b.svg', 'outputs/c.CSV', 'outputs/d.txt', 'outputs/e.pt');
    expect([...place.querySelectorAll('td:first-child button')].map(one => one.textContent)).toEqual([
      'outputs/a.png',
      'outputs/b.svg',
      'outputs/c.CSV',
      'outputs/d.txt'
    ]);
  });

  it('are pictures as SVG as well, in an image, where its scripts are never executed', async () => {
    const made = vi.spyOn(URL, 'createObjectURL');
    await show('outputs/a.SVG');
    source.answers.set(`${FILES}/content`, '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
    await press('outputs/a.SVG');
    await vi.waitFor(() => expect(place.querySelector('img')?.src).toMatch(/^blob:/));
    expect(made.mock.calls.map(([blob]) => (blob as Blob).type)).toEqual(['image/svg+xml']);
    expect(place.querySelector('svg, script')).toBeNull();
  });

  it.each([
    ['csv', ','],
    ['tsv', '\t']
  ])('have their first rows shown where they are tables such as %s', async (ending, separator) => {
    await show(`outputs/a.${ending}`);
    const rows = Array.from({ length: 201 }, (_, at) => `${at}${separator}"x, y"`);
    source.answers.set(`${FILES}/content`, [`at${separator}name`, ...rows].join('\n'));
    await press(`outputs/a.${ending}`);
    const cells = (part: string) => [...place.querySelectorAll(`.td-preview ${part}`)].map(one => one.textContent);
    await vi.waitFor(() => expect(cells('th')).toEqual(['at', 'name']));
    expect(cells('tbody tr:nth-child(2) td')).toEqual(['1', 'x, y']);
    expect(cells('tbody tr')).toHaveLength(200);
    expect(place.textContent).toContain('The first 200 rows.');
  });

  it('are read by no more than their beginning where they are texts', async () => {
    const read = vi.spyOn(source, 'bytes');
    await show('logs/stdout.txt');
    source.answers.set(`${FILES}/content`, '<b>one');
    await press('logs/stdout.txt');
    await vi.waitFor(() => expect(place.querySelector('pre')?.textContent).toBe('<b>one'));
    expect(read).toHaveBeenCalledWith(
      `${FILES}/content?name=logs%2Fstdout.txt`,
      expect.objectContaining({ headers: { Range: 'bytes=0-199999' } })
    );
  });

  describe('that are longer than what a preview reads', () => {
    const SHOWN = 200_000;
    const preview = () => place.querySelector('.td-files')?.lastElementChild?.textContent;

    /** Have a file of so many bytes in the list, of which the server sends the beginning. */
    async function open(name: string, size: number, text: string, modified = '1'): Promise<void> {
      await list(name, size, text, modified);
      await press(name);
    }

    async function list(name: string, size: number, text: string, modified: string): Promise<void> {
      await show(name);
      source.answers.set(FILES, { files: [{ name, size, modified }], total: 1, more: false });
      source.answers.set(`${FILES}/content`, new TextEncoder().encode(text).slice(0, SHOWN));
      await press('Look again');
    }

    it('say so, and have no half of a last character', async () => {
      await open('logs/stdout.txt', 5_000_000, `${'x'.repeat(SHOWN - 1)}ä`);
      await vi.waitFor(() => expect(place.querySelector('pre')?.textContent).toBe('x'.repeat(SHOWN - 1)));
      expect(preview()).toBe('The first 200 kB of 5.0 MB.');
    });

    it('say so where they have grown since they were listed', async () => {
      await open('logs/stdout.txt', 10, 'x'.repeat(SHOWN));
      await vi.waitFor(() => expect(preview()).toBe('The first 200 kB.'));
    });

    it('have no half of a last row', async () => {
      const row = `${`${'1'.repeat(999)},`.repeat(20)}\n`;
      await open('outputs/wide.csv', 5_000_000, row.repeat(200));
      await vi.waitFor(() => expect(preview()).toBe('The first 200 kB of 5.0 MB.'));
      const rows = [...place.querySelectorAll('.td-preview tbody tr')];
      expect(rows.map(one => one.children.length)).toEqual(new Array(8).fill(21)); // the last one is empty
    });

    it('say nothing where they are no longer', async () => {
      await open('logs/stdout.txt', SHOWN, 'x'.repeat(SHOWN));
      await vi.waitFor(() => expect(place.querySelector('pre')).not.toBeNull());
      expect(preview()).toBe('x'.repeat(SHOWN));
    });

    it('are read again where they were written anew, be it to the same length', async () => {
      await open('outputs/a.json', 7, 'epoch 1');
      await vi.waitFor(() => expect(preview()).toBe('epoch 1'));
      await list('outputs/a.json', 7, 'epoch 2', '2');
      await vi.waitFor(() => expect(preview()).toBe('epoch 2'));
      const read = source.asked.filter(path => path.includes('/content')).length;
      await press('Look again');
      await vi.waitFor(() => expect(names()).toEqual(['outputs/a.json']));
      expect(source.asked.filter(path => path.includes('/content'))).toHaveLength(read);
    });
  });

  it('are pictures also where a kernel sends them, which sends no large one at once', async () => {
    const made = vi.spyOn(URL, 'createObjectURL');
    const image = new Uint8Array(5_000_000).map((_, at) => at % 251);
    vi.spyOn(source, 'bytes').mockImplementation(async (_: string, { headers }: IRequestOptions = {}) => {
      const [, begin, end] = /^bytes=(\d+)-(\d+)$/.exec(headers?.Range ?? '') ?? [0, 0, image.length];
      const piece = image.slice(Number(begin), Number(end) + 1);
      if (piece.length > 4 << 20) {
        throw new Error('a kernel sends 4,194,304 at once at most');
      }
      return piece.buffer as ArrayBuffer;
    });
    await show('outputs/a.png');
    await press('outputs/a.png');
    await vi.waitFor(() => expect(place.querySelector('img')?.src).toMatch(/^blob:/));
    const [blob] = made.mock.calls[0] as [Blob];
    const found = new Uint8Array(await blob.arrayBuffer());
    expect(found.length === image.length && found.every((byte, at) => byte === image[at])).toBe(true);
  });

  it('are pictures in one piece where a server sends them', async () => {
    vi.spyOn(source, 'address').mockImplementation(path => `https://here${path}`);
    const read = vi.spyOn(source, 'bytes');
    await show('outputs/a.png');
    source.answers.set(`${FILES}/content`, new Uint8Array([137]));
    await press('outputs/a.png');
    await vi.waitFor(() => expect(place.querySelector('img')?.src).toMatch(/^blob:/));
    expect(read.mock.calls.map(([, options]) => options?.headers)).toEqual([undefined]);
  });

  it('take no memory of the page once their pictures are looked at no more', async () => {
    const made = vi.spyOn(URL, 'createObjectURL');
    const given = vi.spyOn(URL, 'revokeObjectURL');
    await show('outputs/a.png');
    source.answers.set(`${FILES}/content`, new Uint8Array([137]));
    await press('outputs/a.png');
    await vi.waitFor(() => expect(place.querySelector('img')?.src).toMatch(/^blob:/));
    await act(() => {
      place.querySelector('img')?.dispatchEvent(new Event('load'));
    });
    await press('outputs/a.png');
    expect(place.querySelector('img')).toBeNull();
    expect(made).toHaveBeenCalled();
    expect(given.mock.calls.flat().sort()).toEqual(made.mock.results.map(one => one.value).sort());
  });
});

import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunModel } from '../../widgets/src/model/run_model';
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

  it('can be looked at as pictures, tables and texts, but not as SVG, which holds scripts', async () => {
    await show('outputs/a.png', 'outputs/b.svg', 'outputs/c.CSV', 'outputs/d.txt', 'outputs/e.pt');
    expect([...place.querySelectorAll('td:first-child button')].map(one => one.textContent)).toEqual([
      'outputs/a.png',
      'outputs/c.CSV',
      'outputs/d.txt'
    ]);
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

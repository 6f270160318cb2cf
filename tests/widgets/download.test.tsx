import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunModel } from '../../widgets/src/model/run_model';
import { type IRequestOptions, RequestError } from '../../widgets/src/sources/source';
import { Download } from '../../widgets/src/views/download';
import { FakeSource } from './sources';

const PIECE = 2 << 20;

describe('a file of a run', () => {
  let source: FakeSource;
  let place: HTMLElement;
  let saved: { name: string; content: Blob }[];

  async function show(size: number): Promise<void> {
    await act(() => {
      const model = new RunModel(source, { workspace: 'w', run: 'a' });
      render(
        <Download model={model} name="outputs/net.pt" size={size}>
          Download
        </Download>,
        place
      );
    });
  }

  async function press(): Promise<void> {
    await act(async () => place.querySelector('button')?.click());
  }

  /** Have the kernel send a file as it sends any: the range that is asked for, as far as there is one. */
  function kernelHas(content: Uint8Array): ReturnType<typeof vi.spyOn> {
    vi.spyOn(source, 'address').mockReturnValue(null);
    return vi.spyOn(source, 'bytes').mockImplementation(async (_: string, options: IRequestOptions = {}) => {
      const [, begin, end] = /^bytes=(\d+)-(\d+)$/.exec(options.headers?.Range ?? '') ?? [];
      return content.slice(Number(begin), Number(end) + 1).buffer as ArrayBuffer;
    });
  }

  beforeEach(() => {
    source = new FakeSource();
    place = document.createElement('div');
    saved = [];
    let made: Blob;
    vi.spyOn(URL, 'createObjectURL').mockImplementation(blob => {
      made = blob as Blob;
      return 'blob:made';
    });
    vi.spyOn(URL, 'revokeObjectURL').mockReturnValue();
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      saved.push({ name: this.download, content: made });
    });
  });

  afterEach(() => {
    render(null, place);
    vi.restoreAllMocks();
  });

  it('is downloaded by the browser where it has an address', async () => {
    vi.spyOn(source, 'address').mockImplementation(path => `https://here${path}`);
    await show(7);
    const link = place.querySelector('a') as HTMLAnchorElement;
    expect(link.href).toBe('https://here/workspaces/w/runs/a/files/content?name=outputs%2Fnet.pt');
    expect(link.download).toBe('net.pt');
  });

  it.each([0, 7, PIECE, 2 * PIECE + 7])(
    'of %i bytes comes from the kernel in pieces, and is saved whole',
    async size => {
      const content = new Uint8Array(size).map((_, at) => at % 251);
      const asked = kernelHas(content);
      await show(size);
      await press();
      await vi.waitFor(() => expect(saved.map(one => one.name)).toEqual(['net.pt']));
      const found = new Uint8Array((await saved[0]?.content.arrayBuffer()) ?? []);
      // not toEqual, which takes seconds for so many numbers
      expect(found.length === content.length && found.every((byte, at) => byte === content[at])).toBe(true);
      expect(asked).toHaveBeenCalledTimes(Math.floor(size / PIECE) + 1);
      expect(place.textContent).toBe('Download');
    }
  );

  it('is not saved once it was canceled, or the card is gone', async () => {
    for (const end of [press, async () => act(() => render(null, place))]) {
      let signal: AbortSignal | undefined;
      let answer: (piece: ArrayBuffer) => void = () => undefined;
      vi.spyOn(source, 'address').mockReturnValue(null);
      vi.spyOn(source, 'bytes').mockImplementation((_, options) => {
        signal = options?.signal;
        return new Promise(done => (answer = done));
      });
      await show(7);
      await press();
      expect(place.textContent).toBe('0 B of 7 B, cancel');
      await end();
      expect(signal?.aborted).toBe(true);
      await act(async () => answer(new ArrayBuffer(7)));
    }
    expect(saved).toEqual([]);
  });

  it('that the kernel refuses says why, and can be asked for again', async () => {
    const asked = kernelHas(new Uint8Array(7));
    asked.mockRejectedValueOnce(new RequestError('file_not_found', 'there is no such file', 'Look again.'));
    await show(7);
    await press();
    await vi.waitFor(() =>
      expect(place.querySelector('[role=alert]')?.textContent).toBe(' there is no such file. Look again.')
    );
    await press();
    await vi.waitFor(() => expect(saved).toHaveLength(1));
    expect(place.querySelector('[role=alert]')).toBeNull();
  });

  it('that is too large for a page says what to do instead', async () => {
    kernelHas(new Uint8Array(7));
    await show(600_000_000);
    expect(place.querySelector('button')).toBeNull();
    expect(place.querySelector('[title]')?.getAttribute('title')).toContain('run.download_file("outputs/net.pt")');
  });
});

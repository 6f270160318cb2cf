import { beforeEach, describe, expect, it } from 'vitest';
import { WatchedSource } from '../../jupyter_ext/src/watched_source';
import type { RunMessage } from '../../widgets/src/documents';
import { RequestError, type RunListener, type Source } from '../../widgets/src/sources/source';

const error = (code: string) => ({ code, message: '', advice: '' });

describe('a server that is watched for whether it knows what is shown', () => {
  let known: boolean[];
  let seen: RunMessage[];
  let tell: RunListener['onMessage'];
  let refusal: string;
  let source: WatchedSource;

  beforeEach(() => {
    known = [];
    seen = [];
    const server = {
      follow: (_: unknown, listener: RunListener) => {
        tell = message => listener.onMessage(message);
        return () => undefined;
      },
      request: () => Promise.reject(new RequestError(refusal, ''))
    };
    source = new WatchedSource(server as unknown as Source, one => known.push(one));
    source.follow(
      { workspace: 'w', run: 'r' },
      { onMessage: message => seen.push(message), onConnection: () => undefined }
    );
  });

  it('does, as soon as it tells of it', () => {
    tell({ cursor: '1' });
    expect(known).toEqual([true]);
    expect(seen).toEqual([{ cursor: '1' }]);
  });

  it('does where the run alone was deleted: no kernel would find it either', () => {
    tell({ error: error('run_not_found') });
    expect(known).toEqual([true]);
  });

  it('does not where the workspace is unknown, and who follows is told so, too', () => {
    tell({ error: error('workspace_not_found') });
    expect(known).toEqual([false]);
    expect(seen).toHaveLength(1);
  });

  it.each([
    ['no_extension', [false]],
    ['unreachable', []]
  ])('tells by a refusal for %s what it tells', async (code, told) => {
    refusal = code;
    await expect(source.request('/')).rejects.toThrow(RequestError);
    expect(known).toEqual(told);
  });
});

import { describe, expect, it } from 'vitest';
import { asPython, Versions } from '../../jupyter_ext/src/versions';
import { RequestError, type Source } from '../../widgets/src/sources/source';
import { UNTRANSLATED } from '../../widgets/src/translation';

const server = (answer: () => unknown) => ({ request: async () => answer() }) as unknown as Pick<Source, 'request'>;

describe('the versions of a page and its server', () => {
  it('are no matter while they are the same', async () => {
    const versions = new Versions(UNTRANSLATED, '0.2.0');
    await versions.check(server(() => ({ version: '0.2.0' })));
    expect(versions.note).toBe('');
  });

  it('are told where they differ, with what to do, until a server comes that has the same', async () => {
    const versions = new Versions(UNTRANSLATED, '0.2.0');
    const notes: string[] = [];
    versions.observe(() => notes.push(versions.note));
    await versions.check(server(() => ({ version: '0.3.0' })));
    await versions.check(server(() => ({ version: '0.2.0' })));
    expect(notes[0]).toMatch(/version 0\.2\.0 of Traindock, and the Jupyter server 0\.3\.0: .*Reload the page/);
    expect(notes[1]).toBe('');
  });

  it('are not asked for twice where the server cannot say', async () => {
    const versions = new Versions(UNTRANSLATED, '0.2.0');
    await versions.check(
      server(() => {
        throw new RequestError('no_extension', 'no such extension');
      })
    );
    expect(versions.note).toBe('');
  });

  it.each([
    ['0.1.0', '0.1.0'],
    ['0.2.0-beta.1', '0.2.0b1'],
    ['0.2.0-rc.12', '0.2.0rc12']
  ])('are written as Python does: %s as %s', (name, python) => {
    expect(asPython(name)).toBe(python);
  });
});

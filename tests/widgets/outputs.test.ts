import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { VNode } from 'preact';
import { describe, expect, it } from 'vitest';
import { type IPage, MIME_TYPES, shownBy } from '../../jupyter_ext/src/shown';
import { UNTRANSLATED } from '../../widgets/src/translation';
import type { IHost } from '../../widgets/src/views/header';
import { FakeSource } from './sources';

const mimeOf = (name: string): string => `application/vnd.traindock.${name}+json`;
const RUN = mimeOf('run');
const REGISTRATION = mimeOf('registration');
const COMPARISON = mimeOf('comparison');
const RUNS = mimeOf('runs');
const W = '0123456789abcdef0123456789abcdef';

/** What an output shows, by its key; or what is said instead. */
function shown(mime: string, ids: unknown, version: unknown = 1): string {
  const found = shownBy(
    mime,
    {
      data: { [mime]: { version } },
      metadata: { [mime]: ids }
    } as unknown as IRenderMime.IMimeModel,
    UNTRANSLATED
  );
  return typeof found === 'string' ? found : `key ${found.key}`;
}

/** What the card of an output gets of the page where the output names a widget as well. */
function hostOf(widget: unknown): IHost {
  const found = shownBy(
    RUN,
    {
      data: { [RUN]: { version: 1 }, 'application/vnd.jupyter.widget-view+json': { model_id: widget } },
      metadata: { [RUN]: { workspace: W, run: 'a' } }
    } as unknown as IRenderMime.IMimeModel,
    UNTRANSLATED
  );
  if (typeof found === 'string') {
    throw new Error(found);
  }
  const page = { source: new FakeSource(), host: {}, kernels: {} } as unknown as IPage;
  return (found.view(page) as VNode<{ host: IHost }>).props.host;
}

describe('an output of a notebook', () => {
  it('names what it shows by ids', () => {
    expect(MIME_TYPES).toEqual([RUN, REGISTRATION, COMPARISON, RUNS]);
    expect(shown(RUN, { workspace: W, run: 'a_1' })).toBe(`key ${W} a_1`);
    expect(shown(REGISTRATION, { workspace: W, run: 'a_1' })).toBe(`key ${W} a_1`);
    expect(shown(COMPARISON, { workspace: W, runs: ['a', 'b'] })).toBe(`key ${W} a b`);
    expect(shown(RUNS, { workspace: W, experiment: 'bees' })).toBe(`key ${W} bees`);
  });

  it.each([
    ['no ids', RUN, undefined],
    ['a path', RUN, { workspace: '../../etc', run: 'a' }],
    ['a path as the run to register', REGISTRATION, { workspace: W, run: '../a' }],
    ['a run that is a path', RUN, { workspace: W, run: '../a' }],
    ['a run that is no text', RUN, { workspace: W, run: ['a'] }],
    ['one run to be compared', COMPARISON, { workspace: W, runs: ['a'] }],
    ['too many runs', COMPARISON, { workspace: W, runs: [...'abcdefghijk'] }],
    ['a run twice', COMPARISON, { workspace: W, runs: ['a', 'a'] }],
    ['HTML among the runs', COMPARISON, { workspace: W, runs: ['a', '<b>'] }],
    ['an experiment that is an address', RUNS, { workspace: W, experiment: 'https://evil' }]
  ])('is not believed where it has %s', (_, mime, ids) => {
    expect(shown(mime, ids)).toMatch(/^This output does not say what it shows/);
  });

  it('has its choices told to the widget that it names', () => {
    expect(hostOf('f'.repeat(32)).files).toBeDefined();
  });

  it.each([undefined, 7, 'comm', `${'f'.repeat(32)}\n`, '../f'])('speaks to no kernel of a widget named %j', widget => {
    expect(hostOf(widget).files).toBeUndefined();
  });

  it.each(['1', {}, null])('of version %s says nothing that could be shown', version => {
    expect(shown(RUN, { workspace: W, run: 'a' }, version)).toMatch(/^This output does not say what it shows/);
  });

  it('of version 2 is of a newer Traindock', () => {
    expect(shown(RUN, { workspace: W, run: 'a' }, 2)).toMatch(/newer version .*form is 2,.* this page knows 1\)/);
  });
});

import { describe, expect, it } from 'vitest';
import type { ModelVersion } from '../../widgets/src/documents';
import { isModelName, likelyName, metricRows, registrationOf, toggled } from '../../widgets/src/model/registry';
import { wishId } from '../../widgets/src/model/wish';
import { MODEL } from './documents';

const NAMES = ['outputs/best/net.pt', 'outputs/model.pt', 'outputs/table.csv'];
const FORM = { name: 'pt-dnn', description: '', tags: [], alias: '' };

function version(name: string, run: string | null, experiment: string | null): ModelVersion {
  return { ...MODEL, name, run, experiment, id: `${name}:1` };
}

describe('what is registered', () => {
  const sent = (choice: Parameters<typeof registrationOf>[2], names = NAMES, more = false) => {
    const { path, child_paths } = registrationOf('r', FORM, choice, names, more, 'wish');
    return { path, child_paths };
  };

  it('is the folder where all files are chosen, one by one or at once', () => {
    expect(sent('all')).toEqual({ path: 'outputs/' });
    expect(sent(new Set(NAMES))).toEqual({ path: 'outputs/' });
  });

  it('is a part of the folder where some are', () => {
    expect(sent(new Set(NAMES.slice(0, 2)))).toEqual({ path: 'outputs/', child_paths: ['best/net.pt', 'model.pt'] });
  });

  it('is the file itself where it is one', () => {
    expect(sent(new Set(['outputs/model.pt']))).toEqual({ path: 'outputs/model.pt' });
    expect(sent('all', ['outputs/model.pt'])).toEqual({ path: 'outputs/model.pt' });
  });

  it('leaves out what is not listed only where nobody chose all', () => {
    expect(sent('all', NAMES, true)).toEqual({ path: 'outputs/' });
    expect(sent(new Set(NAMES), NAMES, true).child_paths).toHaveLength(3);
    expect(sent('all', ['outputs/model.pt'], true)).toEqual({ path: 'outputs/' });
    expect(sent(new Set(['outputs/model.pt']), ['outputs/model.pt'], true)).toEqual({ path: 'outputs/model.pt' });
  });

  it('says nothing of what was left empty, and trims names', () => {
    const empty = registrationOf('r', { ...FORM, name: ' pt-dnn ', tags: [['', 'x']] }, 'all', NAMES, false, 'wish');
    expect(empty).toEqual({ name: 'pt-dnn', run: 'r', path: 'outputs/', request_id: 'wish' });
    const whole = { name: 'n', description: 'd', tags: [[' a ', ' b ']] as [string, string][], alias: ' production ' };
    expect(registrationOf('r', whole, 'all', NAMES, false, 'wish')).toMatchObject({
      description: 'd',
      tags: { a: ' b ' },
      alias: 'production'
    });
  });
});

it('a file is chosen and left out again, also of all', () => {
  const without = toggled('all', NAMES, 'outputs/model.pt');
  expect([...(without as Set<string>)]).toEqual(['outputs/best/net.pt', 'outputs/table.csv']);
  expect((toggled(without, NAMES, 'outputs/model.pt') as Set<string>).size).toBe(3);
});

it('the likely name is what the run was registered as, else what its experiment was last', () => {
  const models = [version('other', 'r9', 'digits'), version('akin', 'r2', 'ants'), version('old', 'r3', 'ants')];
  expect(likelyName(models, 'r1', 'ants')).toBe('akin');
  expect(likelyName([...models, version('own', 'r1', 'ants')], 'r1', 'ants')).toBe('own');
  expect(likelyName(models, 'r1', 'wasps')).toBe('');
  expect(likelyName([version('files', null, null)], 'r1', undefined)).toBe('');
});

it('metrics stand side by side by name, with holes where a run has none', () => {
  const scalar = (name: string, last: number | 'NaN') => ({
    name,
    kind: 'scalar',
    statistics: { last, min: 0, max: 1, count: 3 }
  });
  const rows = metricRows([
    [scalar('loss', 0.5), scalar('acc', 'NaN'), { name: 'plot', kind: 'image', statistics: null }],
    null,
    [scalar('loss', 0.25)]
  ]);
  expect(rows.map(row => row.name)).toEqual(['acc', 'loss']);
  expect(rows[0]?.values.map(value => value?.last)).toEqual([Number.NaN, undefined, undefined]);
  expect(rows[1]?.values.map(value => value?.last)).toEqual([0.5, undefined, 0.25]);
});

it('names of models are those of the API', () => {
  expect(['a', '0', 'pt-dnn_1.2', 'x'.repeat(255)].filter(name => !isModelName(name))).toEqual([]);
  expect(['', '-a', '.a', 'a b', 'a/b', 'ä', 'a\n', 'x'.repeat(256)].filter(isModelName)).toEqual([]);
});

it('two wishes have two names', () => {
  expect(wishId()).toMatch(/^[0-9a-f]{32}$/);
  expect(wishId()).not.toBe(wishId());
});

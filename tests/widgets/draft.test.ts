import { describe, expect, it } from 'vitest';
import {
  configurationOf,
  draftOf,
  EMPTY,
  foldersAround,
  type IDraft,
  keptOf,
  linesOf
} from '../../jupyter_ext/src/submit/draft';
import { maskedWords } from '../../jupyter_ext/src/submit/secrets';
import { SCRIPT } from './submitting';

const DRAFT: IDraft = { ...EMPTY, experiment: 'project', source: 'work/project', compute: 'local' };

describe('what is sent', () => {
  it('does not say what was left as it is', () => {
    expect(configurationOf(DRAFT, SCRIPT)).toEqual({
      source: 'work/project',
      script: 'train.py',
      experiment: 'project',
      compute_target: 'local',
      gpus: 0
    });
  });

  it('has all that was filled in', () => {
    const draft: IDraft = {
      ...DRAFT,
      source: 'work',
      gpus: '2',
      options: { data: 'images', '--lr': '0.1' },
      free: '--more "a b"',
      environment: 'packages',
      framework: '2.8',
      pip: 'pillow  # pictures\n\n# nothing\nmatplotlib>=3',
      apt: 'git',
      rebuild: true,
      variables: [
        ['SEED', '1'],
        ['', '']
      ],
      name: ' larger ',
      tags: [['why', 'try']],
      limit: '1.5',
      unit: 'hours'
    };
    expect(configurationOf(draft, SCRIPT)).toEqual({
      source: 'work',
      script: 'project/train.py',
      experiment: 'project',
      compute_target: 'local',
      gpus: 2,
      arguments: ['images', '--lr=0.1', '--more', 'a b'],
      environment: {
        framework_version: '2.8',
        pip_packages: ['pillow', 'matplotlib>=3'],
        apt_packages: ['git'],
        rebuild: true
      },
      environment_variables: { SEED: '1' },
      display_name: 'larger',
      tags: { why: 'try' },
      max_run_duration_seconds: 5400
    });
  });

  it('names a notebook as one, which takes no arguments', () => {
    const notebook = {
      ...SCRIPT,
      path: 'a.ipynb',
      folder: '',
      script: 'a.ipynb',
      kind: 'notebook' as const,
      options: []
    };
    expect(configurationOf({ ...DRAFT, source: '', free: 'x' }, notebook)).toMatchObject({
      source: '',
      notebook: 'a.ipynb'
    });
    expect(configurationOf({ ...DRAFT, source: '', free: 'x' }, notebook)).not.toHaveProperty('arguments');
  });

  it('has of each kind of environment what belongs to it', () => {
    const filled = { ...DRAFT, framework: '2.8', pip: 'a', curated: 'AzureML-x', image: 'python:3.11' };
    const environment = (kind: IDraft['environment']) =>
      configurationOf({ ...filled, environment: kind }, SCRIPT).environment;
    expect(environment('server')).toBeUndefined();
    expect(environment('curated')).toEqual({ curated: 'AzureML-x', base_image: 'python:3.11' });
    expect(environment('image')).toEqual({ base_image: 'python:3.11' });
    expect(environment('packages')).toEqual({
      framework_version: '2.8',
      pip_packages: ['a'],
      base_image: 'python:3.11'
    });
  });

  it('has the newest PyTorch where PyTorch is asked for without a version', () => {
    expect(configurationOf({ ...DRAFT, environment: 'packages' }, SCRIPT).environment).toEqual({
      framework_version: null
    });
  });

  it('can be a folder around the script', () => {
    expect(foldersAround('a/b/c')).toEqual(['a/b/c', 'a/b', 'a', '']);
    expect(foldersAround('')).toEqual(['']);
  });

  it('takes an address with # for a package', () => {
    expect(linesOf('git+https://host/x.git#egg=x\n  # no\n')).toEqual(['git+https://host/x.git#egg=x']);
  });
});

describe('what is kept of what was filled in', () => {
  it('has no secrets, and not the name of one run', () => {
    const kept = keptOf({
      ...DRAFT,
      name: 'first',
      options: { '--lr': '1', '--hub_token': 'abc', '--url': 'https://ann:abc@host' },
      free: '--api-key abc --x 1 --password=abc https://ann:abc@host',
      pip: 'pillow\ngit+https://abc@host/x.git',
      variables: [
        ['WANDB_API_KEY', 'abc'],
        ['SEED', '1']
      ]
    });
    expect(JSON.stringify(kept)).not.toContain('abc');
    expect(kept).toMatchObject({
      options: { '--lr': '1' },
      free: '--x 1',
      pip: 'pillow',
      variables: [
        ['WANDB_API_KEY', ''],
        ['SEED', '1']
      ]
    });
    expect(keptOf({ ...DRAFT, free: '--password "abc' }).free).toBe('');
  });

  it('is read as far as it is of the right kind', () => {
    expect(draftOf({ gpus: '2', limit: 3, variables: [['a']], tags: [['a', 'b']], unit: 'weeks', more: 1 })).toEqual({
      gpus: '2',
      tags: [['a', 'b']]
    });
    expect([draftOf(null), draftOf('x'), draftOf({ options: { a: 1 } })]).toEqual([{}, {}, {}]);
    expect(draftOf(JSON.parse(JSON.stringify(DRAFT)))).toEqual(DRAFT);
  });
});

it('hides secrets in what people are shown', () => {
  expect(
    maskedWords(['train.py', '--hub_token=abc', '--token', 'abc', '--max-tokens', '5', 'https://ann:abc@host'])
  ).toEqual(['train.py', '--hub_token=***', '--token', '***', '--max-tokens', '5', 'https://***@host']);
});

import { describe, expect, it } from 'vitest';
import { lineageOf } from '../../widgets/src/model/model_lineage';
import { MODEL, RUN } from './documents';

const SHA = 'a1b2c3d4e5f6'.padEnd(64, '0');
const VERSION = { ...MODEL, snapshot: SHA, environment: SHA, datasets: ['ants'], aliases: ['production'] };
const told = (...lineage: Parameters<typeof lineageOf>) =>
  lineageOf(...lineage).map(column => column.map(({ kind, text, note }) => [kind, text, note].join('|')));

describe('the lineage of a version', () => {
  it('has what the run was given, the run, and the version', () => {
    const spec = { script: 'train.py', environment_name: 'torch', arguments: ['--lr', 0.1, '--data', 'drawn'] };
    expect(told(VERSION, { ...RUN, spec })).toEqual([
      [
        'data|ants|named at registration',
        'data|drawn|--data',
        'snapshot|train.py|a1b2c3d4e5f6',
        'environment|torch|a1b2c3d4e5f6'
      ],
      ['run|bees|Completed'],
      ['version|pt-dnn version 1|production']
    ]);
  });

  it('has files and folders that a run was given, whatever the names of its parameters', () => {
    const spec = { arguments: ['--csv', '/d/a.csv', '/d/ants', '--lr', '1'] };
    const fact = { path: '/d/a.csv', kind: 'file', in_source: false, size: 12, modified: null } as const;
    const data = [
      { ...fact, name: 'csv' },
      { ...fact, name: 'argument 1', path: '/d/ants', kind: 'folder', size: null } as const
    ];
    expect(told({ ...VERSION, datasets: [] }, { ...RUN, spec, data })[0]?.slice(0, 2)).toEqual([
      'data|/d/a.csv|--csv, 12 B, changed –',
      'data|/d/ants|argument 1, folder, changed –'
    ]);
  });

  it('has hashes where the names went with the run', () => {
    expect(told(VERSION, 'deleted').slice(0, 2)).toEqual([
      ['data|ants|named at registration', 'snapshot|a1b2c3d4e5f6|', 'environment|a1b2c3d4e5f6|'],
      ['run|a|deleted']
    ]);
  });

  it('is the version alone where it was registered from a file', () => {
    expect(told({ ...MODEL, run: null }, null)).toEqual([['version|pt-dnn version 1|']]);
  });
});

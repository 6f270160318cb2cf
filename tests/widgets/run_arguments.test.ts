import { describe, expect, it } from 'vitest';
import { fieldsOf } from '../../jupyter_ext/src/submit/run_arguments';
import { flag, option } from './submitting';

const OPTIONS = [
  option(null, { dest: 'data' }),
  option('--lr', { type: 'float', default: 0.01 }),
  option('--epochs -e', { type: 'int' }),
  flag('--amp')
];
const fields = (line: string, commands: string[] = []) =>
  fieldsOf({ options: OPTIONS, commands: commands.map(name => ({ name, options: [] })) }, line.split(' '));

describe('the arguments of a run', () => {
  it('are put into the fields of its options, and what is left is free', () => {
    expect(fields('images --lr 0.1 -e=3 --amp --own 1')).toEqual({
      values: { data: 'images', '--lr': '0.1', '--epochs': '3', '--amp': true },
      free: ['--own', '1']
    });
  });

  it.each(['images --ep 3 --lr 0.1', 'images -e3', 'images --am'])(
    'stay one text where an option may be written in short: %s',
    line => {
      expect(fields(line)).toEqual({ values: {}, free: line.split(' ') });
    }
  );

  it('are free from a sub-command on, whose options may be called like those before it', () => {
    expect(fields('images --amp fit --lr 0.1', ['fit', 'test'])).toEqual({
      values: { data: 'images', '--amp': true },
      free: ['fit', '--lr', '0.1']
    });
  });

  it('are one text where the options are not known', () => {
    expect(fieldsOf(null, ['--lr', '0.1'])).toEqual({ values: {}, free: ['--lr', '0.1'] });
  });
});

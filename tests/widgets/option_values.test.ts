import { describe, expect, it } from 'vitest';
import {
  argumentsOf,
  clashes,
  defaultOf,
  faultOf,
  type OptionValues,
  readArguments
} from '../../jupyter_ext/src/submit/option_values';
import { quoteWords, splitWords, WordsError } from '../../jupyter_ext/src/submit/words';
import { flag, option } from './submitting';

const DATA = option(null, { dest: 'data' });
const LR = option('--lr', { type: 'float', default: 0.01 });
const EPOCHS = option('--epochs -e', { type: 'int', default: 3 });
const OPTIMIZER = option('--optimizer', { kind: 'choice', choices: ['sgd', 'adam'], default: 'sgd' });
const AMP = flag('--amp');
const NO_CUDA = flag('--no-cuda', { on: null, off: '--no-cuda', default: true });
const PRETRAINED = flag('--pretrained --no-pretrained', { off: '--no-pretrained', on: '--pretrained', default: true });
const SIZES = option('--sizes', { kind: 'list', type: 'int', nargs: '+', default: [16, 32] });
const TAG = option('--tag', { kind: 'list', action: 'append' });
const VERBOSE = option('--verbose -v', { action: 'count', type: 'int', default: 0 });
const SHUFFLE = option('--shuffle', { type: 'bool', default: true });
const RESUME = option('--resume', { nargs: '?', const: 'last' });
const ALL = [DATA, LR, EPOCHS, OPTIMIZER, AMP, NO_CUDA, PRETRAINED, SIZES, TAG, VERBOSE, SHUFFLE, RESUME];

describe('a command line', () => {
  it.each([
    ['', []],
    ['  a  b\n c ', ['a', 'b', 'c']],
    [`--name "a b" 'c d'e`, ['--name', 'a b', 'c de']],
    [String.raw`a\ b "say \"hi\"" '\n' "\n" $HOME ""`, ['a b', 'say "hi"', '\\n', '\\n', '$HOME', '']]
  ])('is taken apart as a shell does: %j', (text, words) => {
    expect(splitWords(text)).toEqual(words);
  });

  it('is not taken apart where a quote is never closed', () => {
    expect(() => splitWords(`--name "a b`)).toThrow(WordsError);
  });

  it('is written so that its words are found again', () => {
    const words = ['a', '', 'b c', `it's`, '"', '\\', '--x=1 2', '*', '猫', 'a\nb', '$HOME'];
    expect(splitWords(quoteWords(words))).toEqual(words);
    expect(quoteWords(['--lr=0.1', 'data/x.csv'])).toBe('--lr=0.1 data/x.csv');
  });
});

describe('arguments', () => {
  it('do not say what is as the script has it', () => {
    expect(argumentsOf(ALL, {})).toEqual([]);
    const same = { '--lr': '0.01', '--optimizer': 'sgd', '--amp': false, '--pretrained': true, '--sizes': '16 32' };
    expect(argumentsOf(ALL, { ...same, '--epochs': '', '--shuffle': 'True' })).toEqual([]);
  });

  it('are said as argparse reads them, those without a flag first', () => {
    const values: OptionValues = {
      data: 'my images',
      '--lr': '-1e-3',
      '--optimizer': 'adam',
      '--amp': true,
      '--no-cuda': true,
      '--pretrained': false,
      '--sizes': '8 -1',
      '--tag': '-a b',
      '--verbose': '2',
      '--shuffle': 'False'
    };
    expect(argumentsOf(ALL, values, ['--more', '1'])).toEqual([
      'my images',
      '--lr=-1e-3',
      '--optimizer=adam',
      '--amp',
      '--no-cuda',
      '--no-pretrained',
      '--sizes',
      '8',
      '-1',
      '--tag=-a',
      '--tag=b',
      '--verbose',
      '--verbose',
      '--shuffle=',
      '--more',
      '1'
    ]);
  });

  it('have what begins with a dash behind two of them, and what takes all that is left last', () => {
    expect(argumentsOf(ALL, { data: '-x', '--amp': true }, ['--more'])).toEqual(['--amp', '--more', '--', '-x']);
    const rest = option(null, { dest: 'command', nargs: '...' });
    expect(argumentsOf([DATA, rest, AMP], { data: 'd', command: 'ls -l', '--amp': true })).toEqual([
      'd',
      '--amp',
      'ls',
      '-l'
    ]);
  });

  it.each([
    ['my\\ images --lr=-1e-3 -e 5 --no-cuda --no-pretrained --sizes 8 16 --tag a --tag b -v -v --shuffle='],
    ['--epochs=7 --optimizer adam d --amp'],
    ['d --unknown x --resume --lr 1'],
    ['-- -x']
  ])('are read back: %s', text => {
    const words = splitWords(text);
    const { values, free } = readArguments(ALL, words);
    const again = readArguments(ALL, argumentsOf(ALL, values, free));
    expect(again).toEqual({ values, free });
  });

  it('are taken for what they are when they are read back', () => {
    expect(
      readArguments(ALL, splitWords('images -e 5 --lr=0.1 --no-pretrained --sizes 8 16 -v -v --what 3 --resume'))
    ).toEqual({
      values: {
        data: 'images',
        '--epochs': '5',
        '--lr': '0.1',
        '--pretrained': false,
        '--sizes': '8 16',
        '--verbose': '2'
      },
      free: ['--what', '3', '--resume']
    });
  });
});

describe('what is filled in for an option', () => {
  it.each([
    [LR, 'fast', 'float'],
    [LR, '1e-3', undefined],
    [LR, 'nan', undefined],
    [EPOCHS, '1.5', 'int'],
    [EPOCHS, '', undefined],
    [DATA, '', 'required'],
    [SIZES, '8 x', 'int'],
    [option('--pair', { kind: 'list', nargs: 2 }), 'a', 'count'],
    [option('--pair', { kind: 'list', nargs: 2 }), 'a b', undefined],
    [option('--names', { kind: 'list', nargs: '+' }), 'a -b', 'dash'],
    [option('--names', { kind: 'list', nargs: '+' }), 'a "b', 'quote'],
    [option('--some', { kind: 'list', nargs: '+', choices: ['a', 'b'] }), 'a c', 'choice'],
    [VERBOSE, 'x', 'int'],
    [TAG, '-a', undefined]
  ])('is checked: %#', (one, value, fault) => {
    expect(faultOf(one, value)).toBe(fault);
  });

  it('shows its default as a person would write it', () => {
    expect(ALL.map(defaultOf)).toEqual(['', '0.01', '3', 'sgd', 'False', 'True', 'True', '16 32', '', '0', 'True', '']);
    expect(defaultOf(option('--workers', { default_source: 'os.cpu_count()' }))).toBe('os.cpu_count()');
  });

  it('excludes what goes with it', () => {
    const pair = [{ names: ['--amp', '--no-cuda'], required: true }];
    expect([...clashes(ALL, pair, { '--amp': true, '--no-cuda': true })]).toEqual([
      ['--amp', 'exclusive'],
      ['--no-cuda', 'exclusive']
    ]);
    expect([...clashes(ALL, pair, {}).values()]).toEqual(['one of', 'one of']);
    expect([...clashes(ALL, pair, { '--amp': true })]).toEqual([]);
  });
});

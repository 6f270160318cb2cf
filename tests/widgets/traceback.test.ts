import { expect, it } from 'vitest';
import { tracebackOf } from '../../widgets/src/model/traceback';

it('has all lines of an exception, and what was printed after it', () => {
  const found = tracebackOf(
    [
      'Traceback (most recent call last):',
      '  File "/job/train.py", line 3, in <module>',
      '    model.load_state_dict(weights)',
      'RuntimeError: Error(s) in loading state_dict for ResNet:',
      '\tsize mismatch for fc.weight: copying a param with shape [2, 512]',
      'giving up',
      ''
    ],
    path => path.replace('/job/', '')
  );
  expect(found?.frames).toEqual([{ path: 'train.py', line: 3, code: 'model.load_state_dict(weights)' }]);
  expect(found?.exception.split('\n')).toEqual([
    'RuntimeError: Error(s) in loading state_dict for ResNet:',
    '\tsize mismatch for fc.weight: copying a param with shape [2, 512]',
    'giving up'
  ]);
});

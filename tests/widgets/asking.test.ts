import { expect, it } from 'vitest';
import { Asking } from '../../widgets/src/model/asking';

it('goes on asking after something went wrong', async () => {
  let times = 0;
  const asking = new Asking(async () => {
    times++;
    if (times === 1) {
      throw new Error('a listener is at fault');
    }
  });
  await expect(asking.now()).rejects.toThrow('a listener is at fault');
  await asking.now();
  expect(times).toBe(2);
});

import type { RunDocument } from '../documents';
import { grouped } from '../format';
import { type ITrans, UNTRANSLATED } from '../translation';

/** Return what is missing of a run's metrics, in sentences; empty where nothing is. */
export function lossesOf(run: RunDocument | null, trans: ITrans = UNTRANSLATED): string {
  const { lost = 0, damaged = 0 } = run?.metric_losses ?? {};
  return [
    damaged > 0 &&
      trans._n(
        'A record of its metrics cannot be read, because the file is damaged or ends within one: ' +
          'what can be read is shown.',
        '%2 records of its metrics cannot be read, because the file is damaged or ends within one: ' +
          'what can be read is shown.',
        damaged,
        grouped(damaged)
      ),
    lost > 0 &&
      trans._n(
        '%2 value was not written, because the disk was full.',
        '%2 values were not written, because the disk was full.',
        lost,
        grouped(lost)
      )
  ]
    .filter(Boolean)
    .join(' ');
}

import type { RunDocument } from '../documents';

/** Return what is missing of a run's metrics, in sentences; empty where nothing is. */
export function lossesOf(run: RunDocument | null): string {
  const { lost = 0, damaged = 0 } = run?.metric_losses ?? {};
  return [
    damaged > 0 &&
      `${records(damaged)} of its metrics cannot be read, because the file is damaged or ends within one: ` +
        'what can be read is shown.',
    lost > 0 && `${lost.toLocaleString('en')} values were not written, because the disk was full.`
  ]
    .filter(Boolean)
    .join(' ');
}

function records(count: number): string {
  return count === 1 ? 'A record' : `${count.toLocaleString('en')} records`;
}

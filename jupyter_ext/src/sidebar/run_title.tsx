import type { RunRow } from '../../../widgets/src/documents';
import { shortened } from '../../../widgets/src/format';
import { briefName, runName } from '../../../widgets/src/model/run_name';

const LONGEST_NAME = 200;

type Named = Pick<RunRow, 'display_name' | 'experiment' | 'number'>;

/** Return what a run is called, cut where nobody would read on: ids differ too far to the right for a narrow list. */
export function nameOf(run: Named): string {
  return briefName(runName(run), LONGEST_NAME);
}

/** What a run is called, in a line of a list: with its number, where it has no name of its own. */
export function RunTitle({ run }: { run: Named }) {
  return run.display_name === '' ? <NumberedName run={run} /> : nameOf(run);
}

/** A run's number in its experiment, which is in sight however little room there is: by it runs are told apart. */
export function NumberedName({ run: { experiment, number } }: { run: Pick<Named, 'experiment' | 'number'> }) {
  return (
    <span class="jp-Traindock-NumberedName">
      <span class="jp-Traindock-Cut">{shortened(experiment, LONGEST_NAME)}</span>
      <span>{` #${number}`}</span>
    </span>
  );
}

import type { TranslationBundle } from '@jupyterlab/translation';
import { numberOf, type RunRow as Row, type RunState } from '../../../../widgets/src/documents';
import { clock, duration, metric, shortened } from '../../../../widgets/src/format';
import { bestStatistic, telling } from '../../../../widgets/src/model/runs_model';
import { reasonWords, stateWord } from '../../../../widgets/src/state_words';
import { MenuButton } from '../menu_button';
import { NumberedName, nameOf, RunTitle } from '../run_title';
import { Curve } from './curve';
import type { Sparkline } from './sparklines';
import { StateIcon } from './state_icon';

const LONGEST_NAME = 200;
/** More of a metric's name has no room beside its value. */
const LONGEST_METRIC = 40;
const RUNNING: ReadonlySet<RunState> = new Set<RunState>(['Running', 'CancelRequested']);

/** The cells of a run's line: state, name, and what it takes; below these what it is of, and its best value. */
export function RunCells({
  row,
  curve,
  shown,
  now,
  trans,
  menu
}: {
  row: Row;
  curve: Sparkline | undefined;
  /** The metric that is shown, see `shownMetric`. */
  shown: string | undefined;
  now: number;
  trans: TranslationBundle;
  menu: (button: HTMLElement) => void;
}) {
  const name = nameOf(row);
  const value = shown === undefined ? undefined : row.metrics[shown];
  const parts = row.children ?? 0;
  return (
    <>
      <td class="jp-Traindock-RunName">
        <StateIcon state={row.state} />
        <span class="jp-Traindock-Name">
          <RunTitle run={row} />
        </span>
      </td>
      <td class="jp-Traindock-Number jp-Traindock-Duration" title={trans.__('Submitted %1', clock(row.created))}>
        {duration(seconds(row, now))}
      </td>
      <td class="jp-Traindock-RunFacts">
        <span class={`jp-Traindock-StateWord jp-Traindock-State-${row.state}`}>{stateWord(row.state, trans)}</span>
        {' · '}
        {row.display_name === '' ? <span class="jp-Traindock-Cut">{row.id}</span> : <NumberedName run={row} />}
        {parts > 0 && ` · ${trans._n('%1 part', '%1 parts', parts, parts)}`}
      </td>
      <td class="jp-Traindock-RunMetric">
        {shown !== undefined && value !== undefined && (
          <>
            {curve?.metric === shown && <Curve values={curve.values} />}
            <span class="jp-Traindock-MetricName jp-Traindock-Cut" title={shortened(shown, LONGEST_NAME)}>
              {`${shortened(shown, LONGEST_METRIC)} `}
            </span>
            <span class="jp-Traindock-Number" title={shortened(shown, LONGEST_NAME)}>
              {metric(numberOf(value[bestStatistic(shown)]))}
            </span>
          </>
        )}
      </td>
      <td class="jp-Traindock-RunMenu">
        <MenuButton name={name} tabIndex={-1} open={({ currentTarget }) => menu(currentTarget)} trans={trans} />
      </td>
    </>
  );
}

/**
 * Return the metric that is shown of a run; undefined where it has none, or not that one.
 *
 * @param curve - Its curve.
 * @param chosen - Which one is shown of all; "" for that one of each run that tells most.
 * @param ordering - By which runs are ordered.
 */
export function shownMetric(
  { metrics }: Row,
  curve: Sparkline | undefined,
  chosen: string,
  ordering: string | undefined
): string | undefined {
  if (chosen !== '') {
    return chosen in metrics ? chosen : undefined;
  }
  if (ordering !== undefined && ordering in metrics) {
    return ordering;
  }
  // of a run that goes on, its curve may be newer than its values
  return curve !== undefined && curve.metric in metrics ? curve.metric : telling(Object.keys(metrics));
}

/** Return a run's facts that have no room in its line. */
export function factsOf(row: Row, trans: TranslationBundle): string {
  const why = row.state === 'Failed' && row.reason ? reasonWords(row.reason, trans) : '';
  const tags = Object.entries(row.tags).map(([name, value]) => `${name}=${value}`);
  return [
    nameOf(row),
    row.id,
    [stateWord(row.state, trans), why, row.detail].filter(Boolean).join(': '),
    trans.__('submitted %1 by %2, on %3', clock(row.created), row.user, row.compute_target),
    tags.length > 0 ? trans.__('Tags: %1', tags.join(', ')) : ''
  ]
    .filter(Boolean)
    .map(one => shortened(one, LONGEST_NAME))
    .join('\n');
}

/** Whether what a run takes has to be counted on. */
export function isTicking(row: Row): boolean {
  return RUNNING.has(row.state);
}

function seconds(row: Row, now: number): number | null {
  return row.started !== null && RUNNING.has(row.state)
    ? Math.max(0, (now - Date.parse(row.started)) / 1000)
    : row.seconds;
}

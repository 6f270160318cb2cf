import { useState } from 'preact/hooks';
import { numberOf, type RunRow, type RunState, type Statistics } from '../../documents';
import { capital, clock, duration, metric, shortened } from '../../format';
import { briefName, runName } from '../../model/run_name';
import { bestStatistic, type RunsModel, telling } from '../../model/runs_model';
import { bestOf } from '../../model/series';
import { reasonWords, stateWord } from '../../state_words';
import { type ITrans, useTrans } from '../../translation';
import { useClock } from '../hooks';
import { Scrolling } from '../scrolling';

const LONGEST_NAME = 80;
const RUNNING: ReadonlySet<RunState> = new Set<RunState>(['Running', 'CancelRequested']);

/** A line for each run of a page. */
export function RunsTable({
  model,
  ticked,
  tick,
  opened,
  open
}: {
  model: RunsModel;
  ticked: readonly string[];
  tick: (runs: readonly string[]) => void;
  opened: string | null;
  open: (run: string) => void;
}) {
  const trans = useTrans();
  const [wanted, want] = useState<string | null>(null);
  const { rows, query } = model;
  const now = model.clock.at(useClock(rows?.some(row => RUNNING.has(row.state)) ?? false));
  if (rows === null) {
    return (
      <p class="td-empty">
        {model.error === null ? trans.__('Asking for the runs…') : trans.__('No runs can be shown.')}
      </p>
    );
  }
  const shown = wanted ?? telling([...model.metrics]);
  const byMetric = query.metric !== '';
  return (
    <Scrolling looks="td-wide" label={trans.__('Table of runs')}>
      <table class="td-run-rows">
        <thead>
          <tr>
            <th scope="col">
              <span class="td-hidden">{trans.__('Ticked')}</span>
            </th>
            <th scope="col">{trans.__('State')}</th>
            <th scope="col">{trans.__('Name')}</th>
            <th scope="col" class="td-number">
              {trans.__('Duration')}
            </th>
            <th
              scope="col"
              class="td-number"
              aria-sort={byMetric ? (query.reversed ? 'ascending' : 'descending') : 'none'}
            >
              <MetricHead model={model} shown={shown} choose={want} />
            </th>
            <th scope="col" aria-sort={byMetric ? 'none' : 'descending'}>
              <button type="button" class="td-link" onClick={() => model.ask({ metric: '', reversed: false })}>
                {trans.__('Started')}
                {byMetric ? '' : ' ↓'}
              </button>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <Row
              key={row.id}
              row={row}
              shown={shown}
              now={now}
              ticked={ticked.includes(row.id)}
              tick={on => tick(on ? [...ticked, row.id] : ticked.filter(one => one !== row.id))}
              opened={opened === row.id}
              open={() => open(row.id)}
            />
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p class="td-empty">{emptyNote(model, trans)}</p>}
    </Scrolling>
  );
}

function emptyNote({ query, target }: RunsModel, trans: ITrans): string {
  return query.state || query.tag
    ? trans.__('No run is like this.')
    : trans.__('%1 has no runs yet.', target.experiment);
}

/** Chooses the metric of the column, and has the server sort by it: best first, or last. */
function MetricHead({ model, shown, choose }: { model: RunsModel; shown?: string; choose: (name: string) => void }) {
  const trans = useTrans();
  if (shown === undefined) {
    return <span>{trans.__('Metric')}</span>;
  }
  const { query } = model;
  const sorted = query.metric === shown;
  return (
    <span class="td-metric-head">
      <select
        aria-label={trans.__('Metric')}
        value={shown}
        onChange={event => {
          choose(event.currentTarget.value);
          if (query.metric !== '') {
            model.ask({ metric: event.currentTarget.value, reversed: false });
          }
        }}
      >
        {[...model.metrics].sort().map(name => (
          <option key={name} value={name}>
            {shortened(name, LONGEST_NAME)}
          </option>
        ))}
      </select>
      <button
        type="button"
        class="td-link"
        onClick={() => model.ask({ metric: shown, reversed: sorted && !query.reversed })}
      >
        {`${bestOf(shown) === undefined ? trans.__('last') : trans.__('best')}${sorted ? (query.reversed ? ' ↑' : ' ↓') : ''}`}
        <span class="td-hidden">{trans.__(': sort by it')}</span>
      </button>
    </span>
  );
}

function Row({
  row,
  shown,
  now,
  ticked,
  tick,
  opened,
  open
}: {
  row: RunRow;
  shown: string | undefined;
  now: number;
  ticked: boolean;
  tick: (on: boolean) => void;
  opened: boolean;
  open: () => void;
}) {
  const trans = useTrans();
  const name = briefName(runName(row), LONGEST_NAME);
  const value = shown === undefined ? undefined : row.metrics[shown];
  return (
    <tr class={opened ? 'td-opened' : undefined}>
      <td>
        <input
          type="checkbox"
          aria-label={trans.__('Tick %1', name)}
          checked={ticked}
          onChange={event => tick(event.currentTarget.checked)}
        />
      </td>
      <td>
        <span class={`td-word td-state-${row.state}`} title={whyOf(row, trans)}>
          {stateWord(row.state, trans)}
        </span>
      </td>
      <td>
        <button type="button" class="td-link" title={row.id} aria-expanded={opened} onClick={open}>
          {name}
        </button>
        {row.display_name !== '' && <span class="td-muted"> #{row.number}</span>}
      </td>
      <td class="td-number">{duration(seconds(row, now))}</td>
      <td class="td-number">{shown === undefined || value === undefined ? '–' : metric(best(shown, value))}</td>
      <td class="td-number td-left" title={trans.__('Submitted %1', clock(row.created))}>
        {clock(row.started)}
      </td>
    </tr>
  );
}

/** Return why a run is in its state, as far as it is known. */
function whyOf({ reason, detail, state }: RunRow, trans: ITrans): string {
  const word = reason !== null && state !== 'Completed' ? capital(reasonWords(reason, trans)) : '';
  return word && detail ? trans.__('%1: %2', word, detail) : word || detail;
}

function best(name: string, value: Statistics): number {
  return numberOf(value[bestStatistic(name)]);
}

function seconds(row: RunRow, now: number): number | null {
  return row.started !== null && RUNNING.has(row.state)
    ? Math.max(0, (now - Date.parse(row.started)) / 1000)
    : row.seconds;
}

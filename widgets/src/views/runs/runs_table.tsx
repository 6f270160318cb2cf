import { useState } from 'preact/hooks';
import { numberOf, type RunRow, type RunState, type Statistics } from '../../documents';
import { capital, clock, duration, metric, shortened, words } from '../../format';
import { bestStatistic, type RunsModel } from '../../model/runs_model';
import { bestOf } from '../../model/series';
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
  const [wanted, want] = useState<string | null>(null);
  const { rows, query } = model;
  const now = model.clock.at(useClock(rows?.some(row => RUNNING.has(row.state)) ?? false));
  if (rows === null) {
    return <p class="td-empty">{model.error === null ? 'Asking for the runs…' : 'No runs can be shown.'}</p>;
  }
  const shown = wanted ?? telling([...model.metrics]);
  const byMetric = query.order !== 'created';
  return (
    <Scrolling looks="td-wide" label="Table of runs">
      <table class="td-run-rows">
        <thead>
          <tr>
            <th scope="col">
              <span class="td-hidden">Ticked</span>
            </th>
            <th scope="col">State</th>
            <th scope="col">Name</th>
            <th scope="col" class="td-number">
              Duration
            </th>
            <th
              scope="col"
              class="td-number"
              aria-sort={byMetric ? (query.reversed ? 'ascending' : 'descending') : 'none'}
            >
              <MetricHead model={model} shown={shown} choose={want} />
            </th>
            <th scope="col" aria-sort={byMetric ? 'none' : 'descending'}>
              <button type="button" class="td-link" onClick={() => model.ask({ order: 'created', reversed: false })}>
                {byMetric ? 'Started' : 'Started ↓'}
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
      {rows.length === 0 && <p class="td-empty">{emptyNote(model)}</p>}
    </Scrolling>
  );
}

function emptyNote({ query, target }: RunsModel): string {
  return query.state || query.tag ? 'No run is like this.' : `${target.experiment} has no runs yet.`;
}

/** The metric that tells most: of validation if there is one, else one that has a best value. */
function telling(names: readonly string[]): string | undefined {
  const judged = names.filter(name => bestOf(name) !== undefined);
  return (
    judged.find(name => /val/i.test(name) && bestOf(name) === 'max') ??
    judged.find(name => /val/i.test(name)) ??
    judged[0] ??
    names[0]
  );
}

/** Chooses the metric of the column, and has the server sort by it: best first, or last. */
function MetricHead({ model, shown, choose }: { model: RunsModel; shown?: string; choose: (name: string) => void }) {
  if (shown === undefined) {
    return <span>Metric</span>;
  }
  const { query } = model;
  const sorted = query.order === shown;
  return (
    <span class="td-metric-head">
      <select
        aria-label="Metric"
        value={shown}
        onChange={event => {
          choose(event.currentTarget.value);
          if (query.order !== 'created') {
            model.ask({ order: event.currentTarget.value, reversed: false });
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
        onClick={() => model.ask({ order: shown, reversed: sorted && !query.reversed })}
      >
        {`${bestOf(shown) === undefined ? 'last' : 'best'}${sorted ? (query.reversed ? ' ↑' : ' ↓') : ''}`}
        <span class="td-hidden">: sort by it</span>
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
  const name = shortened(row.display_name || row.id, LONGEST_NAME);
  const value = shown === undefined ? undefined : row.metrics[shown];
  return (
    <tr class={opened ? 'td-opened' : undefined}>
      <td>
        <input
          type="checkbox"
          aria-label={`Tick ${name}`}
          checked={ticked}
          onChange={event => tick(event.currentTarget.checked)}
        />
      </td>
      <td>
        <span class={`td-word td-state-${row.state}`} title={row.detail}>
          {row.state === 'Failed' && row.reason ? capital(words(row.reason)) : row.state}
        </span>
      </td>
      <td>
        <button type="button" class="td-link" title={row.id} aria-expanded={opened} onClick={open}>
          {name}
        </button>
        <span class="td-muted"> #{row.number}</span>
      </td>
      <td class="td-number">{duration(seconds(row, now))}</td>
      <td class="td-number">{shown === undefined || value === undefined ? '–' : metric(best(shown, value))}</td>
      <td class="td-number td-left" title={`Submitted ${clock(row.created)}`}>
        {clock(row.started)}
      </td>
    </tr>
  );
}

function best(name: string, value: Statistics): number {
  return numberOf(value[bestStatistic(name)]);
}

function seconds(row: RunRow, now: number): number | null {
  return row.started !== null && RUNNING.has(row.state)
    ? Math.max(0, (now - Date.parse(row.started)) / 1000)
    : row.seconds;
}

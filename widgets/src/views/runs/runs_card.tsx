import { Fragment } from 'preact';
import { useEffect, useReducer, useState } from 'preact/hooks';
import type { IRunsQuery, RunsModel } from '../../model/runs_model';
import type { ISelection } from '../../model/selection';
import { Frame } from '../frame';
import type { IHost } from '../header';
import { problemOf } from '../problems';
import type { IOpened } from './opened';
import { RunsTable } from './runs_table';

/** Runs that can be compared at once. */
export const MOST_COMPARED = 10;

/** What is shown below the table. */
type Below = { run: string } | { compared: readonly string[] } | null;

const STATES: readonly (readonly [string, string])[] = [
  ['', 'all'],
  ['unfinished', 'unfinished'],
  ['Running', 'Running'],
  ['Queued', 'Queued'],
  ['ended', 'ended'],
  ['Completed', 'Completed'],
  ['Failed', 'Failed'],
  ['Canceled', 'Canceled']
];

/** The runs of an experiment, live: to be sorted, filtered, looked at one by one, and compared. */
export function RunsCard({
  model,
  selection,
  opened,
  host = {}
}: {
  model: RunsModel;
  selection: ISelection;
  opened: IOpened;
  host?: IHost;
}) {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => model.observe(() => draw(undefined)), [model]);
  useEffect(() => selection.observe(() => draw(undefined)), [selection]);
  const [below, show] = useState<Below>(null);
  const ticked = selection.get();
  const tick = (runs: readonly string[]): void => {
    selection.set(runs);
    draw(undefined);
  };
  const open = (run: string): void => {
    show({ run });
  };
  return (
    <Frame label={`Runs of ${model.target.experiment}`}>
      <header class="td-header">
        <h3 class="td-name">{model.target.experiment}</h3>
        <div class="td-buttons">
          <button type="button" disabled={ticked.length === 0} onClick={() => tick([])}>
            Untick all
          </button>
          <button
            type="button"
            disabled={ticked.length < 2 || ticked.length > MOST_COMPARED}
            title={`Tick 2 to ${MOST_COMPARED} runs to compare them`}
            onClick={() => show({ compared: ticked })}
          >
            {ticked.length < 2 ? 'Compare' : `Compare ${ticked.length} runs`}
          </button>
        </div>
      </header>
      <Filters model={model} />
      {model.error !== null && (
        <p class="td-notice" role="alert">
          {problemOf(model.error)}
        </p>
      )}
      {model.error === null && model.connection === 'broken' && (
        <p class="td-notice" role="status">
          The connection is broken; the list goes on once it is back.
        </p>
      )}
      <RunsTable
        model={model}
        ticked={ticked}
        tick={tick}
        opened={below !== null && 'run' in below ? below.run : null}
        open={open}
      />
      <Pages model={model} />
      {below !== null && (
        <div class="td-below">
          <div class="td-buttons">
            <button type="button" onClick={() => show(null)}>
              Close
            </button>
          </div>
          <Fragment key={'run' in below ? below.run : below.compared.join(' ')}>
            {'run' in below
              ? opened.run(below.run, { ...host, openRun: host.openRun ?? ((_, run) => open(run)) })
              : opened.comparison(below.compared)}
          </Fragment>
        </div>
      )}
    </Frame>
  );
}

function Filters({ model }: { model: RunsModel }) {
  const change = (to: Partial<IRunsQuery>): void => model.ask(to);
  return (
    <div class="td-tools">
      <label>
        State
        <select value={model.query.state} onChange={event => change({ state: event.currentTarget.value })}>
          {STATES.map(([value, word]) => (
            <option key={value} value={value}>
              {word}
            </option>
          ))}
        </select>
      </label>
      <input
        type="search"
        placeholder="Tag, or tag=value"
        aria-label="Only runs with this tag"
        maxLength={1024}
        value={model.query.tag}
        onInput={event => change({ tag: event.currentTarget.value })}
      />
    </div>
  );
}

function Pages({ model }: { model: RunsModel }) {
  const { offset } = model.query;
  const shown = model.rows?.length ?? 0;
  if (offset === 0 && !model.more) {
    return null;
  }
  return (
    <nav class="td-tools" aria-label="Pages">
      <button type="button" disabled={offset === 0} onClick={() => model.turn(-1)}>
        Previous
      </button>
      <span class="td-muted td-number">{shown === 0 ? 'none' : `${offset + 1} to ${offset + shown}`}</span>
      <button type="button" disabled={!model.more} onClick={() => model.turn(1)}>
        Next
      </button>
    </nav>
  );
}

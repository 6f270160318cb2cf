import { Fragment } from 'preact';
import { useEffect, useReducer, useState } from 'preact/hooks';
import type { RunState } from '../../documents';
import { capital } from '../../format';
import type { IRunsQuery, RunsModel } from '../../model/runs_model';
import type { ISelection } from '../../model/selection';
import { brokenText, problemOf, troubleText } from '../../problems';
import { stateWord } from '../../state_words';
import { type ITrans, useTrans } from '../../translation';
import { Frame } from '../frame';
import type { IHost } from '../header';
import type { IOpened } from './opened';
import { RunsTable } from './runs_table';

/** Runs that can be compared at once. */
export const MOST_COMPARED = 10;

/** What is shown below the table. */
type Below = { run: string } | { compared: readonly string[] } | null;

/** Which states can be asked for, with the words for them. */
function statesOf(trans: ITrans): readonly (readonly [string, string])[] {
  const named = (state: RunState) => [state, stateWord(state, trans)] as const;
  return [
    ['', trans._p('states of runs', 'all')],
    ['unfinished', trans._p('states of runs', 'unfinished')],
    named('Running'),
    named('Queued'),
    ['ended', trans._p('states of runs', 'ended')],
    named('Completed'),
    named('Failed'),
    named('Canceled')
  ];
}

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
  const trans = useTrans();
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
    <Frame label={trans.__('Runs of %1', model.target.experiment)}>
      <header class="td-header">
        <h3 class="td-name">{model.target.experiment}</h3>
        <div class="td-buttons">
          <button type="button" disabled={ticked.length === 0} onClick={() => tick([])}>
            {trans.__('Untick all')}
          </button>
          <button
            type="button"
            disabled={ticked.length < 2 || ticked.length > MOST_COMPARED}
            title={trans.__('Tick 2 to %1 runs to compare them', MOST_COMPARED)}
            onClick={() => show({ compared: ticked })}
          >
            {ticked.length < 2 ? trans.__('Compare') : trans._n('Compare %1 run', 'Compare %1 runs', ticked.length)}
          </button>
        </div>
      </header>
      <Filters model={model} />
      {model.error !== null && (
        <p class="td-notice" role="alert">
          {problemOf(model.error, trans)}
        </p>
      )}
      {model.error === null && model.connection === 'broken' && (
        <p class="td-notice" role="status">
          {brokenText(
            model.source.reach,
            2,
            trans.__('The connection is broken; the list goes on once it is back.'),
            trans
          )}
        </p>
      )}
      {model.trouble !== null && (
        <p class="td-notice" role="status">
          {capital(troubleText(model.trouble))}
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
              {trans.__('Close')}
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
  const trans = useTrans();
  const change = (to: Partial<IRunsQuery>): void => model.ask(to);
  return (
    <div class="td-tools">
      <label>
        {trans.__('State')}
        <select value={model.query.state} onChange={event => change({ state: event.currentTarget.value })}>
          {statesOf(trans).map(([value, word]) => (
            <option key={value} value={value}>
              {word}
            </option>
          ))}
        </select>
      </label>
      <input
        type="search"
        placeholder={trans.__('Tag, or tag=value')}
        aria-label={trans.__('Only runs with this tag')}
        maxLength={1024}
        value={model.query.tag}
        onInput={event => change({ tag: event.currentTarget.value })}
      />
    </div>
  );
}

function Pages({ model }: { model: RunsModel }) {
  const trans = useTrans();
  const { offset } = model.query;
  const shown = model.rows?.length ?? 0;
  if (offset === 0 && !model.more) {
    return null;
  }
  return (
    <nav class="td-tools" aria-label={trans.__('Pages')}>
      <button type="button" disabled={offset === 0} onClick={() => model.turn(-1)}>
        {trans.__('Previous')}
      </button>
      <span class="td-muted td-number">
        {shown === 0 ? trans.__('none') : trans.__('%1 to %2', offset + 1, offset + shown)}
      </span>
      <button type="button" disabled={!model.more} onClick={() => model.turn(1)}>
        {trans.__('Next')}
      </button>
    </nav>
  );
}

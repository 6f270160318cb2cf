import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Alias, AliasMove, MetricDocument, ModelVersion } from '../documents';
import { bytes, clock, metric, shortened } from '../format';
import { ALIAS_NAME, type IMetricRow, metricRows } from '../model/registry';
import type { RunModel } from '../model/run_model';
import { modelPath, query, RequestError, runPath, type Source } from '../sources/source';
import type { IHost } from './header';
import { type IAction, useAction, useLoaded, useName } from './hooks';
import { Outcome } from './outcome';

/** Versions that stand side by side; older ones are a click away. */
const SIDE_BY_SIDE = 5;
const MOST_METRICS = 12;
const MOST_MOVES = 100;

interface IVersionsProps {
  model: RunModel;
  host: IHost;
  /** Of the registered model. */
  name: string;
  /** Grows with each change of the registry that is known of. */
  revision: number;
  onChanged(): void;
}

/** What is known about a model; null where there is none of this name. */
interface IKnown {
  versions: ModelVersion[];
  more: boolean;
  aliases: Alias[];
  moves: AliasMove[];
  /** Metrics by run; null for those of runs that are gone. */
  metrics: Map<string, MetricDocument[] | null>;
}

/** The versions of a model with the metrics of their runs, which of them its aliases stand for, and who moved those. */
export function Versions({ model, host, name, revision, onChanged }: IVersionsProps) {
  const { source, target } = model;
  const [offset, setOffset] = useState(0);
  const action = useAction(source);
  const { value, error, again } = useLoaded(
    signal => load(source, target.workspace, name, target.run, offset, signal),
    `${target.workspace} ${name} ${offset} ${revision} ${model.ended}`
  );
  if (value === undefined) {
    return <p class="td-empty">{error || `Looking for ${shortened(name, 80)}…`}</p>;
  }
  if (value === null) {
    return (
      <p class="td-muted">{error || `There is no model ${shortened(name, 80)} yet: this will be its version 1.`}</p>
    );
  }
  const act = (work: () => Promise<unknown>, done: string) =>
    action.run(
      async () => {
        try {
          await work();
        } finally {
          onChanged(); // a refusal tells that something else has changed
        }
      },
      () => done
    );
  return (
    <div class="td-stack">
      <h4>{`Versions of ${shortened(name, 80)}`}</h4>
      <Aliases source={source} path={modelPath(target.workspace, name)} known={value} action={action} act={act} />
      <Outcome action={action} />
      {error && <p class="td-notice">{error}</p>}
      <SideBySide model={model} host={host} known={value} />
      <div class="td-tools">
        {offset > 0 && (
          <button type="button" onClick={() => setOffset(offset - SIDE_BY_SIDE)}>
            Newer
          </button>
        )}
        {value.more && (
          <button type="button" onClick={() => setOffset(offset + SIDE_BY_SIDE)}>
            Older
          </button>
        )}
        <button type="button" onClick={again}>
          Look again
        </button>
      </div>
      <History moves={value.moves} />
    </div>
  );
}

async function load(
  source: Source,
  workspace: string,
  name: string,
  ownRun: string,
  offset: number,
  signal: AbortSignal
): Promise<IKnown | null> {
  const ask = <T,>(rest: string) => source.request<T>(modelPath(workspace, name, rest), { signal });
  try {
    // First, since of a model that is not there nothing else need be asked.
    const { versions, more } = await ask<{ versions: ModelVersion[]; more: boolean }>(
      query({ limit: SIDE_BY_SIDE, offset })
    );
    const [{ aliases }, { moves }] = await Promise.all([
      ask<{ aliases: Alias[] }>('/aliases'),
      ask<{ moves: AliasMove[] }>(`/alias-history${query({ limit: MOST_MOVES })}`)
    ]);
    const runs = new Set([ownRun, ...versions.flatMap(({ run }) => (run === null ? [] : [run]))]);
    const metrics = await Promise.all([...runs].map(run => metricsOf(source, workspace, run, signal)));
    return { versions, more, aliases, moves, metrics: new Map([...runs].map((run, at) => [run, metrics[at] ?? null])) };
  } catch (error) {
    if (error instanceof RequestError && error.code === 'model_not_found') {
      return null;
    }
    throw error;
  }
}

async function metricsOf(
  source: Source,
  workspace: string,
  run: string,
  signal: AbortSignal
): Promise<MetricDocument[] | null> {
  try {
    const answer = await source.request<{ metrics: MetricDocument[] }>(
      runPath({ workspace, run }, `/metrics${query({ limit: 1000 })}`),
      { signal }
    );
    return answer.metrics;
  } catch (error) {
    if (error instanceof RequestError && error.code === 'run_not_found') {
      return null;
    }
    throw error;
  }
}

interface IAliasesProps {
  source: Source;
  /** Of the model in the API. */
  path: string;
  known: IKnown;
  action: IAction;
  act(work: () => Promise<unknown>, done: string): void;
}

/** Which version each alias stands for, with one click back to the one before, and a way to move it elsewhere. */
function Aliases({ source, path, known, action, act }: IAliasesProps) {
  const able = source.reach !== 'never';
  const at = (alias: string) => `${path}/aliases/${encodeURIComponent(alias)}`;
  return (
    <>
      <ul class="td-aliases" aria-label="Aliases">
        {known.aliases.map(({ alias, version, previous, since, by }) => (
          <li key={alias}>
            <span>
              <strong class="td-alias">{alias}</strong> is version {version}{' '}
              <span class="td-muted">{`since ${clock(since)}, by ${by}`}</span>
            </span>
            {previous !== null && able && (
              <button
                type="button"
                disabled={action.busy}
                aria-label={`Roll ${alias} back to version ${previous}`}
                onClick={() =>
                  act(
                    () => source.request(`${at(alias)}/roll-back`, { method: 'POST', body: { expected: version } }),
                    `Rolled ${alias} back to version ${previous}.`
                  )
                }
              >
                {`Roll back to ${previous}`}
              </button>
            )}
          </li>
        ))}
        {known.aliases.length === 0 && <li class="td-muted">No alias stands for a version yet.</li>}
      </ul>
      {able && (
        <MoveAlias
          known={known}
          busy={action.busy}
          onMove={(alias, version) => {
            const expected = known.aliases.find(one => one.alias === alias)?.version ?? null;
            act(
              () => source.request(at(alias), { method: 'PUT', body: { version, expected } }),
              `${alias} is version ${version} now.`
            );
          }}
        />
      )}
    </>
  );
}

interface IMoveProps {
  known: IKnown;
  busy: boolean;
  onMove(alias: string, version: number): void;
}

function MoveAlias({ known, busy, onMove }: IMoveProps) {
  const id = useName();
  const [alias, setAlias] = useState('production');
  const [chosen, choose] = useState<number | null>(null);
  const numbers = known.versions.map(one => one.version);
  const version = chosen !== null && numbers.includes(chosen) ? chosen : (numbers[0] as number);
  const there = known.aliases.some(one => one.alias === alias.trim() && one.version === version);
  return (
    <form class="td-tools" aria-label="Move an alias" onSubmit={event => event.preventDefault()}>
      <label>
        Alias
        <input
          type="text"
          required
          pattern={ALIAS_NAME}
          title="Letters, digits, _ or -, beginning with a letter; neither latest nor like v1"
          size={12}
          autocomplete="off"
          spellcheck={false}
          list={`${id}-aliases`}
          value={alias}
          onInput={event => setAlias(event.currentTarget.value)}
        />
      </label>
      <datalist id={`${id}-aliases`}>
        {[...new Set([...known.aliases.map(one => one.alias), 'production'])].map(one => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <label>
        to version
        <select value={version} onChange={event => choose(Number(event.currentTarget.value))}>
          {numbers.map(number => (
            <option key={number} value={number}>
              {number}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        disabled={busy || there}
        onClick={event => event.currentTarget.form?.reportValidity() && onMove(alias.trim(), version)}
      >
        Move
      </button>
    </form>
  );
}

/** A version, or the run that is looked at and is none of these versions. */
interface IColumn {
  key: string;
  version: ModelVersion | null;
  run: string | null;
}

function SideBySide({ model, host, known }: { model: RunModel; host: IHost; known: IKnown }) {
  const [most, setMost] = useState(MOST_METRICS);
  const columns: IColumn[] = known.versions.map(one => ({ key: one.id, version: one, run: one.run }));
  if (!columns.some(column => column.run === model.target.run)) {
    columns.unshift({ key: 'this run', version: null, run: model.target.run });
  }
  const rows = metricRows(columns.map(({ run }) => (run === null ? null : known.metrics.get(run))));
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls it by keys */}
      <section class="td-scroll" aria-label="Versions side by side" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Version</th>
              {columns.map(column => (
                <th key={column.key} scope="col" class="td-number">
                  {column.version === null ? 'This run' : column.version.version}
                  {column.version !== null && column.run === model.target.run && (
                    <span class="td-muted"> (this run)</span>
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <Row title="Alias" columns={columns}>
              {({ version }) =>
                version?.aliases.map(alias => (
                  <strong key={alias} class="td-alias">
                    {shortened(alias, 40)}
                  </strong>
                ))
              }
            </Row>
            <Row title="Registered" columns={columns}>
              {({ version }) => (version === null ? 'not yet' : clock(version.created))}
            </Row>
            <Row title="Run" columns={columns}>
              {column => <RunName column={column} model={model} host={host} known={known} />}
            </Row>
            <Row title="Size" columns={columns}>
              {({ version }) => (version === null ? '–' : bytes(version.size))}
            </Row>
            {rows.slice(0, most).map(row => (
              <MetricRow key={row.name} row={row} columns={columns} />
            ))}
          </tbody>
        </table>
      </section>
      {rows.length > most && (
        <button type="button" onClick={() => setMost(Number.POSITIVE_INFINITY)}>
          {`Show all ${rows.length} metrics`}
        </button>
      )}
    </>
  );
}

interface IRowProps {
  title: string;
  columns: readonly IColumn[];
  children: (column: IColumn) => ComponentChildren;
}

function Row({ title, columns, children }: IRowProps) {
  return (
    <tr>
      <th scope="row">{title}</th>
      {columns.map(column => (
        <td key={column.key} class="td-number">
          {children(column)}
        </td>
      ))}
    </tr>
  );
}

/** The last value of a metric in each run; minimum and maximum on hover. */
function MetricRow({ row, columns }: { row: IMetricRow; columns: readonly IColumn[] }) {
  return (
    <tr>
      <th scope="row" title={row.name}>
        {shortened(row.name, 60)}
      </th>
      {columns.map((column, at) => {
        const value = row.values[at];
        const range = value === undefined ? undefined : `min ${metric(value.min)}, max ${metric(value.max)}`;
        return (
          <td key={column.key} class="td-number" title={range}>
            {metric(value?.last)}
          </td>
        );
      })}
    </tr>
  );
}

interface IRunNameProps {
  column: IColumn;
  model: RunModel;
  host: IHost;
  known: IKnown;
}

/** The end of a run's id, which tells it from others; the whole id is shown on hover. */
function RunName({ column: { run }, model, host, known }: IRunNameProps) {
  if (run === null) {
    return <span class="td-muted">files</span>;
  }
  const short = run.split('_').pop() ?? run;
  if (known.metrics.get(run) === null) {
    return (
      <span class="td-muted" title={run}>
        {`${shortened(short, 12)} (deleted)`}
      </span>
    );
  }
  if (host.openRun === undefined || run === model.target.run) {
    return <code title={run}>{shortened(short, 12)}</code>;
  }
  return (
    <button
      type="button"
      class="td-link"
      title={run}
      aria-label={`Show run ${run}`}
      onClick={() => host.openRun?.(model.target.workspace, run)}
    >
      {shortened(short, 12)}
    </button>
  );
}

function History({ moves }: { moves: readonly AliasMove[] }) {
  if (moves.length === 0) {
    return null;
  }
  return (
    <details class="td-history">
      <summary>{`Who moved aliases (${moves.length}${moves.length === MOST_MOVES ? ' newest' : ''})`}</summary>
      <ol>
        {moves.map((move, at) => (
          <li key={at}>
            <span class="td-muted td-number">{clock(move.time)}</span> {told(move)}
          </li>
        ))}
      </ol>
    </details>
  );
}

/** Return what somebody did, in a sentence. */
export function told({ alias, version, previous, by, rolled_back }: AliasMove): string {
  if (version === null) {
    return `${by} removed ${alias}, which was version ${previous}.`;
  }
  if (rolled_back) {
    return `${by} rolled ${alias} back from version ${previous} to ${version}.`;
  }
  return previous === null
    ? `${by} made version ${version} ${alias}.`
    : `${by} moved ${alias} from version ${previous} to ${version}.`;
}

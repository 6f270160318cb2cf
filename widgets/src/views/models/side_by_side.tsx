import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { ModelVersion } from '../../documents';
import { bytes, clock, metric, shortened } from '../../format';
import { type IMetricRow, metricRows } from '../../model/registry';
import { briefName } from '../../model/run_name';
import { useTrans } from '../../translation';
import type { IHost } from '../header';
import type { IKnown } from './known';

const MOST_METRICS = 12;
const LONGEST_RUN = 24;

/** A version, or the run that is looked at and is none of these versions. */
interface IColumn {
  key: string;
  version: ModelVersion | null;
  run: string | null;
}

interface ISideBySideProps {
  workspace: string;
  /** The run that is looked at; null where none is. */
  ownRun: string | null;
  host: IHost;
  known: IKnown;
  /** The version that is looked at. */
  chosen?: number | null;
  choose?(version: number): void;
}

/** The versions of a model in columns, with the metrics of their runs. */
export function SideBySide({ workspace, ownRun, host, known, chosen, choose }: ISideBySideProps) {
  const trans = useTrans();
  const [most, setMost] = useState(MOST_METRICS);
  const columns: IColumn[] = known.versions.map(one => ({ key: one.id, version: one, run: one.run }));
  if (ownRun !== null && !columns.some(column => column.run === ownRun)) {
    columns.unshift({ key: 'this run', version: null, run: ownRun });
  }
  const rows = metricRows(columns.map(({ run }) => (run === null ? null : known.metrics.get(run))));
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls it by keys */}
      <section class="td-scroll" aria-label={trans.__('Versions side by side')} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{trans.__('Version')}</th>
              {columns.map(column => (
                <th key={column.key} scope="col" class="td-number">
                  <Name version={column.version} chosen={chosen} choose={choose} />
                  {column.version !== null && ownRun !== null && column.run === ownRun && (
                    <span class="td-muted"> {trans.__('(this run)')}</span>
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <Row title={trans.__('Alias')} columns={columns}>
              {({ version }) =>
                version?.aliases.map(alias => (
                  <strong key={alias} class="td-alias">
                    {shortened(alias, 40)}
                  </strong>
                ))
              }
            </Row>
            <Row title={trans.__('Registered')} columns={columns}>
              {({ version }) => (version === null ? trans.__('not yet') : clock(version.created))}
            </Row>
            <Row title={trans.__('Run')} columns={columns}>
              {column => <RunName column={column} workspace={workspace} ownRun={ownRun} host={host} known={known} />}
            </Row>
            <Row title={trans.__('Size')} columns={columns}>
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
          {trans._n('Show %1 metric', 'Show all %1 metrics', rows.length)}
        </button>
      )}
    </>
  );
}

interface INameProps {
  version: ModelVersion | null;
  chosen?: number | null;
  choose?(version: number): void;
}

function Name({ version, chosen, choose }: INameProps) {
  const trans = useTrans();
  if (version === null || choose === undefined) {
    return <>{version === null ? trans.__('This run') : version.version}</>;
  }
  return (
    <button
      type="button"
      class="td-link td-version"
      aria-label={trans.__('Version %1', version.version)}
      aria-pressed={chosen === version.version}
      onClick={() => choose(version.version)}
    >
      {version.version}
    </button>
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
  const trans = useTrans();
  return (
    <tr>
      <th scope="row" title={row.name}>
        {shortened(row.name, 60)}
      </th>
      {columns.map((column, at) => {
        const value = row.values[at];
        const range =
          value === undefined ? undefined : trans.__('min %1, max %2', metric(value.min), metric(value.max));
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
  workspace: string;
  ownRun: string | null;
  host: IHost;
  known: IKnown;
}

/** What a run is called, else the end of its id, which tells it from others; the whole id is shown on hover. */
function RunName({ column: { run }, workspace, ownRun, host, known }: IRunNameProps) {
  const trans = useTrans();
  if (run === null) {
    return <span class="td-muted">{trans.__('files')}</span>;
  }
  const name = known.names.get(run);
  const short = name === undefined ? shortened(run.split('_').pop() ?? run, 12) : briefName(name, LONGEST_RUN);
  if (known.metrics.get(run) === null) {
    return (
      <span class="td-muted" title={run}>
        {trans.__('%1 (deleted)', short)}
      </span>
    );
  }
  if (host.openRun === undefined || run === ownRun) {
    return name === undefined ? <code title={run}>{short}</code> : <span title={run}>{short}</span>;
  }
  return (
    <button
      type="button"
      class="td-link"
      title={run}
      aria-label={trans.__('Show run %1', name ?? run)}
      onClick={() => host.openRun?.(workspace, run)}
    >
      {short}
    </button>
  );
}

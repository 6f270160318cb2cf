import { useState } from 'preact/hooks';
import type { ModelVersion, RunDocument } from '../../documents';
import { bytes, clock, shortened } from '../../format';
import { type ILineageNode, type KnownRun, lineageOf } from '../../model/model_lineage';
import { RequestError, runPath, type Source } from '../../sources/source';
import { type ITrans, useTrans } from '../../translation';
import { environmentRows } from '../facts';
import type { IHost } from '../header';
import { useLoaded } from '../hooks';
import { SourceFiles } from '../lineage';
import { type Fact, Hash, Section } from '../section';
import { LineageGraph } from './lineage_graph';

const MOST_PACKAGES = 500;

/** What choosing a node does that shows what is known about it. */
const SHOWING: Record<ILineageNode['kind'], (trans: ITrans) => string> = {
  data: trans => trans.__('Show what is known about this data'),
  snapshot: trans => trans.__('Show the files that the run was submitted with'),
  environment: trans => trans.__('Show what is known about this environment'),
  run: trans => trans.__('Show what is known about this run'),
  version: trans => trans.__('Show what is known about this version')
};

interface ILineageProps {
  source: Source;
  workspace: string;
  version: ModelVersion;
  host: IHost;
}

/** Where a version comes from, as a graph whose nodes open what they name. */
export function VersionLineage({ source, workspace, version, host }: ILineageProps) {
  const trans = useTrans();
  const [shown, show] = useState<string | null>(null);
  const { value: run = null, error } = useLoaded(
    signal => runOf(source, workspace, version.run, signal),
    `${workspace} ${version.run}`
  );
  const target = version.run === null || run === 'deleted' ? null : { workspace, run: version.run };
  const columns = lineageOf(version, run, trans);
  const toggling = (node: ILineageNode) => ({
    act: () => show(shown === node.key ? null : node.key),
    title: SHOWING[node.kind](trans),
    shows: true
  });
  const opening = (node: ILineageNode) => {
    if (node.kind !== 'run' && node.kind !== 'snapshot') {
      return toggling(node);
    }
    if (target === null) {
      return undefined; // it went with its run
    }
    if (node.kind === 'run') {
      const { openRun } = host;
      return (
        openRun && {
          act: () => openRun(workspace, target.run),
          title: trans.__('Open run %1', target.run),
          shows: false
        }
      );
    }
    return toggling(node);
  };
  const node = columns.flat().find(one => one.key === shown);
  return (
    <div class="td-stack">
      <LineageGraph
        label={trans.__('Lineage of version %1', version.version)}
        columns={columns}
        shown={shown}
        opening={opening}
      />
      {error && <p class="td-notice">{error}</p>}
      {version.run === null && (
        <p class="td-muted">{trans.__('It was registered from files, not from a run: nobody knows what made them.')}</p>
      )}
      {run === 'deleted' && (
        <p class="td-muted">
          {trans.__('Its run was deleted, and the files that it was submitted with. The version stays whole.')}
        </p>
      )}
      {node?.kind === 'snapshot' && target !== null && (
        <div class="td-facts">
          <div>
            <h4>{trans.__('Snapshot')}</h4>
            <Hash text={version.snapshot ?? ''} />
            <SourceFiles model={{ source, target }} host={host} />
          </div>
        </div>
      )}
      {node?.kind === 'data' && (
        <div class="td-facts">
          <Section
            title={trans.__('Data')}
            rows={[
              [trans.__('name'), shortened(node.text, 2000)],
              [trans.__('how it is known'), told(node, trans)]
            ]}
          />
        </div>
      )}
      {node?.kind === 'environment' && version.environment !== null && (
        <EnvironmentFacts
          source={source}
          workspace={workspace}
          environment={version.environment}
          run={run === 'deleted' ? null : run}
        />
      )}
      {node?.kind === 'version' && <VersionFacts version={version} />}
    </div>
  );
}

function told({ note }: ILineageNode, trans: ITrans): string {
  return note.startsWith('--') ? trans.__("the run's argument %1", shortened(note, 80)) : note;
}

async function runOf(source: Source, workspace: string, run: string | null, signal: AbortSignal): Promise<KnownRun> {
  if (run === null) {
    return null;
  }
  try {
    return await source.request<RunDocument>(runPath({ workspace, run }), { signal });
  } catch (error) {
    if (error instanceof RequestError && error.code === 'run_not_found') {
      return 'deleted';
    }
    throw error;
  }
}

/** An environment that was built, as the API tells it. */
interface IBuilt {
  key: string;
  kind: string;
  packages: string[];
  size: number | null;
  built: string | null;
  last_used: string | null;
  runs: number;
}

interface IEnvironmentProps {
  source: Source;
  workspace: string;
  /** Its key. */
  environment: string;
  /** The run that it was for; null where that is not known. */
  run: RunDocument | null;
}

function EnvironmentFacts({ source, workspace, environment, run }: IEnvironmentProps) {
  const trans = useTrans();
  const path = `/workspaces/${encodeURIComponent(workspace)}/environments`;
  const { value, error } = useLoaded(signal => source.request<{ environments: IBuilt[] }>(path, { signal }), path);
  const found = value?.environments.find(one => one.key === environment);
  const rows: Fact[] =
    run === null ? [[trans.__('key'), <Hash key="key" text={environment} />]] : environmentRows(run, trans);
  if (found !== undefined) {
    rows.push(
      [trans.__('kind'), found.kind],
      [trans.__('size'), bytes(found.size)],
      [trans.__('built'), clock(found.built)],
      [trans.__('last used'), trans._n('%2, by %1 run', '%2, by %1 runs', found.runs, clock(found.last_used))]
    );
  }
  return (
    <div class="td-facts">
      <Section title={trans.__('Environment')} rows={rows} />
      <div>
        <h4>{trans.__('Packages')}</h4>
        {found === undefined ? (
          <p class="td-muted">
            {error ||
              (value === undefined
                ? trans.__('Asking for them…')
                : trans.__(
                    'Nothing is kept of it: it was the own Python of whoever submitted the run, or was removed since.'
                  ))}
          </p>
        ) : (
          <ul class="td-plain td-source">
            {found.packages.slice(0, MOST_PACKAGES).map(one => (
              <li key={one}>{shortened(one, 200)}</li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

function VersionFacts({ version }: { version: ModelVersion }) {
  const trans = useTrans();
  const { framework, framework_version: number, properties } = version;
  const rows: (Fact | false)[] = [
    [trans.__('id'), version.id],
    [trans.__('registered'), clock(version.created)],
    [trans.__('size'), trans._n('%2 in %1 file', '%2 in %1 files', version.file_count, bytes(version.size))],
    version.experiment !== null && [trans.__('experiment'), version.experiment],
    framework !== '' && [trans.__('framework'), `${framework} ${number}`.trim()],
    ...Object.entries(properties).map(([name, value]): Fact => [name, shortened(value, 400)])
  ];
  return (
    <div class="td-facts">
      <Section title={trans.__('Version')} rows={rows.filter(row => row !== false)} />
    </div>
  );
}

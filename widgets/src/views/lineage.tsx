import { type ComponentChildren, Fragment } from 'preact';
import { useState } from 'preact/hooks';
import type { ModelVersion, RunDocument, RunRow } from '../documents';
import { bytes, shortened, words } from '../format';
import { type ITree, treeOf } from '../model/code';
import { isData, parameters } from '../model/parameters';
import type { RunModel } from '../model/run_model';
import { modelPath, query } from '../sources/source';
import type { IHost } from './header';
import { useLoaded } from './hooks';
import { type Fact, Hash, Section } from './section';

const RESUBMITTED_FROM = 'traindock.resubmitted_from';
/** Children, models and files that are listed. */
const MOST = 50;
const LONGEST_NAME = 80;

/** What of a run's spec and environment tells where it comes from. */
interface ISpec {
  snapshot?: string;
  script?: string | null;
  arguments?: unknown[];
  environment_name?: string;
}

/** Where a run comes from, and what has come of it; what the host can show is opened from here. */
export function Lineage({
  model,
  run,
  host,
  openModel
}: {
  model: RunModel;
  run: RunDocument;
  host: IHost;
  openModel: () => void;
}) {
  const { source, target } = model;
  const key = `${target.run} ${model.state?.state}`;
  const children = useLoaded(
    signal => source.request<{ runs: RunRow[]; more: boolean }>(childrenPath(target), { signal }),
    key
  );
  const made = useLoaded(
    signal => source.request<{ models: ModelVersion[]; more: boolean }>(madePath(target), { signal }),
    key
  );
  const { snapshot, script, arguments: given = [], environment_name: named } = run.spec as ISpec;
  const from = run.properties[RESUBMITTED_FROM];
  const open = (id: string, text = id): ComponentChildren => (
    <RunLink id={id} text={text} workspace={target.workspace} host={host} />
  );
  const rows: (Fact | false)[] = [
    run.parent !== null && ['part of', open(run.parent)],
    from !== undefined && ['resubmitted from', open(from)],
    ['children', <Children key="children" asked={children} open={open} />],
    Boolean(snapshot) && [
      'source',
      <Code key="source" model={model} host={host} snapshot={String(snapshot)} script={script ?? null} />
    ],
    ['environment', <Environment key="environment" name={named} made={run.environment} />],
    ...parameters(given)
      .filter(([name]) => isData(name))
      .map(([name, value]): Fact => [name, shortened(value, 400)]),
    ['models', <Made key="models" asked={made} openModel={openModel} />]
  ];
  return <Section title="Lineage" rows={rows.filter(row => row !== false)} />;
}

function childrenPath({ workspace, run }: RunModel['target']): string {
  return `/workspaces/${encodeURIComponent(workspace)}/runs${query({ parent: run, limit: MOST })}`;
}

function madePath({ workspace, run }: RunModel['target']): string {
  return modelPath(workspace, null, query({ run, limit: MOST }));
}

function RunLink({ id, text, workspace, host }: { id: string; text: string; workspace: string; host: IHost }) {
  return host.openRun === undefined ? (
    <code>{text}</code>
  ) : (
    <button type="button" class="td-link" title={`Open ${id}`} onClick={() => host.openRun?.(workspace, id)}>
      {text}
    </button>
  );
}

type Asked<T> = { value: T | undefined; error: string };

function Children({
  asked: { value, error },
  open
}: {
  asked: Asked<{ runs: RunRow[]; more: boolean }>;
  open: (id: string, text: string) => ComponentChildren;
}) {
  if (value === undefined || value.runs.length === 0) {
    return <span class="td-muted">{value === undefined ? error || '…' : 'none'}</span>;
  }
  return (
    <ul class="td-plain">
      {value.runs.map(row => (
        <li key={row.id}>
          {open(row.id, shortened(row.display_name || row.id, LONGEST_NAME))}{' '}
          <span class={`td-word td-state-${row.state}`}>
            {row.state === 'Failed' && row.reason ? words(row.reason) : row.state}
          </span>
        </li>
      ))}
      {value.more && <li class="td-muted">{`The last ${MOST} are shown.`}</li>}
    </ul>
  );
}

function Environment({ name, made }: { name: string | undefined; made: Record<string, unknown> }) {
  const { key, image } = made as { key?: string | null; image?: string | null };
  return (
    <>
      {name && <span>{`${shortened(name, LONGEST_NAME)} `}</span>}
      {key && <Hash text={key} />}
      {image && <div class="td-muted">{`image ${shortened(image, 400)}`}</div>}
      {!name && !key && !image && <span class="td-muted">–</span>}
    </>
  );
}

function Made({
  asked: { value, error },
  openModel
}: {
  asked: Asked<{ models: ModelVersion[]; more: boolean }>;
  openModel: () => void;
}) {
  if (value === undefined || value.models.length === 0) {
    return <span class="td-muted">{value === undefined ? error || '…' : 'none registered'}</span>;
  }
  return (
    <ul class="td-plain">
      {value.models.map(({ id, name, version, aliases }) => (
        <li key={id}>
          <button type="button" class="td-link" title="Show the model's versions" onClick={openModel}>
            {`${shortened(name, LONGEST_NAME)} version ${version}`}
          </button>
          {aliases.map(alias => (
            <Fragment key={alias}>
              {' '}
              <span class="td-alias">{alias}</span>
            </Fragment>
          ))}
        </li>
      ))}
      {value.more && <li class="td-muted">{`The last ${MOST} are shown.`}</li>}
    </ul>
  );
}

/** The snapshot that a run was submitted with: its id, the script, and the other files when they are asked for. */
function Code({
  model,
  host,
  snapshot,
  script
}: {
  model: RunModel;
  host: IHost;
  snapshot: string;
  script: string | null;
}) {
  const [listed, list] = useState(false);
  return (
    <>
      <Hash text={snapshot} /> {script !== null && <SourceLink model={model} host={host} path={script} />}{' '}
      <button type="button" class="td-link" aria-expanded={listed} onClick={() => list(!listed)}>
        {listed ? 'hide the files' : 'all files'}
      </button>
      {listed && <SourceFiles model={model} host={host} />}
    </>
  );
}

function SourceFiles({ model, host }: { model: RunModel; host: IHost }) {
  const { value, error } = useLoaded<ITree>(signal => treeOf(model.source, model.target, signal), model.target.run);
  if (value === undefined) {
    return <div class="td-muted">{error || 'Asking for the files…'}</div>;
  }
  const files = value.entries.filter(entry => entry.kind === 'file');
  return (
    <ul class="td-plain td-source">
      {files.slice(0, MOST).map(({ path, size }) => (
        <li key={path}>
          <SourceLink model={model} host={host} path={path} /> <span class="td-muted td-number">{bytes(size)}</span>
        </li>
      ))}
      {value.total > MOST && <li class="td-muted">{`The first ${MOST} of ${value.total.toLocaleString('en')}.`}</li>}
    </ul>
  );
}

function SourceLink({ model, host, path }: { model: RunModel; host: IHost; path: string }) {
  const { workspace, run } = model.target;
  return host.openSource === undefined ? (
    <code>{shortened(path, 200)}</code>
  ) : (
    <button
      type="button"
      class="td-link"
      title={`Open ${path} as it was submitted`}
      onClick={() => host.openSource?.(workspace, run, path, 1)}
    >
      {shortened(path, 200)}
    </button>
  );
}

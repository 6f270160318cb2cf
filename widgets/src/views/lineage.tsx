import { type ComponentChildren, Fragment } from 'preact';
import { useState } from 'preact/hooks';
import type { ModelVersion, RunDocument, RunRow } from '../documents';
import { bytes, grouped, shortened } from '../format';
import { type ITree, treeOf } from '../model/code';
import { dataNote, dataOf } from '../model/parameters';
import type { RunModel } from '../model/run_model';
import { briefName, runName } from '../model/run_name';
import { modelPath, query } from '../sources/source';
import { reasonWords, stateWord } from '../state_words';
import { useTrans } from '../translation';
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
  notebook?: string | null;
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
  const trans = useTrans();
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
  const { snapshot, script, notebook, environment_name: named } = run.spec as ISpec;
  const from = run.properties[RESUBMITTED_FROM];
  const open = (id: string, text = id): ComponentChildren => (
    <RunLink id={id} text={text} workspace={target.workspace} host={host} />
  );
  const rows: (Fact | false)[] = [
    run.parent !== null && [trans.__('part of'), open(run.parent)],
    from !== undefined && [trans.__('resubmitted from'), open(from)],
    [trans.__('children'), <Children key="children" asked={children} open={open} />],
    Boolean(snapshot) && [
      trans.__('source'),
      <Code key="source" model={model} host={host} snapshot={String(snapshot)} script={script ?? notebook ?? null} />
    ],
    [trans.__('environment'), <Environment key="environment" name={named} made={run.environment} />],
    ...dataOf(run, trans).map(
      ({ name, value, fact }): Fact => [
        name,
        <>
          {shortened(value, 400)}
          {fact && <span class="td-muted">{` ${dataNote(fact, trans)}`}</span>}
        </>
      ]
    ),
    [trans.__('models'), <Made key="models" asked={made} openModel={openModel} />]
  ];
  return <Section title={trans.__('Lineage')} rows={rows.filter(row => row !== false)} />;
}

function childrenPath({ workspace, run }: RunModel['target']): string {
  return `/workspaces/${encodeURIComponent(workspace)}/runs${query({ parent: run, limit: MOST })}`;
}

function madePath({ workspace, run }: RunModel['target']): string {
  return modelPath(workspace, null, query({ run, limit: MOST }));
}

function RunLink({ id, text, workspace, host }: { id: string; text: string; workspace: string; host: IHost }) {
  const trans = useTrans();
  return host.openRun === undefined ? (
    <code>{text}</code>
  ) : (
    <button type="button" class="td-link" title={trans.__('Open %1', id)} onClick={() => host.openRun?.(workspace, id)}>
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
  const trans = useTrans();
  if (value === undefined || value.runs.length === 0) {
    return <span class="td-muted">{value === undefined ? error || '…' : trans.__('none')}</span>;
  }
  return (
    <ul class="td-plain">
      {value.runs.map(row => (
        <li key={row.id}>
          {open(row.id, briefName(runName(row), LONGEST_NAME))}{' '}
          <span class={`td-word td-state-${row.state}`}>
            {row.state === 'Failed' && row.reason ? reasonWords(row.reason, trans) : stateWord(row.state, trans)}
          </span>
        </li>
      ))}
      {value.more && <li class="td-muted">{trans.__('The last %1 are shown.', MOST)}</li>}
    </ul>
  );
}

function Environment({ name, made }: { name: string | undefined; made: Record<string, unknown> }) {
  const trans = useTrans();
  const { key, image } = made as { key?: string | null; image?: string | null };
  return (
    <>
      {name && <span>{`${shortened(name, LONGEST_NAME)} `}</span>}
      {key && <Hash text={key} />}
      {image && <div class="td-muted">{trans.__('image %1', shortened(image, 400))}</div>}
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
  const trans = useTrans();
  if (value === undefined || value.models.length === 0) {
    return <span class="td-muted">{value === undefined ? error || '…' : trans.__('none registered')}</span>;
  }
  return (
    <ul class="td-plain">
      {value.models.map(({ id, name, version, aliases }) => (
        <li key={id}>
          <button type="button" class="td-link" title={trans.__("Show the model's versions")} onClick={openModel}>
            {trans.__('%1 version %2', shortened(name, LONGEST_NAME), version)}
          </button>
          {aliases.map(alias => (
            <Fragment key={alias}>
              {' '}
              <span class="td-alias">{alias}</span>
            </Fragment>
          ))}
        </li>
      ))}
      {value.more && <li class="td-muted">{trans.__('The last %1 are shown.', MOST)}</li>}
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
  const trans = useTrans();
  const [listed, list] = useState(false);
  return (
    <>
      <Hash text={snapshot} /> {script !== null && <SourceLink model={model} host={host} path={script} />}{' '}
      <button type="button" class="td-link" aria-expanded={listed} onClick={() => list(!listed)}>
        {listed ? trans.__('hide the files') : trans.__('all files')}
      </button>
      {listed && <SourceFiles model={model} host={host} />}
    </>
  );
}

/** What of a run its files are asked for by. */
type RunOf = Pick<RunModel, 'source' | 'target'>;

/** The files of the snapshot that a run was submitted with. */
export function SourceFiles({ model, host }: { model: RunOf; host: IHost }) {
  const trans = useTrans();
  const { value, error } = useLoaded<ITree>(signal => treeOf(model.source, model.target, signal), model.target.run);
  if (value === undefined) {
    return <div class="td-muted">{error || trans.__('Asking for the files…')}</div>;
  }
  const files = value.entries.filter(entry => entry.kind === 'file');
  return (
    <ul class="td-plain td-source">
      {files.slice(0, MOST).map(({ path, size }) => (
        <li key={path}>
          <SourceLink model={model} host={host} path={path} /> <span class="td-muted td-number">{bytes(size)}</span>
        </li>
      ))}
      {value.total > MOST && <li class="td-muted">{trans.__('The first %1 of %2.', MOST, grouped(value.total))}</li>}
    </ul>
  );
}

function SourceLink({ model, host, path }: { model: RunOf; host: IHost; path: string }) {
  const trans = useTrans();
  const { workspace, run } = model.target;
  return host.openSource === undefined ? (
    <code>{shortened(path, 200)}</code>
  ) : (
    <button
      type="button"
      class="td-link"
      title={trans.__('Open %1 as it was submitted', path)}
      onClick={() => host.openSource?.(workspace, run, path, 1)}
    >
      {shortened(path, 200)}
    </button>
  );
}

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { VNode } from 'preact';
import { isModelName } from '../../widgets/src/model/registry';
import { RunModel } from '../../widgets/src/model/run_model';
import { RunsModel } from '../../widgets/src/model/runs_model';
import { PageSelection } from '../../widgets/src/model/selection';
import type { Source } from '../../widgets/src/sources/source';
import type { ITrans } from '../../widgets/src/translation';
import { RunCard } from '../../widgets/src/views/card';
import { CompareCard } from '../../widgets/src/views/compare/compare_card';
import type { IHost } from '../../widgets/src/views/header';
import { partsHere } from '../../widgets/src/views/parts';
import { RegistrationCard } from '../../widgets/src/views/registration';
import { openedHere } from '../../widgets/src/views/runs/opened';
import { RunsCard } from '../../widgets/src/views/runs/runs_card';
import { type IKernels, KernelSelection } from './kernel_selection';
import type { Versions } from './versions';

/** The newest version of our outputs that is known here. */
const VERSION = 1;

const WORKSPACE = /^[0-9a-f]{32}$/;
const RUN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$/;
const EXPERIMENT = /^[A-Za-z0-9][A-Za-z0-9_-]{2,35}$/;
const COMPUTE = /^[A-Za-z][A-Za-z0-9-]{0,22}[A-Za-z0-9]$/;
const WIDGET = /^[0-9a-f]{32}$/;

const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';
const FEWEST_COMPARED = 2;
const MOST_COMPARED = 10;

/** What views need of the page. */
export interface IPage {
  source: Source;
  versions: Versions;
  /** What has the views speak the language of the page. */
  trans: ITrans;
  host: IHost;
  /** The kernel of the notebook that the view is in. */
  kernels: IKernels;
}

/** What an output shows. */
export interface IShown {
  /** Equal for outputs that show the same. */
  key: string;
  view(page: IPage): VNode;
}

type Ids = Record<string, unknown>;

/** By type of output, what it shows by the ids in its metadata; undefined where they are not of the right form. */
const KINDS: Record<string, (ids: Ids, widget: string | undefined) => IShown | undefined> = {
  'application/vnd.traindock.run+json': ({ workspace, run }, widget) =>
    isWorkspace(workspace) && isRun(run)
      ? {
          key: `${workspace} ${run}`,
          view: page => (
            <RunCard
              model={new RunModel(page.source, { workspace, run })}
              host={picking(page, widget)}
              parts={partsHere}
            />
          )
        }
      : undefined,

  'application/vnd.traindock.registration+json': ({ workspace, run }, widget) =>
    isWorkspace(workspace) && isRun(run)
      ? {
          key: `${workspace} ${run}`,
          view: page => (
            <RegistrationCard model={new RunModel(page.source, { workspace, run })} host={picking(page, widget)} />
          )
        }
      : undefined,

  'application/vnd.traindock.comparison+json': ({ workspace, runs }) =>
    isWorkspace(workspace) && areRuns(runs)
      ? {
          key: `${workspace} ${runs.join(' ')}`,
          view: ({ source }) => <CompareCard source={source} workspace={workspace} ids={runs} />
        }
      : undefined,

  'application/vnd.traindock.runs+json': ({ workspace, experiment }, widget) =>
    isWorkspace(workspace) && isExperiment(experiment)
      ? {
          key: `${workspace} ${experiment}`,
          view: ({ source, host, kernels }) => (
            <RunsCard
              model={new RunsModel(source, { workspace, experiment })}
              selection={
                widget === undefined ? new PageSelection() : new KernelSelection(widget, 'selected_runs', kernels)
              }
              opened={openedHere(source, workspace)}
              host={host}
            />
          )
        }
      : undefined
};

/** The types of our outputs: their data is constant, and their metadata has the ids. */
export const MIME_TYPES = Object.keys(KINDS);

/** Return what an output shows, or why it shows nothing. Nothing but ids of the right form is ever taken from it. */
export function shownBy(mime: string, model: IRenderMime.IMimeModel, trans: ITrans): IShown | string {
  const nothing = trans.__('This output does not say what it shows. Execute its cell again.');
  const data = model.data[mime] as { version?: unknown } | undefined;
  if (typeof data?.version !== 'number') {
    return nothing;
  }
  if (data.version > VERSION) {
    return trans.__(
      'This card was made by a newer version of Traindock (its form is %1, and this page knows %2). ' +
        'Update Traindock on this Jupyter server to see it, and reload the page.',
      data.version,
      VERSION
    );
  }
  const widget = (model.data[WIDGET_VIEW] as { model_id?: unknown } | undefined)?.model_id;
  const ids = model.metadata[mime];
  const known = typeof ids === 'object' && ids !== null ? (ids as Ids) : {};
  return KINDS[mime]?.(known, is(WIDGET, widget) ? widget : undefined) ?? nothing;
}

/** Return the page's host, by which a widget in the kernel learns which files are picked, and picks some. */
function picking({ host, kernels }: IPage, widget: string | undefined): IHost {
  return widget === undefined ? host : { ...host, files: new KernelSelection(widget, 'selected_files', kernels) };
}

function is(form: RegExp, value: unknown): value is string {
  return typeof value === 'string' && form.test(value);
}

/** Whether something has the form of a workspace's id. */
export function isWorkspace(value: unknown): value is string {
  return is(WORKSPACE, value);
}

/** Whether something has the form of a run's id. */
export function isRun(value: unknown): value is string {
  return is(RUN, value);
}

/** Whether something has the form of an experiment's name. */
export function isExperiment(value: unknown): value is string {
  return is(EXPERIMENT, value);
}

/** Whether something has the form of a model's name. */
export function isModel(value: unknown): value is string {
  return typeof value === 'string' && isModelName(value);
}

/** Whether something has the form of a compute target's name. */
export function isCompute(value: unknown): value is string {
  return is(COMPUTE, value);
}

/** Whether something is a list of runs' ids that can be compared. */
export function areRuns(value: unknown): value is string[] {
  return areShownTogether(value) && value.length >= FEWEST_COMPARED;
}

/** Whether something is a list of ids of one run, or of as many as are shown together at most. */
export function areShownTogether(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= MOST_COMPARED &&
    value.every(isRun) &&
    new Set(value).size === value.length
  );
}

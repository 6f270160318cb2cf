import type { TranslationBundle } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { Source } from '../../widgets/src/sources/source';
import type { Activity } from './activity/activity';
import type { ISection } from './sidebar/sidebar';
import type { Tabs } from './tabs';
import type { Versions } from './versions';
import type { Workspaces } from './workspaces';

/** The Jupyter server of this page, and which of its workspaces is looked at. */
export interface ITraindock {
  /** Where everything comes from. */
  readonly source: Source;
  /** Whether the server is of the same version. */
  readonly versions: Versions;
  readonly workspaces: Workspaces;
  /** What turns our words into the language of the page. */
  readonly trans: TranslationBundle;
}

export const ITraindock = new Token<ITraindock>(
  'jupyterlab-traindock:ITraindock',
  'The Jupyter server as Traindock knows it, and which of its workspaces is looked at.'
);

/** What opens runs, comparisons and files as tabs. */
export type ITabs = Tabs;

export const ITabs = new Token<ITabs>('jupyterlab-traindock:ITabs', 'Opens runs, comparisons and files as tabs.');

/** The sidebar, to which plugins add their parts. */
export interface ISidebar {
  /** Add a section; what is returned takes it away again. */
  addSection(section: ISection): IDisposable;
  /** Open a section that may have been collapsed. */
  expand(id: string): void;
}

export const ISidebar = new Token<ISidebar>('jupyterlab-traindock:ISidebar', 'The sidebar, which takes sections.');
/** What is going on in the workspaces of the server. */
export type IActivity = Activity;

export const IActivity = new Token<IActivity>(
  'jupyterlab-traindock:IActivity',
  'Which runs have not ended yet, and which end.'
);

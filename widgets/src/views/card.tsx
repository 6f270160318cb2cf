import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { RunModel } from '../model/run_model';
import { brokenText, problemOf } from '../problems';
import { type ITrans, useTrans } from '../translation';
import { Curves } from './curves';
import { Facts } from './facts';
import { Failure } from './failure';
import { Frame } from './frame';
import { Header, type IHost } from './header';
import { useRun } from './hooks';
import { Log } from './log';
import { Resources } from './resources';
import { ProgressBar, Stages } from './stages';
import { Tabs } from './tabs';

const TABS = ['Curves', 'Log', 'Files', 'Model', 'Details'] as const;
type Tab = (typeof TABS)[number];
/** The others have nothing of who looks at them but what is open, and ask for what is new when they are shown again. */
const STAYS: readonly Tab[] = ['Curves', 'Log', 'Model'];

function tabWords(trans: ITrans): Record<Tab, string> {
  return {
    Curves: trans.__('Curves'),
    Log: trans.__('Log'),
    Files: trans.__('Files'),
    Model: trans.__('Model'),
    Details: trans.__('Details')
  };
}

/** Draws a part of a run's card. */
export type PartView = (model: RunModel, host: IHost) => VNode;

/** What of a card is seen only once somebody opens it. */
export interface IParts {
  files: PartView;
  /** The panel by which what a run left becomes a model. */
  registration: PartView;
}

interface ICard {
  model: RunModel;
  host?: IHost;
  /** A kernel sends each of them when it is first opened: they are a seventh of all that a card is. */
  parts: IParts;
}

/** A run, live: what it does, how far it is, its curves, output, files and facts. */
export function RunCard({ model, host = {}, parts }: ICard) {
  const trans = useTrans();
  useRun(model);
  const [chosen, choose] = useState<Tab | null>(null);
  if (model.error !== null && model.state === null) {
    return (
      <Frame label={trans.__('Run')}>
        <p class="td-problem" role="alert">
          {problemOf(model.error, trans)}
        </p>
      </Frame>
    );
  }
  // Until numbers come the log is what there is to see; whoever has chosen, or looks closer at it, stays where they are.
  const tab = chosen ?? (model.series.size > 0 || model.state === null ? 'Curves' : 'Log');
  return (
    <Frame label={trans.__('Run')}>
      <Header model={model} host={host} />
      <Stages model={model} />
      <ProgressBar model={model} />
      <Resources model={model} />
      <Failure model={model} host={host} />
      <Notice model={model} />
      <Tabs
        names={TABS}
        words={tabWords(trans)}
        label={trans.__('What of the run')}
        chosen={tab}
        choose={choose}
        onUsed={() => choose(tab)}
        keeps="Curves"
        stays={model.state === null ? [] : STAYS}
        draw={tab =>
          model.state === null ? (
            <p class="td-empty">{trans.__('Asking for the run…')}</p>
          ) : (
            panel(tab, { model, host, parts }, choose)
          )
        }
      />
    </Frame>
  );
}

function panel(tab: Tab, { model, host, parts }: Required<ICard>, choose: (tab: Tab) => void) {
  switch (tab) {
    case 'Curves':
      return <Curves model={model} />;
    case 'Log':
      return <Log model={model} host={host} />;
    case 'Files':
      return parts.files(model, host);
    case 'Model':
      return parts.registration(model, host);
    case 'Details':
      return <Facts model={model} host={host} openModel={() => choose('Model')} />;
  }
}

/** Whether what is shown may be old. */
function Notice({ model }: { model: RunModel }) {
  const trans = useTrans();
  if (model.error !== null) {
    return (
      <p class="td-notice" role="status">
        {trans.__('%1 This is what was known before.', problemOf(model.error, trans))}
      </p>
    );
  }
  return model.connection === 'broken' && !model.ended ? (
    <p class="td-notice" role="status">
      {brokenText(
        model.source.reach,
        1,
        trans.__('The connection is broken; the run goes on, and so does this card once the connection is back.'),
        trans
      )}
    </p>
  ) : null;
}

import { useState } from 'preact/hooks';
import type { RunModel } from '../model/run_model';
import { Curves } from './curves';
import { Facts } from './facts';
import { Files } from './files';
import { Frame } from './frame';
import { Header, type IHost } from './header';
import { useRun } from './hooks';
import { Log } from './log';
import { problemOf } from './problems';
import { Registration } from './registration';
import { Resources } from './resources';
import { ProgressBar, Stages } from './stages';
import { Tabs } from './tabs';

const TABS = ['Curves', 'Log', 'Files', 'Model', 'Details'] as const;
type Tab = (typeof TABS)[number];

/** A run, live: what it does, how far it is, its curves, output, files and facts. */
export function RunCard({ model, host = {} }: { model: RunModel; host?: IHost }) {
  useRun(model);
  const [chosen, choose] = useState<Tab | null>(null);
  if (model.error !== null && model.state === null) {
    return (
      <Frame label="Run">
        <p class="td-problem" role="alert">
          {problemOf(model.error)}
        </p>
      </Frame>
    );
  }
  // Until numbers come the log is what there is to see; whoever has chosen stays where they are.
  const tab = chosen ?? (model.series.size > 0 || model.state === null ? 'Curves' : 'Log');
  return (
    <Frame label="Run">
      <Header model={model} host={host} />
      <Stages model={model} />
      <ProgressBar model={model} />
      <Resources model={model} />
      <Failure model={model} />
      <Notice model={model} />
      <Tabs names={TABS} label="What of the run" chosen={tab} choose={choose}>
        {model.state === null ? <p class="td-empty">Asking for the run…</p> : panel(tab, model, host, choose)}
      </Tabs>
    </Frame>
  );
}

function panel(tab: Tab, model: RunModel, host: IHost, choose: (tab: Tab) => void) {
  switch (tab) {
    case 'Curves':
      return <Curves model={model} />;
    case 'Log':
      return <Log model={model} host={host} />;
    case 'Files':
      return <Files model={model} />;
    case 'Model':
      return <Registration model={model} host={host} />;
    case 'Details':
      return <Facts model={model} host={host} openModel={() => choose('Model')} />;
  }
}

/** Why a run failed, with the end of the log that tells most, and what to do next. */
function Failure({ model }: { model: RunModel }) {
  const failure = model.run?.failure ?? null;
  if (!model.ended || failure === null) {
    return null;
  }
  return (
    <div class="td-problem">
      <p>{failure.hint}</p>
      {failure.log_tail.length > 0 && (
        <pre>
          {failure.log_tail
            .slice(-8)
            .map(line => model.readable(line))
            .join('\n')}
        </pre>
      )}
    </div>
  );
}

/** Whether what is shown may be old. */
function Notice({ model }: { model: RunModel }) {
  if (model.error !== null) {
    return (
      <p class="td-notice" role="status">
        {problemOf(model.error)} This is what was known before.
      </p>
    );
  }
  return model.connection === 'broken' && !model.ended ? (
    <p class="td-notice" role="status">
      The connection is broken; the run goes on, and so does this card once the connection is back.
    </p>
  ) : null;
}

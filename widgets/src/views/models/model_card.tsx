import { useState } from 'preact/hooks';
import type { Alias } from '../../documents';
import { shortened } from '../../format';
import type { ModelNews } from '../../model/model_news';
import { modelPath, query } from '../../sources/source';
import { useTrans } from '../../translation';
import { ConfirmedButton } from '../confirmed_button';
import { Frame } from '../frame';
import type { IHost } from '../header';
import { useAction, useLoaded, useObserved } from '../hooks';
import { Outcome } from '../outcome';
import { Aliases } from './aliases';
import { History } from './history';
import { load, SIDE_BY_SIDE } from './known';
import { SideBySide } from './side_by_side';
import { VersionDetails } from './version_details';

interface IModelCardProps {
  news: ModelNews;
  host?: IHost;
  /** Return code that loads a version. */
  code?(version: number): string;
}

/** A registered model: its versions, what its aliases stand for, who moved those, and where each version comes from. */
export function ModelCard({ news, host = {}, code }: IModelCardProps) {
  const trans = useTrans();
  useObserved(news);
  const { source, workspace, name, revision } = news;
  const [offset, setOffset] = useState(0);
  const [chosen, choose] = useState<number | null>(null);
  const action = useAction(source);
  const { value, error } = useLoaded(
    signal => load(source, workspace, name, null, offset, signal),
    `${workspace} ${name} ${offset} ${revision}`
  );
  if (!value) {
    const gone = value === null ? trans.__('There is no model %1 in this workspace.', shortened(name, 80)) : '';
    return (
      <Frame label={trans.__('Model %1', name)}>
        <h3 class="td-name">{name}</h3>
        <p class="td-empty">{error || gone || trans.__('Asking for it…')}</p>
      </Frame>
    );
  }
  const { versions, more } = value;
  const version = versions.find(one => one.version === chosen) ?? versions[0];
  const act = (work: () => Promise<unknown>, done: string): void =>
    action.run(
      () => work().finally(() => news.changed()), // a refusal tells that something else has changed
      () => done
    );
  const path = (alias: string) => modelPath(workspace, name, `/aliases/${encodeURIComponent(alias)}`);
  const remove = ({ alias, version: at }: Alias) => (
    <ConfirmedButton
      label={trans.__('Remove %1', alias)}
      question={trans.__('Remove %1?', alias)}
      yes={trans.__('Remove it')}
      no={trans.__('Keep it')}
      disabled={action.busy}
      act={() =>
        act(
          () => source.request(`${path(alias)}${query({ expected: at })}`, { method: 'DELETE' }),
          trans.__('Removed %1, which was version %2.', alias, at)
        )
      }
      onLost={() => undefined}
    />
  );
  return (
    <Frame label={trans.__('Model %1', name)}>
      <header class="td-header">
        <h3 class="td-name" title={name}>
          {name}
        </h3>
      </header>
      {news.connection === 'broken' && (
        <p class="td-notice" role="status">
          {trans.__('The connection is broken; what changes is shown once it is back.')}
        </p>
      )}
      {error && <p class="td-notice">{error}</p>}
      <div class="td-model">
        <section class="td-stack" aria-label={trans.__('Versions')}>
          <h4>{trans.__('Versions')}</h4>
          <SideBySide
            workspace={workspace}
            ownRun={null}
            host={host}
            known={value}
            chosen={version?.version ?? null}
            choose={choose}
          />
          {(offset > 0 || more) && (
            <div class="td-tools">
              <button type="button" disabled={offset === 0} onClick={() => setOffset(offset - SIDE_BY_SIDE)}>
                {trans.__('Newer')}
              </button>
              <button type="button" disabled={!more} onClick={() => setOffset(offset + SIDE_BY_SIDE)}>
                {trans.__('Older')}
              </button>
            </div>
          )}
        </section>
        <section class="td-stack" aria-label={trans.__('Aliases and their history')}>
          <h4>{trans.__('Aliases')}</h4>
          <Aliases
            source={source}
            path={modelPath(workspace, name)}
            known={value}
            action={action}
            act={act}
            more={source.reach === 'never' ? undefined : remove}
          />
          <Outcome action={action} />
          <History moves={value.moves} />
        </section>
      </div>
      {version !== undefined && (
        <VersionDetails key={version.version} news={news} version={version} host={host} code={code} />
      )}
    </Frame>
  );
}

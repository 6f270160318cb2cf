import { useMemo, useState } from 'preact/hooks';
import { shortened } from '../format';
import { ModelNews } from '../model/model_news';
import type { RunModel } from '../model/run_model';
import { modelPath } from '../sources/source';
import { useTrans } from '../translation';
import type { IHost } from './header';
import { useAction, useLoaded, useObserved } from './hooks';
import { Aliases } from './models/aliases';
import { History } from './models/history';
import { load, SIDE_BY_SIDE } from './models/known';
import { SideBySide } from './models/side_by_side';
import { Outcome } from './outcome';
import { Pending } from './pending';

interface IVersionsProps {
  model: RunModel;
  host: IHost;
  /** Of the registered model. */
  name: string;
  /** Grows with each change of the registry that is known of. */
  revision: number;
  onChanged(): void;
}

/** The versions of a model with the metrics of their runs, which of them its aliases stand for, and who moved those. */
export function Versions({ model, host, name, revision, onChanged }: IVersionsProps) {
  const trans = useTrans();
  const { source, target } = model;
  const [offset, setOffset] = useState(0);
  const action = useAction(source);
  const news = useMemo(() => new ModelNews(source, target.workspace, name), [source, target.workspace, name]);
  useObserved(source.reach === 'now' ? news : undefined); // a card's kernel tells of its run alone
  const loaded = useLoaded(
    signal => load(source, target.workspace, name, target.run, offset, signal),
    `${target.workspace} ${name} ${offset} ${revision} ${news.revision} ${model.ended}`
  );
  const { value, error, again } = loaded;
  if (value === undefined) {
    return <Pending loaded={loaded} words={trans.__('Looking for %1…', shortened(name, 80))} />;
  }
  if (value === null) {
    return (
      <p class="td-muted">
        {error || trans.__('There is no model %1 yet: this will be its version 1.', shortened(name, 80))}
      </p>
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
      <h4>{trans.__('Versions of %1', shortened(name, 80))}</h4>
      <Aliases source={source} path={modelPath(target.workspace, name)} known={value} action={action} act={act} />
      <Outcome action={action} />
      {error && <p class="td-notice">{error}</p>}
      <SideBySide workspace={target.workspace} ownRun={target.run} host={host} known={value} />
      <div class="td-tools">
        {offset > 0 && (
          <button type="button" onClick={() => setOffset(offset - SIDE_BY_SIDE)}>
            {trans.__('Newer')}
          </button>
        )}
        {value.more && (
          <button type="button" onClick={() => setOffset(offset + SIDE_BY_SIDE)}>
            {trans.__('Older')}
          </button>
        )}
        <button type="button" onClick={again}>
          {trans.__('Look again')}
        </button>
      </div>
      <History moves={value.moves} />
    </div>
  );
}

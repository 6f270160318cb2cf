import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { RunModel } from '../../model/run_model';
import type { Source } from '../../sources/source';
import { RunCard } from '../card';
import { CompareCard } from '../compare/compare_card';
import type { IHost } from '../header';
import { partsHere } from '../parts';

/** How a list of runs shows those that are opened in it. */
export interface IOpened {
  /** Return the card of a run. */
  run(run: string, host: IHost): VNode;
  /** Return the comparison of runs. */
  comparison(runs: readonly string[]): VNode;
}

/** Show them by the cards that a page has anyway. */
export function openedHere(source: Source, workspace: string): IOpened {
  return {
    run: (run, host) => <OpenedRun source={source} workspace={workspace} run={run} host={host} />,
    comparison: runs => <CompareCard source={source} workspace={workspace} ids={runs} />
  };
}

function OpenedRun({ source, workspace, run, host }: { source: Source; workspace: string; run: string; host: IHost }) {
  const model = useMemo(() => new RunModel(source, { workspace, run }), [source, workspace, run]);
  return <RunCard model={model} host={host} parts={partsHere} />;
}

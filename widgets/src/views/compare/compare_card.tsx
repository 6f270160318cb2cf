import { useMemo, useState } from 'preact/hooks';
import { duration, shortened } from '../../format';
import { environments, names, results } from '../../model/comparison';
import { lossesOf } from '../../model/losses';
import { RunModel } from '../../model/run_model';
import { brokenText, problemOf } from '../../problems';
import type { Source } from '../../sources/source';
import { stateWord } from '../../state_words';
import { type ITrans, useTrans } from '../../translation';
import { Frame } from '../frame';
import { useClock, useRuns } from '../hooks';
import { Tabs } from '../tabs';
import { CodeDifferences } from './code_differences';
import { ComparedCurves } from './compared_curves';
import { ComparisonTable } from './comparison_table';

const TABS = ['Curves', 'Results', 'Code', 'Environment'] as const;
type Tab = (typeof TABS)[number];
/** Source folders that could not be had are asked for again. */
const STAYS: readonly Tab[] = ['Curves', 'Results', 'Environment'];

function tabWords(trans: ITrans): Record<Tab, string> {
  return {
    Curves: trans.__('Curves'),
    Results: trans.__('Results'),
    Code: trans.__('Code'),
    Environment: trans.__('Environment')
  };
}

/** Longest name of a run in legends and tables. */
const LONGEST_NAME = 60;

/** Runs beside each other, live: their curves over one axis, and where parameters, results, code and environment differ. */
export function CompareCard({ source, workspace, ids }: { source: Source; workspace: string; ids: readonly string[] }) {
  const trans = useTrans();
  const key = ids.join(' ');
  const runs = useMemo(
    () => ids.map(run => new RunModel(source, { workspace, run, logs: [], resources: false })),
    [source, workspace, key]
  );
  useRuns(runs);
  const [tab, choose] = useState<Tab>('Curves');
  const now = useClock(runs.some(run => run.state?.state === 'Running'));
  const title = trans._n('Comparison of %1 run', 'Comparison of %1 runs', runs.length);
  const labels = names(runs, trans).map(name => shortened(name, LONGEST_NAME));
  return (
    <Frame label={title}>
      <header>
        <h3 class="td-name">{title}</h3>
        <ul class="td-compared" aria-label={trans.__('Runs')}>
          {runs.map((run, at) => (
            <Compared key={run.target.run} run={run} name={labels[at] as string} colour={at} now={now} />
          ))}
        </ul>
      </header>
      <Notices runs={runs} labels={labels} />
      <Tabs
        names={TABS}
        words={tabWords(trans)}
        label={trans.__('What is compared')}
        chosen={tab}
        choose={choose}
        stays={STAYS}
        draw={tab => panel(tab, { runs, labels, now, trans })}
      />
    </Frame>
  );
}

interface IPanel {
  runs: readonly RunModel[];
  labels: readonly string[];
  now: number;
  trans: ITrans;
}

function panel(tab: Tab, { runs, labels, now, trans }: IPanel) {
  switch (tab) {
    case 'Curves':
      return <ComparedCurves runs={runs} labels={labels} />;
    case 'Results':
      return (
        <ComparisonTable
          labels={labels}
          sections={results(runs, now, trans)}
          empty={trans.__('Nothing is known yet.')}
        />
      );
    case 'Code':
      return <CodeDifferences runs={runs} labels={labels} />;
    case 'Environment':
      return (
        <ComparisonTable
          labels={labels}
          sections={environments(runs, trans)}
          empty={trans.__('Nothing is known of the environments yet.')}
        />
      );
  }
}

function Compared({ run, name, colour, now }: { run: RunModel; name: string; colour: number; now: number }) {
  const trans = useTrans();
  const { state } = run;
  return (
    <li title={run.target.run}>
      <span class={`td-swatch td-line-${colour}`} aria-hidden="true" />
      <span class="td-legend-name">{name}</span>
      <span class={`td-word td-state-${state?.state ?? ''}`}>{wordOf(run, trans)}</span>
      <span class="td-muted td-number">{state === null ? '' : duration(run.seconds(run.clock.at(now)))}</span>
    </li>
  );
}

function wordOf(run: RunModel, trans: ITrans): string {
  if (run.error !== null) {
    return run.error.code === 'run_not_found' ? trans._p('run', 'deleted') : trans._p('run', 'not there');
  }
  return run.state === null ? '…' : stateWord(run.state.state, trans);
}

/** What is the matter with runs, or with the connection. */
function Notices({ runs, labels }: { runs: readonly RunModel[]; labels: readonly string[] }) {
  const trans = useTrans();
  const broken = runs.some(run => run.connection === 'broken' && !run.ended && run.error === null);
  return (
    <>
      {runs.map((run, at) =>
        run.error === null ? null : (
          <p key={run.target.run} class="td-notice" role="status">
            {run.state === null
              ? `${labels[at]}: ${problemOf(run.error, trans)}`
              : trans.__('%1 was deleted, or its workspace is gone. This is what was known of it before.', labels[at])}
          </p>
        )
      )}
      {runs.map((run, at) => {
        const losses = lossesOf(run.run, trans);
        return losses === '' ? null : (
          <p key={`${run.target.run} losses`} class="td-notice" role="status">
            {`${labels[at]}: ${losses}`}
          </p>
        );
      })}
      {broken && (
        <p class="td-notice" role="status">
          {brokenText(
            (runs[0] as RunModel).source.reach,
            runs.length,
            trans.__('The connection is broken; the runs go on, and so does this card once the connection is back.'),
            trans
          )}
        </p>
      )}
    </>
  );
}

import { useMemo, useState } from 'preact/hooks';
import { duration, shortened } from '../../format';
import { environments, names, results } from '../../model/comparison';
import { lossesOf } from '../../model/losses';
import { RunModel } from '../../model/run_model';
import type { Source } from '../../sources/source';
import { Frame } from '../frame';
import { useClock, useRuns } from '../hooks';
import { Tabs } from '../tabs';
import { CodeDifferences } from './code_differences';
import { ComparedCurves } from './compared_curves';
import { ComparisonTable } from './comparison_table';

const TABS = ['Curves', 'Results', 'Code', 'Environment'] as const;
type Tab = (typeof TABS)[number];

/** Longest name of a run in legends and tables. */
const LONGEST_NAME = 60;

/** Runs beside each other, live: their curves over one axis, and where parameters, results, code and environment differ. */
export function CompareCard({ source, workspace, ids }: { source: Source; workspace: string; ids: readonly string[] }) {
  const key = ids.join(' ');
  const runs = useMemo(
    () => ids.map(run => new RunModel(source, { workspace, run, logs: [], resources: false })),
    [source, workspace, key]
  );
  useRuns(runs);
  const [tab, choose] = useState<Tab>('Curves');
  const now = useClock(runs.some(run => run.state?.state === 'Running'));
  const labels = names(runs).map(name => shortened(name, LONGEST_NAME));
  return (
    <Frame label={`Comparison of ${runs.length} runs`}>
      <header>
        <h3 class="td-name">{`Comparison of ${runs.length} runs`}</h3>
        <ul class="td-compared" aria-label="Runs">
          {runs.map((run, at) => (
            <Compared key={run.target.run} run={run} name={labels[at] as string} colour={at} now={now} />
          ))}
        </ul>
      </header>
      <Notices runs={runs} labels={labels} />
      <Tabs names={TABS} label="What is compared" chosen={tab} choose={choose}>
        {tab === 'Curves' && <ComparedCurves runs={runs} labels={labels} />}
        {tab === 'Results' && (
          <ComparisonTable key="results" labels={labels} sections={results(runs, now)} empty="Nothing is known yet." />
        )}
        {tab === 'Code' && <CodeDifferences runs={runs} labels={labels} />}
        {tab === 'Environment' && (
          <ComparisonTable
            key="environment"
            labels={labels}
            sections={environments(runs)}
            empty="Nothing is known of the environments yet."
          />
        )}
      </Tabs>
    </Frame>
  );
}

function Compared({ run, name, colour, now }: { run: RunModel; name: string; colour: number; now: number }) {
  const { state } = run;
  return (
    <li title={run.target.run}>
      <span class={`td-swatch td-line-${colour}`} aria-hidden="true" />
      <span class="td-legend-name">{name}</span>
      <span class={`td-word td-state-${state?.state ?? ''}`}>{wordOf(run)}</span>
      <span class="td-muted td-number">{state === null ? '' : duration(run.seconds(run.clock.at(now)))}</span>
    </li>
  );
}

function wordOf(run: RunModel): string {
  if (run.error !== null) {
    return run.error.code === 'run_not_found' ? 'deleted' : 'not there';
  }
  return run.state?.state ?? '…';
}

/** What is the matter with runs, or with the connection. */
function Notices({ runs, labels }: { runs: readonly RunModel[]; labels: readonly string[] }) {
  const broken = runs.some(run => run.connection === 'broken' && !run.ended && run.error === null);
  return (
    <>
      {runs.map((run, at) =>
        run.error === null ? null : (
          <p key={run.target.run} class="td-notice" role="status">
            {run.state === null
              ? `${labels[at]}: ${run.error.message}`
              : `${labels[at]} was deleted, or its workspace is gone. This is what was known of it before.`}
          </p>
        )
      )}
      {runs.map((run, at) => {
        const losses = lossesOf(run.run);
        return losses === '' ? null : (
          <p key={`${run.target.run} losses`} class="td-notice" role="status">
            {`${labels[at]}: ${losses}`}
          </p>
        );
      })}
      {broken && (
        <p class="td-notice" role="status">
          The connection is broken; the runs go on, and so does this card once the connection is back.
        </p>
      )}
    </>
  );
}

import type { ComponentChildren } from 'preact';
import { clock, duration, shortened, words } from '../format';
import { parameters } from '../model/parameters';
import type { RunModel } from '../model/run_model';
import type { IHost } from './header';
import { Lineage } from './lineage';
import { type Fact, Hash, Section } from './section';

/** What a run was made of: parameters, tags, environment, and where it comes from. */
export function Facts({ model, host, openModel }: { model: RunModel; host: IHost; openModel: () => void }) {
  const { run } = model;
  if (run === null) {
    return <p class="td-empty">Asking for it…</p>;
  }
  // These change while it goes on, and its state is what was told last.
  const { tags, warnings } = model.state ?? run;
  const { arguments: words = [], script, environment, gpus, ...rest } = run.spec as ISpec;
  return (
    <div class="td-facts">
      <Section title="Parameters" empty="The script was given no arguments." rows={parameters(words)} />
      <Section title="Tags" empty="No tags." rows={Object.entries(tags)} />
      <Section
        title="Run"
        rows={[
          ['id', run.id],
          ['experiment', `${run.experiment} (number ${run.number})`],
          ['script', script ?? (rest.command ?? []).join(' ')],
          ['compute target', run.compute_target],
          ['GPUs', String(gpus ?? 0)],
          ['submitted', `${clock(run.created)} by ${run.user}`]
        ]}
      />
      <Lineage model={model} run={run} host={host} openModel={openModel} />
      <Section
        title="Environment"
        empty="The caller's own Python as it was."
        rows={entries({ ...environment, ...run.environment })}
      />
      {warnings.length > 0 && (
        <div>
          <h4>Warnings</h4>
          <ul>
            {warnings.map(warning => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

/** What of a run's spec is shown. */
interface ISpec {
  arguments?: unknown[];
  script?: string;
  command?: string[];
  environment?: Record<string, unknown>;
  gpus?: number;
}

function entries(values: Record<string, unknown>): Fact[] {
  return Object.entries(values)
    .filter(([, value]) => !(value === null || value === '' || value === false || value === 0 || isEmpty(value)))
    .map(([name, value]): Fact => [words(name), name === 'seconds' ? duration(Number(value)) : shown(value)]);
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function shown(value: unknown): ComponentChildren {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) {
    return <Hash text={value} />;
  }
  if (Array.isArray(value)) {
    return shortened(value.map(String).join(', '), 2000);
  }
  return shortened(typeof value === 'object' ? JSON.stringify(value) : String(value), 2000);
}

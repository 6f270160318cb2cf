import type { ComponentChildren } from 'preact';
import { clock, duration, shortened, words } from '../format';
import { parameters } from '../model/parameters';
import type { RunModel } from '../model/run_model';

/** What a run was made of: parameters, tags, environment, and where it comes from. */
export function Facts({ model }: { model: RunModel }) {
  const { run } = model;
  if (run === null) {
    return <p class="td-empty">Asking for it…</p>;
  }
  const { arguments: words = [], script, snapshot, environment, gpus, ...rest } = run.spec as ISpec;
  return (
    <div class="td-facts">
      <Section title="Parameters" empty="The script was given no arguments." rows={parameters(words)} />
      <Section title="Tags" empty="No tags." rows={Object.entries(run.tags)} />
      <Section
        title="Run"
        rows={[
          ['id', run.id],
          ['experiment', `${run.experiment} (number ${run.number})`],
          ['script', script ?? (rest.command ?? []).join(' ')],
          ['compute target', run.compute_target],
          ['GPUs', String(gpus ?? 0)],
          ['submitted', `${clock(run.created)} by ${run.user}`],
          ...(run.parent === null ? [] : ([['part of', run.parent]] as [string, string][])),
          ...(snapshot
            ? ([['snapshot', <Hash key="snapshot" text={snapshot} />]] as [string, ComponentChildren][])
            : [])
        ]}
      />
      <Section
        title="Environment"
        empty="The caller's own Python as it was."
        rows={entries({ ...environment, ...run.environment })}
      />
      {run.warnings.length > 0 && (
        <div>
          <h4>Warnings</h4>
          <ul>
            {run.warnings.map(warning => (
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
  snapshot?: string;
  environment?: Record<string, unknown>;
  gpus?: number;
}

function Section({ title, rows, empty = '' }: { title: string; rows: [string, ComponentChildren][]; empty?: string }) {
  return (
    <div>
      <h4>{title}</h4>
      {rows.length === 0 ? (
        <p class="td-muted">{empty}</p>
      ) : (
        <dl>
          {rows.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}

function entries(values: Record<string, unknown>): [string, ComponentChildren][] {
  return Object.entries(values)
    .filter(([, value]) => !(value === null || value === '' || value === false || value === 0 || isEmpty(value)))
    .map(([name, value]) => [words(name), name === 'seconds' ? duration(Number(value)) : shown(value)]);
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

/** The beginning of a hash, which tells it from others; the whole of it is shown on hover and copied with it. */
function Hash({ text }: { text: string }) {
  return <code title={text}>{text.slice(0, 12)}</code>;
}

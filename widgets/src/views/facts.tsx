import type { ComponentChildren } from 'preact';
import type { RunDocument } from '../documents';
import { clock, duration, shortened, words } from '../format';
import { parameters } from '../model/parameters';
import type { RunModel } from '../model/run_model';
import { type ITrans, useTrans } from '../translation';
import type { IHost } from './header';
import { Lineage } from './lineage';
import { type Fact, Hash, Section } from './section';

/** What a run was made of: parameters, tags, environment, and where it comes from. */
export function Facts({ model, host, openModel }: { model: RunModel; host: IHost; openModel: () => void }) {
  const trans = useTrans();
  const { run } = model;
  if (run === null) {
    return <p class="td-empty">{trans.__('Asking for it…')}</p>;
  }
  // These change while it goes on, and its state is what was told last.
  const { tags, warnings } = model.state ?? run;
  const { arguments: words = [], script, notebook, gpus, ...rest } = run.spec as ISpec;
  return (
    <div class="td-facts">
      <Section
        title={trans.__('Parameters')}
        empty={trans.__('The script was given no arguments.')}
        rows={parameters(words, trans)}
      />
      <Section title={trans.__('Tags')} empty={trans.__('No tags.')} rows={Object.entries(tags)} />
      <Section
        title={trans.__('Run')}
        rows={[
          [trans.__('id'), run.id],
          [trans.__('workspace'), run.workspace_name],
          [trans.__('experiment'), trans.__('%1 (number %2)', run.experiment, run.number)],
          [notebook ? trans.__('notebook') : trans.__('script'), script ?? notebook ?? (rest.command ?? []).join(' ')],
          [trans.__('compute target'), run.compute_target],
          [trans.__('GPUs'), String(gpus ?? 0)],
          [trans.__('submitted'), trans.__('%1 by %2', clock(run.created), run.user)]
        ]}
      />
      <Lineage model={model} run={run} host={host} openModel={openModel} />
      <Section
        title={trans.__('Environment')}
        empty={trans.__("The caller's own Python as it was.")}
        rows={environmentRows(run, trans)}
      />
      {warnings.length > 0 && (
        <div>
          <h4>{trans.__('Warnings')}</h4>
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
  script?: string | null;
  notebook?: string | null;
  command?: string[];
  environment?: Record<string, unknown>;
  gpus?: number;
}

/** How an environment was come by, for people. */
const ACTIONS: Record<string, (trans: ITrans) => string> = {
  caller: trans => trans.__('the Python of who submitted it'),
  cached: trans => trans.__('was there already'),
  build: trans => trans.__('was built'),
  user_managed: trans => trans.__('a Python that was named, as it is')
};

/** What is known about the environment of a run. */
export function environmentRows(run: RunDocument, trans: ITrans): Fact[] {
  const {
    action,
    user_managed: isNamed,
    why,
    seconds,
    ...rest
  } = {
    ...(run.spec as ISpec).environment,
    ...run.environment
  } as Record<string, unknown>;
  const named = Object.entries(rest).map(([name, value]): [string, unknown] => [words(name), value]);
  const rows: [string, unknown][] = [
    ...named,
    [trans.__('came from'), ACTIONS[String(action ?? (isNamed ? 'user_managed' : ''))]?.(trans) ?? action],
    [trans.__('because'), why],
    [trans.__('took'), Number(seconds) >= 0.05 ? duration(Number(seconds)) : '']
  ];
  return rows
    .filter(
      ([, value]) => !(value === undefined || value === null || value === '' || value === false || isEmpty(value))
    )
    .map(([name, value]): Fact => [name, value === true ? trans.__('yes') : shown(value)]);
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

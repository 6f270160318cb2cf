import {
  type MetricDocument,
  type ModelVersion,
  numberOf,
  type RegistrationDocument,
  type WireNumber
} from '../documents';

/** The folder whose files are registered. */
export const OUTPUTS = 'outputs/';

/** The API's patterns of names, as browsers read them in `pattern`: with JavaScript's flag `v`. */
export const MODEL_NAME = '[A-Za-z0-9][\\-._A-Za-z0-9]{0,254}';
export const ALIAS_NAME = '[A-Za-z][A-Za-z0-9_\\-]{0,254}';

/** Whether a model can have this name. */
export function isModelName(name: string): boolean {
  return new RegExp(`^(?:${MODEL_NAME})$`, 'u').test(name);
}

/** Files of a run that are all chosen before anybody chooses. */
export const FEW_FILES = 20;

/** Which files of `outputs/` are to be registered: all that there are, or these. */
export type Choice = 'all' | ReadonlySet<string>;

/** Return a choice with one file more or less. */
export function toggled(choice: Choice, names: readonly string[], name: string): Choice {
  const chosen = new Set(choice === 'all' ? names : choice);
  if (!chosen.delete(name)) {
    chosen.add(name);
  }
  return chosen;
}

/** What a person filled in. */
export interface IForm {
  name: string;
  description: string;
  tags: readonly (readonly [name: string, value: string])[];
  alias: string;
}

/**
 * Return what is to be sent.
 *
 * @param run - Id of the run.
 * @param names - Names of the run's outputs, as far as they are known.
 * @param more - Whether there are more.
 * @param requestId - Names this wish: it is granted once, however often it is sent.
 */
export function registrationOf(
  run: string,
  form: IForm,
  choice: Choice,
  names: readonly string[],
  more: boolean,
  requestId: string
): RegistrationDocument {
  const tags = form.tags.filter(([name]) => name.trim() !== '').map(([name, value]) => [name.trim(), value]);
  return {
    name: form.name.trim(),
    run,
    ...pathsOf(choice, names, more),
    ...(form.description.trim() === '' ? {} : { description: form.description }),
    ...(tags.length === 0 ? {} : { tags: Object.fromEntries(tags) }),
    ...(form.alias.trim() === '' ? {} : { alias: form.alias.trim() }),
    request_id: requestId
  };
}

/** One file is registered as that file, all of them as their folder, and some as that folder with nothing else in it. */
function pathsOf(choice: Choice, names: readonly string[], more: boolean): { path: string; child_paths?: string[] } {
  const chosen = choice === 'all' ? names : names.filter(name => choice.has(name));
  const all = choice === 'all' || (!more && chosen.length === names.length);
  if (chosen.length === 1 && !(all && more)) {
    return { path: chosen[0] as string };
  }
  if (all) {
    return { path: OUTPUTS };
  }
  return { path: OUTPUTS, child_paths: chosen.map(name => name.slice(OUTPUTS.length)) };
}

/**
 * Return the name that a run's model most likely gets: what it was registered as, else what runs of its experiment were.
 *
 * @param models - The newest version of each model, those registered last first.
 */
export function likelyName(models: readonly ModelVersion[], run: string, experiment: string | undefined): string {
  const own = models.find(model => model.run === run);
  const akin = models.find(model => experiment !== undefined && model.experiment === experiment);
  return (own ?? akin)?.name ?? '';
}

/** A metric of several runs, side by side; undefined where a run has not logged it. */
export interface IMetricRow {
  name: string;
  values: (IValue | undefined)[];
}

/** A metric of one run. */
export interface IValue {
  last: number;
  min: number;
  max: number;
}

/** Return the metrics of several runs side by side, by name; those whose metrics are not known have none. */
export function metricRows(runs: readonly (readonly MetricDocument[] | null | undefined)[]): IMetricRow[] {
  const known = runs.map(
    metrics =>
      new Map(
        (metrics ?? []).flatMap(({ name, statistics }) =>
          statistics === null ? [] : ([[name, numbersOf(statistics)]] as [string, IValue][])
        )
      )
  );
  const names = new Set(known.flatMap(metrics => [...metrics.keys()]));
  return [...names].sort().map(name => ({ name, values: known.map(metrics => metrics.get(name)) }));
}

function numbersOf({ last, min, max }: { last: WireNumber; min: WireNumber; max: WireNumber }): IValue {
  return { last: numberOf(last), min: numberOf(min), max: numberOf(max) };
}

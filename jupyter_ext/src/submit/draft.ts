import type { IWish } from '../../../widgets/src/model/wish';
import type { EnvironmentRequest, RunConfiguration, ScriptDocument } from './documents';
import { argumentsOf, type OptionValues } from './option_values';
import { hasPassword, isSecretOption, isSecretVariable, withoutSecrets } from './secrets';
import { quoteWords, splitWords, WordsError } from './words';

/** Where a script's packages come from. */
export type EnvironmentKind = 'server' | 'packages' | 'curated' | 'image';

/** In which unit a time is given. */
export type Unit = 'minutes' | 'hours' | 'days';

/** Seconds of each unit. */
export const UNITS: Readonly<Record<Unit, number>> = { minutes: 60, hours: 3600, days: 86_400 };

/** A name and a value that belongs to it. */
export type Pair = readonly [name: string, value: string];

/** What a person filled in. All is text, as it was typed. */
export interface IDraft {
  /** The workspace that was chosen in the form; empty for the one that was looked at when it was opened. */
  workspace: string;
  experiment: string;
  /** The folder to send: the script's own, or one around it. */
  source: string;
  compute: string;
  gpus: string;
  options: OptionValues;
  /** Arguments in one line, as one would type them behind the script's name. */
  free: string;
  environment: EnvironmentKind;
  /** Version of PyTorch; empty for the newest. */
  framework: string;
  /** A package on each line, as all lists here. */
  pip: string;
  conda: string;
  curated: string;
  image: string;
  apt: string;
  shm: string;
  rebuild: boolean;
  variables: readonly Pair[];
  name: string;
  tags: readonly Pair[];
  /** After how long it is ended; empty for the server's own limit. */
  limit: string;
  unit: Unit;
}

export const EMPTY: IDraft = {
  workspace: '',
  experiment: '',
  source: '',
  compute: '',
  gpus: '',
  options: {},
  free: '',
  environment: 'server',
  framework: '',
  pip: '',
  conda: '',
  curated: '',
  image: '',
  apt: '',
  shm: '',
  rebuild: false,
  variables: [],
  name: '',
  tags: [],
  limit: '',
  unit: 'hours'
};

/** Return the lines of a text that say something. A comment, as in a requirements file, is none. */
export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.replace(/(?:^|\s)#.*$/, '').trim())
    .filter(line => line !== '');
}

/** Return a folder and those around it, up to the server's root, which is `""`. */
export function foldersAround(folder: string): string[] {
  const parts = folder.split('/').filter(part => part !== '');
  return parts.map((_, at) => parts.slice(0, parts.length - at).join('/')).concat('');
}

/** Return a path as it is seen from one of the folders around it. */
export function pathWithin(folder: string, path: string): string {
  return folder === '' ? path : path.slice(folder.length + 1);
}

/**
 * Return what is to be sent. What is left as it is is not said.
 *
 * @throws WordsError where a quote of the arguments is never closed.
 */
export function configurationOf(draft: IDraft, script: ScriptDocument): RunConfiguration {
  const words = script.kind === 'notebook' ? [] : argumentsOf(script.options, draft.options, splitWords(draft.free));
  const environment = environmentOf(draft);
  const variables = pairsOf(draft.variables);
  const tags = pairsOf(draft.tags);
  const seconds = secondsOf(draft);
  return {
    source: draft.source,
    [script.kind]: pathWithin(draft.source, script.path),
    experiment: draft.experiment.trim(),
    compute_target: draft.compute,
    gpus: Number(draft.gpus.trim() || 0),
    ...(words.length === 0 ? {} : { arguments: words }),
    ...(environment === undefined ? {} : { environment }),
    ...(variables === undefined ? {} : { environment_variables: variables }),
    ...(draft.name.trim() === '' ? {} : { display_name: draft.name.trim() }),
    ...(tags === undefined ? {} : { tags }),
    ...(seconds === undefined ? {} : { max_run_duration_seconds: seconds })
  };
}

/** Return after how many seconds a run is to be ended; undefined where nothing is filled in. */
export function secondsOf({ limit, unit }: Pick<IDraft, 'limit' | 'unit'>): number | undefined {
  return limit.trim() === '' ? undefined : Math.round(Number(limit.trim()) * UNITS[unit]);
}

/** Return names with their values; undefined where there are none. */
export function pairsOf(pairs: readonly Pair[]): Record<string, string> | undefined {
  const named = pairs.filter(([name]) => name.trim() !== '').map(([name, value]) => [name.trim(), value] as const);
  return named.length === 0 ? undefined : Object.fromEntries(named);
}

function environmentOf(draft: IDraft): EnvironmentRequest | undefined {
  const kind = draft.environment;
  if (kind === 'server') {
    return undefined;
  }
  const packages = {
    framework_version: draft.framework.trim() || null,
    pip_packages: linesOf(draft.pip),
    conda_packages: linesOf(draft.conda)
  };
  const found: EnvironmentRequest = {
    ...(kind === 'packages' ? packages : {}),
    ...(kind === 'curated' ? { curated: draft.curated.trim() } : {}),
    base_image: draft.image.trim(),
    apt_packages: linesOf(draft.apt),
    shm_size: draft.shm.trim(),
    ...(draft.rebuild ? { rebuild: true } : {})
  };
  return Object.fromEntries(
    Object.entries(found).filter(([, value]) => value === true || value === null || value.length > 0)
  );
}

/** What is kept of a draft. */
export type KeptDraft = Partial<IDraft> & {
  /** Of a run that is resubmitted: whether its arguments are filled in by the options of its script. */
  byOptions?: boolean;
  /** What was sent, and not answered. */
  wish?: IWish;
  /** What of it is not kept, as `forgotten` names it. */
  forgotten?: readonly string[];
  /** The experiment that the form was opened for. */
  openedFor?: string;
};

/** Return a draft without what is never kept: secrets, and the name, which is that of one run. */
export function keptOf(draft: IDraft): IDraft {
  const options = Object.entries(draft.options).filter(
    ([name, value]) => !isSecretOption(name) && !(typeof value === 'string' && hasPassword(value))
  );
  return {
    ...draft,
    options: Object.fromEntries(options),
    free: keptWords(draft.free),
    pip: keptLines(draft.pip),
    variables: draft.variables.map(([name, value]) => [name, isSecretVariable(name) || hasPassword(value) ? '' : value])
  };
}

function keptWords(text: string): string {
  let words: string[];
  try {
    words = splitWords(text);
  } catch (error) {
    if (error instanceof WordsError) {
      return ''; // nobody can tell what of it is secret
    }
    throw error;
  }
  const kept = withoutSecrets(words);
  return kept.length === words.length ? text : quoteWords(kept);
}

function keptLines(text: string): string {
  return text
    .split('\n')
    .filter(line => !hasPassword(line))
    .join('\n');
}

/** Return a draft of what was kept, be it by another version: what is not of the right kind is left out. */
export function draftOf(kept: unknown): Partial<IDraft> {
  if (typeof kept !== 'object' || kept === null) {
    return {};
  }
  const found = Object.entries(kept).filter(([name, value]) => {
    const usual: unknown = EMPTY[name as keyof IDraft];
    if (Array.isArray(usual)) {
      return Array.isArray(value) && value.every(one => Array.isArray(one) && one.length === 2 && one.every(isText));
    }
    if (typeof usual === 'object') {
      return (
        typeof value === 'object' && value !== null && Object.values(value).every(one => isText(one) || one === !!one)
      );
    }
    return typeof value === typeof usual && (name !== 'unit' || String(value) in UNITS);
  });
  return Object.fromEntries(found) as Partial<IDraft>;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

import type { TranslationBundle } from '@jupyterlab/translation';
import type { RequestError } from '../../../widgets/src/sources/source';
import type { ScriptDocument } from './documents';
import { type IDraft, type Pair, secondsOf } from './draft';
import { clashes, type Fault, faultOf, nameOf } from './option_values';
import { splitWords, WordsError } from './words';

/** A part of the form: a name of {@link IDraft}, or that of an option behind `option `. */
export type Place = string;

/** By place what is wrong with it, in a sentence. */
export type Faults = ReadonlyMap<Place, string>;

/** What is refused, and where in the form. */
export interface IRefusal {
  /** Undefined where it is about no part of it. */
  place: Place | undefined;
  text: string;
}

/** The rule of `traindock.names` for experiments. */
export const EXPERIMENT_NAME = '[A-Za-z0-9][A-Za-z0-9_\\-]{2,35}';
const MOST_NAME = 256;

/** Where an option is in the form. */
export function placeOf(option: string): Place {
  return `option ${option}`;
}

/** Return what is wrong with all that a new run needs, as far as that can be seen without the server. */
export function faultsOf(draft: IDraft, script: ScriptDocument, trans: TranslationBundle): Faults {
  const found = new Map(faultsOfChanges(draft, script, trans));
  if (!new RegExp(`^(?:${EXPERIMENT_NAME})$`).test(draft.experiment.trim())) {
    found.set('experiment', trans.__('Use 3 to 36 letters, digits, _ or -, beginning with a letter or digit.'));
  }
  if (draft.environment === 'curated' && draft.curated.trim() === '') {
    found.set('curated', trans.__('Name one, such as AzureML-PyTorch-1.6-GPU.'));
  }
  if (draft.environment === 'image' && draft.image.trim() === '') {
    found.set('image', trans.__('Name an image that has Python and all that the script needs.'));
  }
  return found;
}

/** Return what is wrong with what can be changed of a run that is submitted once more. */
export function faultsOfChanges(draft: IDraft, script: ScriptDocument | null, trans: TranslationBundle): Faults {
  const found = new Map<Place, string>();
  const seconds = secondsOf(draft);
  if (draft.compute === '') {
    found.set('compute', trans.__('Choose where it is to run.'));
  }
  if (!/^\d*$/.test(draft.gpus.trim()) || Number(draft.gpus) > 1024) {
    found.set('gpus', trans.__('A whole number of 0 or more.'));
  }
  if (seconds !== undefined && !(seconds > 0 && seconds < Infinity)) {
    found.set('limit', trans.__('A number above 0; leave it empty for 30 days.'));
  }
  if (draft.name.trim().length > MOST_NAME) {
    found.set('name', trans.__('At most %1 characters.', MOST_NAME));
  }
  note(found, 'variables', pairsFault(draft.variables, trans) ?? variablesFault(draft.variables, trans));
  note(found, 'tags', pairsFault(draft.tags, trans));
  try {
    splitWords(draft.free);
  } catch (error) {
    if (!(error instanceof WordsError)) {
      throw error;
    }
    found.set('free', unclosed(trans));
  }
  if (script !== null && script.kind === 'script') {
    for (const option of script.options) {
      const fault = faultOf(option, draft.options[nameOf(option)]);
      // what is given beside the fields, no field has to have
      if (fault !== undefined && !(fault === 'required' && mentioned(draft.free, option.flags))) {
        found.set(placeOf(nameOf(option)), inWords(fault, trans, option.nargs));
      }
    }
    for (const [name, fault] of clashes(script.options, script.exclusive, draft.options)) {
      found.set(placeOf(name), inWords(fault, trans));
    }
  }
  return found;
}

function note(found: Map<Place, string>, place: Place, fault: string | undefined): void {
  if (fault !== undefined) {
    found.set(place, fault);
  }
}

/** Whether a person gives an option beside its field: a positional one can be any word there. */
function mentioned(free: string, flags: readonly string[]): boolean {
  try {
    const words = splitWords(free);
    return flags.length === 0
      ? words.some(word => !word.startsWith('-'))
      : words.some(word => flags.some(flag => word === flag || word.startsWith(`${flag}=`)));
  } catch {
    return false;
  }
}

function pairsFault(pairs: readonly Pair[], trans: TranslationBundle): string | undefined {
  const names = pairs.map(([name]) => name.trim());
  if (pairs.some(([name, value]) => name.trim() === '' && value !== '')) {
    return trans.__('A value has no name.');
  }
  const twice = names.find((name, at) => name !== '' && names.indexOf(name) !== at);
  return twice === undefined ? undefined : trans.__('%1 is there twice.', twice);
}

function variablesFault(pairs: readonly Pair[], trans: TranslationBundle): string | undefined {
  const wrong = pairs.find(([name]) => name.includes('='));
  return wrong === undefined ? undefined : trans.__('The name of a variable has no “=”: “%1”.', wrong[0]);
}

function unclosed(trans: TranslationBundle): string {
  return trans.__('A quote is never closed. Put a backslash before one that is meant as it is.');
}

function inWords(fault: Fault, trans: TranslationBundle, nargs?: string | number | null): string {
  switch (fault) {
    case 'required':
      return trans.__('The script needs it.');
    case 'int':
      return trans.__('A whole number.');
    case 'float':
      return trans.__('A number.');
    case 'quote':
      return unclosed(trans);
    case 'count':
      return trans.__('%1 values, with spaces between them.', nargs);
    case 'dash':
      return trans.__('No value of a list can begin with “-”, unless it is a number.');
    case 'choice':
      return trans.__('One of the choices that the script has.');
    case 'exclusive':
      return trans.__('The script takes only one of these.');
    case 'one of':
      return trans.__('The script needs one of these.');
  }
}

/**
 * Names in requests, and in the API's texts, by the place in the form that they are about; the first that fits. What a text
 * begins with tells most.
 */
const NAMED: readonly [RegExp, Place][] = [
  [/^arguments\b/, 'free'],
  [/^experiment\b|is no experiment name/, 'experiment'],
  [/^compute_target\b/, 'compute'],
  [/^gpus\b/, 'gpus'],
  [/^environment_variables\b|environment variable|CUDA_VISIBLE_DEVICES|TRAINDOCK_/, 'variables'],
  [/^environment\.curated|curated environment/, 'curated'],
  [/^environment\.framework_version|version of PyTorch|framework_version/, 'framework'],
  [/^environment\.conda_packages|conda/i, 'conda'],
  [/^environment\.apt_packages|apt package/, 'apt'],
  [/^environment\.base_image|base image/, 'image'],
  [/^environment\.shm_size|shm_size|shared memory/, 'shm'],
  [/^environment\.pip_packages|\bpip\b|requirement/, 'pip'],
  [/^environment\b/, 'environment'],
  [/^max_run_duration_seconds\b|max_run_duration/, 'limit'],
  [/^display_name\b|display_name/, 'name'],
  [/^tags\b|\btag\b/, 'tags'],
  [/\bGPUs?\b|CUDA device/, 'gpus'],
  [/compute target/, 'compute'],
  [/^(?:source|script|notebook)\b|source folder|snapshot|the script|notebook/, 'source']
];

/** What codes of errors are about. */
const CODED: Readonly<Record<string, Place>> = {
  compute_not_found: 'compute',
  compute_target: 'compute',
  source_not_found: 'source',
  script_not_found: 'source'
};

/** Codes of errors about a workspace that cannot be seen. */
const UNSEEN = new Set(['workspace_not_found', 'workspace_unreadable']);

/** Return the place in the form that an error of the server is about; undefined where it is about none of them. */
export function placeOfError(error: RequestError): Place | undefined {
  // what is forbidden, or is no answer at all, is about no field, whatever its words are
  if (error.status === 0 || error.status >= 500 || UNSEEN.has(error.code)) {
    return undefined;
  }
  return CODED[error.code] ?? NAMED.find(([words]) => words.test(error.message))?.[1];
}

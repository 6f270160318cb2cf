import type { ScriptOption } from './documents';
import { quoteWords, splitWords, WordsError } from './words';

/** What is filled in for an option: text, or for a flag whether it is true. */
export type OptionValue = string | boolean;

/** By name of an option what is filled in; what is as the script has it is left out. */
export type OptionValues = Readonly<Record<string, OptionValue>>;

/** What may be wrong with what is filled in. */
export type Fault = 'required' | 'int' | 'float' | 'quote' | 'count' | 'dash' | 'choice' | 'exclusive' | 'one of';

/** `nargs` that take all words that are left. */
const REST: readonly unknown[] = ['...', 'A...'];
const NEGATIVE = /^-(?:\d+|\d*\.\d+)$/;
const INT = /^[+-]?\d+(?:_\d+)*$/;
const FLOAT = /^[+-]?(?:(?:\d[\d_]*)?\.?\d[\d_]*|\d[\d_]*\.)(?:e[+-]?\d+)?$|^[+-]?(?:inf|infinity|nan)$/i;

/** What tells an option from all others of its script, and what people call it. */
export function nameOf(option: ScriptOption): string {
  return option.flags[0] ?? option.dest;
}

/** Whether it takes several words. */
export function isList(option: ScriptOption): boolean {
  const { nargs } = option;
  return option.action !== 'count' && (option.kind === 'list' || (nargs !== null && nargs !== '?'));
}

/** Whether a form has a box for it, which is ticked where it is given. */
export function isTicked(option: ScriptOption): boolean {
  return option.action === 'flag' && !isEither(option);
}

/** Whether it has a flag for yes and one for no. */
export function isEither(option: ScriptOption): boolean {
  return option.action === 'flag' && option.on !== null && option.off !== null;
}

/** Whether `bool` is called on the text that it is given, for which only the empty one is false. */
export function isBoolOfText(option: ScriptOption): boolean {
  return option.type === 'bool' && option.kind !== 'flag' && option.kind !== 'choice' && !isList(option);
}

/** Return the default as a form shows it; `""` where there is none. */
export function defaultOf(option: ScriptOption): string {
  const value = option.default;
  if (value === null || value === undefined) {
    return option.default_source;
  }
  if (Array.isArray(value)) {
    return quoteWords(value.map(asText));
  }
  return asText(value);
}

function asText(value: unknown): string {
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Return whether something is filled in that the script does not have by itself. */
export function isFilled(option: ScriptOption, value: OptionValue | undefined): value is OptionValue {
  if (value === undefined || value === '') {
    return false;
  }
  if (option.action === 'flag') {
    return isTicked(option) ? value === true : value !== option.default;
  }
  return value !== defaultOf(option) || option.default === null;
}

/**
 * Return what is wrong with what is filled in; undefined where nothing is.
 *
 * @param value - What is filled in for the option.
 */
export function faultOf(option: ScriptOption, value: OptionValue | undefined): Fault | undefined {
  if (!isFilled(option, value)) {
    return option.required ? 'required' : undefined;
  }
  if (option.action === 'flag') {
    return undefined;
  }
  let words: string[];
  try {
    words = wordsOf(option, value);
  } catch (error) {
    if (error instanceof WordsError) {
      return 'quote';
    }
    throw error;
  }
  if (option.action === 'count') {
    return /^\d+$/.test(String(value)) ? undefined : 'int';
  }
  if (option.choices !== null && words.some(word => !option.choices?.some(choice => asText(choice) === word))) {
    return 'choice';
  }
  if (option.type === 'int' && !words.every(word => INT.test(word))) {
    return 'int';
  }
  if (option.type === 'float' && !words.every(word => FLOAT.test(word))) {
    return 'float';
  }
  if (
    typeof option.nargs === 'number' &&
    (option.action === 'append' ? words.length % option.nargs : words.length !== option.nargs)
  ) {
    return 'count';
  }
  const joined = option.action === 'append' && option.nargs === null;
  if (isList(option) && option.flags.length > 0 && !joined && words.some(isDashed)) {
    return 'dash';
  }
  return undefined;
}

function isDashed(word: string): boolean {
  return word.startsWith('-') && !NEGATIVE.test(word);
}

function wordsOf(option: ScriptOption, value: OptionValue): string[] {
  if (isBoolOfText(option)) {
    return [value === 'False' ? '' : String(value)];
  }
  return isList(option) ? splitWords(String(value)) : [String(value)];
}

/**
 * Return a script's arguments, as its argparse reads them back. What is as the script has it is not said.
 *
 * @param free - Words that follow, as a person wrote them.
 * @throws WordsError where a quote is never closed.
 */
export function argumentsOf(
  options: readonly ScriptOption[],
  values: OptionValues,
  free: readonly string[] = []
): string[] {
  const first: string[] = [];
  const flagged: string[] = [];
  const rest: string[] = [];
  for (const option of options) {
    const value = values[nameOf(option)];
    if (!isFilled(option, value)) {
      continue;
    }
    if (option.flags.length > 0) {
      flagged.push(...saidWith(option, value));
    } else {
      (REST.includes(option.nargs) ? rest : first).push(...wordsOf(option, value));
    }
  }
  // only what is behind `--` may begin with a dash, and then all that is positional has to be
  return first.some(isDashed)
    ? [...flagged, ...free, '--', ...first, ...rest]
    : [...first, ...flagged, ...free, ...rest];
}

/** Return the words that an option and its value come to. */
function saidWith(option: ScriptOption, value: OptionValue): string[] {
  const flag = nameOf(option);
  if (option.action === 'count') {
    return Array.from({ length: Number(value) }, () => flag);
  }
  if (option.action === 'flag') {
    return [(isEither(option) && value === false ? option.off : option.on) ?? flag];
  }
  const words = wordsOf(option, value);
  if (option.action === 'append') {
    if (typeof option.nargs === 'number') {
      const { nargs } = option;
      return words.flatMap((word, at) => (at % nargs === 0 ? [flag, word] : [word]));
    }
    return words.map(word => `${flag}=${word}`);
  }
  return isList(option) ? [flag, ...words] : [`${flag}=${words[0] ?? ''}`]; // as one word, whatever that begins with
}

/** Return the values of options that a script does not have. */
export function strayValues(options: readonly ScriptOption[], values: OptionValues): OptionValues {
  const names = new Set(options.map(nameOf));
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => !names.has(name) && value !== ''));
}

/** What of a command line a form has fields for, and what is left. */
export interface IReadArguments {
  values: Record<string, OptionValue>;
  free: string[];
}

/** Read back what {@link argumentsOf} gives, or a person wrote. What is not understood is left as it is, in its order. */
export function readArguments(options: readonly ScriptOption[], words: readonly string[]): IReadArguments {
  const values: Record<string, OptionValue> = {};
  const free: string[] = [];
  const loose: string[] = [];
  const byFlag = new Map<string, ScriptOption>();
  for (const option of options) {
    for (const flag of [...option.flags, option.on, option.off]) {
      if (flag !== null) {
        byFlag.set(flag, option);
      }
    }
  }
  let at = 0;
  while (at < words.length) {
    const word = words[at++] as string;
    const [, flag = '', value] = /^(--?[^=]+?)(?:=(.*))?$/s.exec(word) ?? [];
    const option = byFlag.get(word) ?? byFlag.get(flag);
    if (word === '--') {
      loose.push(...words.slice(at));
      break;
    }
    if (option === undefined) {
      (isDashed(word) ? free : loose).push(word);
      // whether the next word is the value of what is not known, nobody can tell: it stays with it
      const next = words[at];
      if (isDashed(word) && value === undefined && next !== undefined && !isDashed(next)) {
        free.push(next);
        at++;
      }
    } else {
      const [said, given] = byFlag.has(word) ? [word, undefined] : [flag, value];
      at = take(option, said, given, words, at, values, free);
    }
  }
  placed(options, loose, values, free);
  return { values, free };
}

/** Note an option that a command line has; return where that goes on. */
function take(
  option: ScriptOption,
  flag: string,
  value: string | undefined,
  words: readonly string[],
  start: number,
  values: Record<string, OptionValue>,
  free: string[]
): number {
  const name = nameOf(option);
  if (option.action === 'count') {
    values[name] = String(Number(values[name] ?? 0) + 1);
    return start;
  }
  if (option.action === 'flag') {
    values[name] = isTicked(option) || flag !== option.off;
    return start;
  }
  let at = start;
  const found = value === undefined ? [] : [value];
  const most = typeof option.nargs === 'number' ? option.nargs : isList(option) && option.nargs !== null ? Infinity : 1;
  while (value === undefined && found.length < most && at < words.length && !isDashed(words[at] as string)) {
    found.push(words[at++] as string);
  }
  if (isList(option)) {
    const before = option.action === 'store' ? '' : `${values[name] ?? ''} `;
    values[name] = `${before}${quoteWords(found)}`.trim();
  } else if (isBoolOfText(option)) {
    values[name] = found[0] === '' ? 'False' : 'True';
  } else if (found[0] === undefined || found[0] === '') {
    free.push(value === undefined ? flag : `${flag}=`); // no field says that a flag comes alone, or with nothing
  } else {
    values[name] = found[0];
  }
  return at;
}

/** Give positional arguments their words; what is left of them is free. */
function placed(
  options: readonly ScriptOption[],
  loose: readonly string[],
  values: Record<string, OptionValue>,
  free: string[]
): void {
  const positional = options.filter(option => option.flags.length === 0);
  let at = 0;
  for (const [number, option] of positional.entries()) {
    const later = positional.slice(number + 1).reduce((sum, one) => sum + fewest(one), 0);
    const left = Math.max(loose.length - at - later, 0);
    const count = Math.min(typeof option.nargs === 'number' ? option.nargs : isList(option) ? left : 1, left);
    const words = loose.slice(at, at + count);
    at += count;
    if (words.length > 0) {
      values[nameOf(option)] = isList(option) ? quoteWords(words) : (words[0] as string);
    }
  }
  free.unshift(...loose.slice(at));
}

function fewest({ nargs }: ScriptOption): number {
  return typeof nargs === 'number' ? nargs : nargs === null || nargs === '+' ? 1 : 0;
}

/** Return the names of options that exclude each other and are all filled in, or of which one has to be and none is. */
export function clashes(
  options: readonly ScriptOption[],
  exclusive: readonly { names: string[]; required: boolean }[],
  values: OptionValues
): Map<string, Fault> {
  const found = new Map<string, Fault>();
  const filled = new Set(options.filter(one => isFilled(one, values[nameOf(one)])).map(nameOf));
  for (const { names, required } of exclusive) {
    const given = names.filter(name => filled.has(name));
    for (const name of given.length > 1 ? given : required && given.length === 0 ? names : []) {
      found.set(name, given.length > 1 ? 'exclusive' : 'one of');
    }
  }
  return found;
}

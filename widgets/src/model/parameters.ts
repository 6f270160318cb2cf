import type { DataFact, RunDocument } from '../documents';
import { bytes, clock } from '../format';
import { type ITrans, UNTRANSLATED } from '../translation';

/** Read `--lr 0.1 --quiet data.csv` as names with values; what has no name is numbered, in the words of `trans`. */
export function parameters(words: readonly unknown[], trans: ITrans = UNTRANSLATED): [string, string][] {
  const found: [string, string][] = [];
  let place = 0;
  for (let at = 0; at < words.length; at++) {
    const word = String(words[at]);
    const [, name, joined] = /^--?([A-Za-z][^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) {
      found.push([trans.__('argument %1', ++place), word]);
      continue;
    }
    const next = words[at + 1];
    const takes = joined === undefined && next !== undefined && !/^--?[A-Za-z]/.test(String(next));
    found.push([name, joined ?? (takes ? String(next) : trans.__('yes'))]);
    at += takes ? 1 : 0;
  }
  return found;
}

/** Whether a name that {@link parameters} gave in the words of `trans` is of an argument that has none. */
export function isNumbered(name: string, trans: ITrans): boolean {
  const number = /\d+/.exec(name);
  return number !== null && name === trans.__('argument %1', number[0]);
}

/** Words for what a run learned from, and for what of it is a number or a way to handle it. */
const DATA = /^(?:\w*data|data(?:sets?|base|dir|path|root|file|folder)|inputs?|corpus|corpora)$/;
const HANDLING =
  /^(?:size|dims?|dimensions?|shape|len|length|width|height|channels|features|workers|threads|parallel|format|type|dtype|rate|seed|norm|noise|dropout|scale|augmentation)$/;

/** Return whether a parameter names what a run learned from, as the words of its name tell: `data_dir`, not `input_size`. */
export function isData(name: string): boolean {
  const words = name.toLowerCase().split(/[^a-z0-9]+/);
  return words.some(word => DATA.test(word)) && !words.some(word => HANDLING.test(word));
}

/** What a run learned from. */
export interface IGiven {
  /** Of the parameter. */
  name: string;
  /** As it was given. */
  value: string;
  /** What was there when the run was submitted; undefined where that is not known. */
  fact: DataFact | undefined;
}

/**
 * Return what a run learned from: parameters whose names say so, and those that named files or folders outside of the
 * source folder, as far as the server tells.
 */
export function dataOf(
  { spec, data = [] }: Pick<RunDocument, 'spec' | 'data'>,
  trans: ITrans = UNTRANSLATED
): IGiven[] {
  const words = (spec as { arguments?: unknown[] }).arguments ?? [];
  const shown = parameters(words, trans);
  // the server names them by the words that are not translated
  return parameters(words).flatMap(([name, value], at) => {
    const fact = data.find(one => one.name === name && one.path === value);
    return isData(name) || (fact !== undefined && !fact.in_source)
      ? [{ name: shown[at]?.[0] ?? name, value, fact }]
      : [];
  });
}

/** Return what is to be known of data besides its path: of the same path it tells whether it was changed. */
export function dataNote(fact: DataFact, trans: ITrans = UNTRANSLATED): string {
  const kind = fact.kind === 'file' ? trans.__('file') : trans.__('folder');
  return trans.__('%1, changed %2', fact.size === null ? kind : bytes(fact.size), clock(fact.modified));
}

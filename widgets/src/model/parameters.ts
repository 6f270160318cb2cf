/** Read `--lr 0.1 --quiet data.csv` as names with values; what has no name is numbered. */
export function parameters(words: readonly unknown[]): [string, string][] {
  const found: [string, string][] = [];
  let place = 0;
  for (let at = 0; at < words.length; at++) {
    const word = String(words[at]);
    const [, name, joined] = /^--?([A-Za-z][^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) {
      found.push([`argument ${++place}`, word]);
      continue;
    }
    const next = words[at + 1];
    const takes = joined === undefined && next !== undefined && !/^--?[A-Za-z]/.test(String(next));
    found.push([name, joined ?? (takes ? String(next) : 'yes')]);
    at += takes ? 1 : 0;
  }
  return found;
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

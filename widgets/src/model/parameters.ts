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

/** Return whether a parameter names what a run learned from, as its own name tells. */
export function isData(name: string): boolean {
  return /data|input|corpus/i.test(name);
}

/** A command line cannot be taken apart. */
export class WordsError extends Error {}

/** What needs no quotes. */
const PLAIN = /^[\w@%+=:,./$-]+$/;

/**
 * Take a command line apart as a shell does: quotes and backslashes keep what they stand around or before. Nothing else is
 * special: there is no shell where the job runs, and `$NAME` is replaced there.
 *
 * @throws WordsError where a quote is never closed.
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] as string;
    const next = text[at + 1];
    if (quote !== '' && sign === quote) {
      quote = '';
    } else if (sign === '\\' && next !== undefined && (quote === '' || (quote === '"' && /["\\$`]/.test(next)))) {
      word = (word ?? '') + next;
      at++;
    } else if (quote === '' && (sign === '"' || sign === "'")) {
      quote = sign;
      word ??= '';
    } else if (quote === '' && /\s/.test(sign)) {
      if (word !== null) {
        words.push(word);
      }
      word = null;
    } else {
      word = (word ?? '') + sign;
    }
  }
  if (quote !== '') {
    throw new WordsError(quote);
  }
  return word === null ? words : [...words, word];
}

/** Write words so that {@link splitWords} finds them again. */
export function quoteWords(words: readonly string[]): string {
  return words.map(word => (PLAIN.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`)).join(' ');
}

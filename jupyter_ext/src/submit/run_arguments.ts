import type { ScriptDocument } from './documents';
import { argumentsOf, type IReadArguments, readArguments } from './option_values';

/**
 * Take a run's arguments apart: the values of the options that its script has, and free words. What the fields would not say
 * in the same way, such as abbreviated options, and all from a sub-command on, is free.
 *
 * @param script - Null where its options are not known.
 */
export function fieldsOf(
  script: Pick<ScriptDocument, 'options' | 'commands'> | null,
  words: readonly string[]
): IReadArguments {
  if (script === null) {
    return { values: {}, free: [...words] };
  }
  const commands = new Set(script.commands?.map(({ name }) => name));
  const command = words.findIndex(word => commands.has(word));
  const own = command < 0 ? words : words.slice(0, command);
  const rest = command < 0 ? [] : words.slice(command);
  const read = readArguments(script.options, own);
  const again = readArguments(script.options, argumentsOf(script.options, read.values, read.free));
  const flags = script.options.flatMap(({ flags, on, off }) => [...flags, ...(on ? [on] : []), ...(off ? [off] : [])]);
  const isMeant = (word: string): boolean => flags.some(flag => abbreviates(word, flag));
  if (read.free.some(isMeant) || !isSame(read.free, again.free)) {
    return { values: {}, free: [...words] };
  }
  return { values: read.values, free: [...read.free, ...rest] };
}

/** Whether argparse may take a word that is no option for this one: `--ep=3` for `--epochs`, `-e3` for `-e`. */
function abbreviates(word: string, flag: string): boolean {
  const [name = ''] = word.split('=');
  return flag.startsWith('--')
    ? name.length > 2 && name.startsWith('--') && flag.startsWith(name)
    : word.startsWith(flag) && !word.startsWith('--');
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

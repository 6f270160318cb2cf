/** How far a run is. */
export interface Progress {
  /** What is counted, as it is shown: `Epoch 3 of 25`. */
  label: string;
  /** From 0 to 1. */
  fraction: number;
  /** Seconds that remain, if they can be told. */
  remaining: number | null;
}

// tqdm: "Training:  45%|####5     | 45/100 [00:12<00:15,  3.60it/s]"
const BAR = /^(.*?)\s*(\d{1,3})%\|[^|]*\|\s*([^\s/]+)\/([^\s[]+)\s*\[[^<\]]*<([^,\]]*)/;
const EPOCH = /\bepoch\s*:?\s*\[?\s*(\d+)\s*(?:\/|of)\s*(\d+)/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const ESCAPES = /\u001b\[[0-9;?]*[A-Za-z]/g;

/** Return what a line of tqdm tells, or undefined for any other line. */
export function barOf(line: string): Progress | undefined {
  const found = BAR.exec(line.replace(ESCAPES, ''));
  if (found === null) {
    return undefined;
  }
  const [, title, percent, done, total, remaining] = found as unknown as [
    string,
    string,
    string,
    string,
    string,
    string
  ];
  const name = title.replace(/:$/, '').trim();
  return {
    label: `${name ? `${name} ` : ''}${done} of ${total}`,
    fraction: Math.min(1, Number(percent) / 100),
    remaining: seconds(remaining)
  };
}

/** Return the epoch that a line such as `Epoch 3/25` tells of; `begun` says that it may not be done yet. */
export function epochOf(line: string): { done: number; total: number } | undefined {
  const found = EPOCH.exec(line);
  if (found === null) {
    return undefined;
  }
  const [done, total] = [Number(found[1]), Number(found[2])];
  return total > 0 && done <= total ? { done, total } : undefined;
}

/**
 * Return how far a run is: by its epochs where it tells of them, else by the bar that it draws.
 *
 * @param lines - The last lines of its output.
 * @param logged - The last value of a metric named `epoch`, if it logs one.
 * @param wanted - How many epochs it was asked for by its arguments, if it was.
 * @param elapsed - Seconds since its script began.
 */
export function progressOf(
  lines: readonly string[],
  logged: number | undefined,
  wanted: number | undefined,
  elapsed: number | null
): Progress | undefined {
  let epoch: { done: number; total: number } | undefined;
  let bar: Progress | undefined;
  for (let at = lines.length - 1; at >= 0 && (epoch === undefined || bar === undefined); at--) {
    epoch ??= epochOf(lines[at] as string);
    bar ??= at >= lines.length - 3 ? barOf(lines[at] as string) : undefined;
  }
  if (epoch === undefined && logged !== undefined && wanted !== undefined && wanted > 0 && logged <= wanted) {
    epoch = { done: logged, total: wanted };
  }
  if (epoch === undefined) {
    return bar;
  }
  const fraction = Math.min(1, (Math.max(0, epoch.done - 1) + (bar?.fraction ?? 0)) / epoch.total);
  const remaining = elapsed !== null && fraction > 0.02 ? (elapsed / fraction) * (1 - fraction) : null;
  return { label: `Epoch ${epoch.done} of ${epoch.total}`, fraction, remaining };
}

/** Return the number of epochs that arguments such as `--num_epochs 25` ask for. */
export function epochsWanted(words: readonly unknown[]): number | undefined {
  for (let at = 0; at < words.length; at++) {
    const found = /^--?(?:num[_-]?|n[_-]?|max[_-]?)?(?:train[_-]?)?epochs?(?:=(\d+))?$/i.exec(String(words[at]));
    const value = Number(found?.[1] ?? (found ? words[at + 1] : Number.NaN));
    if (Number.isInteger(value) && value > 0) {
      return value;
    }
  }
  return undefined;
}

/** Return the seconds of a clock such as `01:02:03`; null for anything else. */
function seconds(clock: string): number | null {
  const parts = clock.trim().split(':').map(Number);
  return parts.length >= 2 && parts.every(Number.isFinite) ? parts.reduce((sum, part) => sum * 60 + part, 0) : null;
}

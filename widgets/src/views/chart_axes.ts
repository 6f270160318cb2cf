/** Where the grid of a chart lies, and how its places are written. */

const MULTIPLES = [1, 2, 2.5, 5];

/** Between the lines of a grid over steps, of which there are no halves: 1, 2, 5, 10 and so on. */
export const WHOLE = Array.from({ length: 45 }, (_, at) => ([1, 2, 5][at % 3] as number) * 10 ** Math.floor(at / 3));

/** Between the lines of a grid over values: as uPlot has them, and on up to the largest numbers there are. */
export const FINE = Array.from({ length: 340 }, (_, at) => MULTIPLES.map(one => Number(`${one}e${at - 32}`))).flat();

/** Powers of ten on a logarithmic axis between which there are lines, too; and lines there are where there are more. */
const FEW_POWERS = 4;
const MOST_LINES = 6;

/** Return the lines of a logarithmic grid: all digits of each power of ten, or some of the powers where they are many. */
export function logarithmicGrid(from: number, to: number): number[] {
  const [first, last] = [Math.floor(Math.log10(from)), Math.ceil(Math.log10(to))];
  const powers = last - first;
  const each = powers > FEW_POWERS ? Math.ceil(powers / MOST_LINES) : 1;
  const digits = powers > FEW_POWERS ? [1] : [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const lines: number[] = [];
  for (let power = Math.ceil(first / each) * each; power <= last; power += each) {
    lines.push(...digits.map(digit => Number(`${digit}e${power}`)));
  }
  return lines.filter(line => line >= from && line <= to);
}

/** Return which lines of a logarithmic grid are written at: powers of ten, and what lies between where there is room. */
export function writtenLines(lines: readonly number[]): (number | null)[] {
  const powers = Math.log10((lines[lines.length - 1] ?? 1) / (lines[0] ?? 1));
  const digits = powers < 0.7 ? '123456789' : powers < 1.5 ? '125' : '1';
  return lines.map(line => (digits.includes(line.toExponential().charAt(0)) ? line : null));
}

/** Return how wide an axis is, in pixels, so that the longest of its labels has room; there are none at first. */
export function widthOf(labels: readonly string[] | null): number {
  return Math.max(54, 14 + 7 * Math.max(0, ...(labels ?? []).map(label => label.length)));
}

/** A step, or a number of points. */
export function shortNumber(value: number, digits?: number): string {
  if (digits !== undefined) {
    return value.toLocaleString('en', { maximumSignificantDigits: digits });
  }
  return Math.abs(value) >= 1e4
    ? value.toLocaleString('en', { notation: 'compact' })
    : String(Number(value.toPrecision(6)));
}

/** Seconds, in the unit that suits them. */
export function shortTime(seconds: number, digits = 3): string {
  const short = (value: number, unit: string): string => `${Number(value.toPrecision(digits))} ${unit}`;
  if (Math.abs(seconds) < 120) {
    return short(seconds, 's');
  }
  return seconds < 7200 ? short(seconds / 60, 'min') : short(seconds / 3600, 'h');
}

/** How values are written for people. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `1.5 MB`; an en dash where it is not known. */
export function bytes(size: number | null | undefined): string {
  if (size === null || size === undefined || !Number.isFinite(size)) {
    return '–';
  }
  let unit = 0;
  let value = size;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${UNITS[unit]}`;
}

/** `1,234,567`, in each language: beside metrics, which have a point as code and logs do, `1.234` would be read as one. */
export function grouped(value: number): string {
  return value.toLocaleString('en');
}

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Memory, as its limits are given: `512 MiB`, `1.5 GiB`. */
export function memory(size: number): string {
  let unit = 0;
  let value = size;
  while (value >= 1024 && unit < BINARY.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : Number(value.toPrecision(value < 1000 ? 3 : 4))} ${BINARY[unit]}`;
}

/** `7 s`, `2:05`, `3:02:05`, `2 d 03:02`; an en dash where it is not known. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds) || seconds < 0) {
    return '–';
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${seconds < 9.95 ? Math.round(seconds * 10) / 10 : whole} s`;
  }
  const pad = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  if (hours >= 24) {
    return `${Math.floor(hours / 24)} d ${pad(hours % 24)}:${pad(minutes)}`;
  }
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

/** A value of a metric, with four significant digits: `0.9283`, `1.23e-7`, `NaN`. */
export function metric(value: number | null | undefined): string {
  return precisely(value, 4);
}

/** A value of a metric, with that many significant digits where it is no whole number. */
function precisely(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined) {
    return '–';
  }
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
  }
  if (Number.isInteger(value) && Math.abs(value) < 1e9) {
    return String(value);
  }
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-4 ? value.toExponential(digits - 2) : String(Number(value.toPrecision(digits)));
}

/** Digits beyond which numbers differ no more. */
const MOST_DIGITS = 15;

/**
 * Values of an axis, with as many digits as it takes to tell each from the others; nothing where there is none.
 *
 * @param write - Writes a value with that many significant digits, or with as many as are usual.
 */
export function ticks(
  values: readonly (number | null)[],
  write: (value: number, digits?: number) => string = precisely
): string[] {
  const different = new Set(values).size;
  let shown = values.map(value => (value === null ? '' : write(value)));
  for (let digits = 4; new Set(shown).size < different && digits <= MOST_DIGITS; digits++) {
    shown = values.map(value => (value === null ? '' : write(value, digits)));
  }
  return shown;
}

/** A time of the wire as the reader's own clock has it: `14:05:09`, with the date where it is not today. */
export function clock(time: string | null, now = new Date()): string {
  if (time === null) {
    return '–';
  }
  const at = new Date(time);
  const hours = at.toLocaleTimeString(undefined, { hourCycle: 'h23' });
  return at.toDateString() === now.toDateString() ? hours : `${at.toLocaleDateString()} ${hours}`;
}

/** The words of a reason such as `out_of_memory`. */
export function words(name: string): string {
  return name.replace(/_/g, ' ');
}

/** A text as a sentence begins. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A text of at most `most` characters, with an ellipsis where some are missing. */
export function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

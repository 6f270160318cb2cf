/** What of an axis is looked at; null for all of it. */
export type Range = readonly [from: number, to: number] | null;

/** How much a key looks closer, and by which part of what is in sight it moves. */
const CLOSER = 0.5;
const STEP = 0.25;

/**
 * Return what is looked at after a key, or undefined where that key does nothing: `+` and `-` look closer and from farther
 * away, arrows move, and `0` shows all.
 *
 * @param extent - All there is of the axis.
 */
export function rangeAfter(key: string, range: Range, extent: readonly [number, number]): Range | undefined {
  const [from, to] = range ?? extent;
  const width = to - from;
  switch (key) {
    case '+':
    case '=':
      return within(from + (width * (1 - CLOSER)) / 2, width * CLOSER, extent);
    case '-':
      return within(from + (width * (1 - 1 / CLOSER)) / 2, width / CLOSER, extent);
    case 'ArrowLeft':
      return within(from - width * STEP, width, extent);
    case 'ArrowRight':
      return within(from + width * STEP, width, extent);
    case '0':
      return null;
    default:
      return undefined;
  }
}

/** Return a range of that width which leaves what there is on neither side; null where it is all of it. */
function within(from: number, width: number, [first, last]: readonly [number, number]): Range {
  if (!(width > 0) || width >= last - first) {
    return null;
  }
  const start = Math.min(Math.max(from, first), last - width);
  return [start, start + width];
}

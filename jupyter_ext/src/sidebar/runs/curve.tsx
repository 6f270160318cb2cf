import { numberOf, type WireNumber } from '../../../../widgets/src/documents';

const WIDTH = 56;
const HEIGHT = 16;
/** Room for the width of the line. */
const MARGIN = 1;

/** Values as a curve in a line of text: only its form can be read, what it shows is to be said beside it. */
export function Curve({ values }: { values: readonly WireNumber[] }) {
  return (
    <svg class="jp-Traindock-Curve" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <path d={path(values.map(numberOf))} />
    </svg>
  );
}

/** Return the path of a curve, with a gap where a value is no finite number. */
export function path(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite);
  const range = Math.max(...finite) - low;
  const x = (at: number): number =>
    MARGIN + (WIDTH - 2 * MARGIN) * (values.length > 1 ? at / (values.length - 1) : 0.5);
  const y = (value: number): number =>
    HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (range > 0 ? (value - low) / range : 0.5);
  let drawn = '';
  let before = false;
  values.forEach((value, at) => {
    const here = Number.isFinite(value);
    if (here) {
      drawn += `${before ? 'L' : 'M'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
      if (!before && !Number.isFinite(values[at + 1])) {
        drawn += 'h0'; // a point on its own, which the round ends of the line make visible
      }
    }
    before = here;
  });
  return drawn;
}

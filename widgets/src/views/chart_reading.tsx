import { grouped, metric } from '../format';
import type { ILine } from '../model/chart_data';
import type { IReading } from '../model/reading';
import type { Axis } from '../model/series';
import { type ITrans, useTrans } from '../translation';
import { shortTime } from './chart_axes';
import { COLOURS } from './chart_plot';

/** The values where the cursor of a chart is, over that side of the chart where the cursor is not. */
export function ChartReading({
  lines,
  readings,
  place,
  axis,
  side
}: {
  lines: readonly ILine[];
  /** In the order of the lines. */
  readings: readonly (IReading | undefined)[];
  /** Where on the axis the cursor is. */
  place: number;
  axis: Axis;
  side: 'left' | 'right';
}) {
  const trans = useTrans();
  return (
    <div class={`td-reading td-reading-${side}`} aria-hidden="true">
      <div class="td-muted td-number">{placeOf(place, axis, trans)}</div>
      <ul>
        {lines.map((line, at) => {
          const reading = readings[at];
          return reading === undefined ? null : (
            <li key={line.label}>
              <span class={`td-swatch td-line-${line.colour % COLOURS}`} />
              <span class="td-reading-name">{line.label}</span>
              <span class="td-number">{metric(reading.value)}</span>
              <span class="td-number td-muted">{besides(reading, place, axis, trans)}</span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

/** The same in words, for those who do not see it. */
export function spokenReading(
  lines: readonly ILine[],
  readings: readonly (IReading | undefined)[],
  place: number,
  axis: Axis,
  trans: ITrans
): string {
  const values = lines.flatMap(({ label }, at) => {
    const reading = readings[at];
    return reading === undefined
      ? []
      : [`${label} ${metric(reading.value)} ${besides(reading, place, axis, trans)}`.trim()];
  });
  return `${placeOf(place, axis, trans)}: ${values.join(', ')}`;
}

/** Of a point that stands for several, what these span; where it lies, if that is elsewhere. */
function besides({ span, place }: IReading, cursor: number, axis: Axis, trans: ITrans): string {
  const [low, high] = (span ?? []).map(metric);
  return [
    low === high ? '' : trans.__('%1 to %2', low, high),
    place === cursor ? '' : trans.__('at %1', amountOf(place, axis))
  ]
    .filter(text => text !== '')
    .join(' ');
}

function placeOf(place: number, axis: Axis, trans: ITrans): string {
  const amount = amountOf(place, axis);
  switch (axis) {
    case 'time':
      return amount;
    case 'step':
      return trans.__('step %1', amount);
    case 'index':
      return trans.__('count %1', amount);
  }
}

function amountOf(place: number, axis: Axis): string {
  return axis === 'time' ? shortTime(place, 4) : grouped(place);
}

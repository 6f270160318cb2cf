import { useState } from 'preact/hooks';
import { metric, shortened } from '../format';
import { useTrans } from '../translation';
import type { IChart } from './charts';
import type { IPart } from './lines_chart';

const LONGEST_NAME = 80;
/** Figures that are shown at once. */
const MOST_FIGURES = 48;

/** Metrics that have a single value in each run, in a row. */
export function Figures({ figures, brief }: { figures: readonly IChart[]; brief: boolean }) {
  const trans = useTrans();
  const [most, setMost] = useState(MOST_FIGURES);
  return (
    <>
      <ul class="td-figures" aria-label={trans.__('Metrics with one value')}>
        {figures.slice(0, most).map(({ title, parts }) => (
          <li key={title}>
            <span class="td-muted" title={shortened(title, 1000)}>
              {shortened(title, LONGEST_NAME)}
            </span>
            {parts.map(part => (
              <Value key={part.colour} part={part} marked={brief} />
            ))}
          </li>
        ))}
      </ul>
      {figures.length > most && (
        <button type="button" onClick={() => setMost(Number.POSITIVE_INFINITY)}>
          {trans._n('Show %1 value', 'Show all %1 values', figures.length)}
        </button>
      )}
    </>
  );
}

/** What a run has of it; where there are several, with its colour on charts. */
function Value({ part, marked }: { part: IPart; marked: boolean }) {
  const series = part.model.series.get(part.name);
  if (series === undefined) {
    return null;
  }
  return (
    <span class="td-number" title={marked ? part.label : undefined}>
      {marked && <span class={`td-swatch td-line-${part.colour}`} aria-hidden="true" />}
      {marked && <span class="td-hidden">{part.label}</span>}
      {metric(series.latest)}
    </span>
  );
}

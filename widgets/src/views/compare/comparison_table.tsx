import { Fragment } from 'preact';
import { useState } from 'preact/hooks';
import { shortened } from '../../format';
import type { IRow, ISection } from '../../model/comparison';
import { useTrans } from '../../translation';
import { Scrolling } from '../scrolling';

/** Lines of a section that are shown at once, such as packages. */
const MOST_ROWS = 200;
const LONGEST = 400;

/** What runs have, side by side: a column for each, with a mark where they differ. */
export function ComparisonTable({
  labels,
  sections,
  empty
}: {
  labels: readonly string[];
  sections: readonly ISection[];
  empty: string;
}) {
  const trans = useTrans();
  const [onlyDifferences, setOnly] = useState(false);
  const all = sections.flatMap(section => section.rows);
  const different = all.filter(row => row.differs).length;
  if (all.length === 0) {
    return <p class="td-empty">{empty}</p>;
  }
  return (
    <section aria-label={trans.__('Side by side')}>
      <div class="td-tools">
        <label>
          <input type="checkbox" checked={onlyDifferences} onChange={event => setOnly(event.currentTarget.checked)} />
          {trans.__('Only differences')}
        </label>
        <span class="td-muted">
          {trans._n('%2 of %1 line differs', '%2 of %1 lines differ', all.length, different)}
        </span>
      </div>
      {onlyDifferences && different === 0 ? (
        <p class="td-empty">{trans.__('Nothing differs.')}</p>
      ) : (
        <Scrolling looks="td-wide" label={trans.__('Table of runs')}>
          <table class="td-side-by-side">
            <thead>
              <tr>
                <th scope="col">
                  <span class="td-hidden">{trans._p('column of a table', 'What')}</span>
                </th>
                {labels.map((label, at) => (
                  <th key={at} scope="col" style={{ borderTopColor: `var(--td-line-${at})` }}>
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {sections.map(section => (
                <Section
                  key={section.title}
                  section={section}
                  rows={section.rows.filter(row => row.differs || !onlyDifferences)}
                  width={labels.length + 1}
                />
              ))}
            </tbody>
          </table>
        </Scrolling>
      )}
    </section>
  );
}

function Section({ section, rows, width }: { section: ISection; rows: readonly IRow[]; width: number }) {
  const trans = useTrans();
  const [most, setMost] = useState(MOST_ROWS);
  if (rows.length === 0) {
    return null;
  }
  return (
    <Fragment>
      <tr class="td-section">
        <th colSpan={width} scope="colgroup">
          {section.title}
        </th>
      </tr>
      {rows.slice(0, most).map(row => (
        <Line key={row.name} row={row} outcome={section.outcome} />
      ))}
      {rows.length > most && (
        <tr>
          <td colSpan={width}>
            <button type="button" onClick={() => setMost(most + MOST_ROWS)}>
              {trans._n('Show more of %1 line', 'Show more of %1 lines', rows.length)}
            </button>
          </td>
        </tr>
      )}
    </Fragment>
  );
}

function Line({ row, outcome }: { row: IRow; outcome: boolean }) {
  const trans = useTrans();
  const [first] = row.values;
  return (
    <tr class={row.differs ? 'td-differs' : undefined}>
      <th scope="row">
        {shortened(row.name, LONGEST)}
        {row.differs && (
          <span class="td-mark" title={trans.__('Differs')}>
            <span aria-hidden="true">≠</span>
            <span class="td-hidden">{trans.__('differs')}</span>
          </span>
        )}
      </th>
      {row.values.map((value, at) => (
        <td key={at} class={looks(row, at, !outcome && value !== undefined && value !== first)}>
          {value === null || value === undefined ? <span class="td-muted">–</span> : shortened(value, LONGEST)}
          {row.best.includes(at) && <span class="td-best-mark"> {trans.__('best')}</span>}
        </td>
      ))}
    </tr>
  );
}

/** The best of a line is bold; of what runs were given, what is not as in the first run is coloured. */
function looks(row: IRow, at: number, other: boolean): string | undefined {
  return [row.best.includes(at) && 'td-best', other && 'td-other'].filter(Boolean).join(' ') || undefined;
}

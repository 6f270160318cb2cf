import { Fragment } from 'preact';
import { shortened } from '../../format';
import type { ILineageNode } from '../../model/model_lineage';
import { type ITrans, useTrans } from '../../translation';

/** Pixels: of a node and the gap below it, as the style sheet has them too, and between two columns. */
const HEIGHT = 48;
const GAP = 10;
const BETWEEN = 44;

/** What each column has, for those who do not see where it stands. */
const COLUMNS: Record<ILineageNode['kind'], (trans: ITrans) => string> = {
  data: trans => trans._p('lineage', 'Made from'),
  snapshot: trans => trans._p('lineage', 'Made from'),
  environment: trans => trans._p('lineage', 'Made from'),
  run: trans => trans._p('lineage', 'by the run'),
  version: trans => trans._p('lineage', 'the version')
};

/** What a node is, in a word. */
const KINDS: Record<ILineageNode['kind'], (trans: ITrans) => string> = {
  data: trans => trans._p('lineage', 'Data'),
  snapshot: trans => trans._p('lineage', 'Snapshot'),
  environment: trans => trans._p('lineage', 'Environment'),
  run: trans => trans._p('lineage', 'Run'),
  version: trans => trans._p('lineage', 'Version')
};

interface IGraphProps {
  /** What the last column is. */
  label: string;
  columns: readonly (readonly ILineageNode[])[];
  /** The node of which something is shown below. */
  shown: string | null;
  /** Return what choosing a node does; undefined where that is nothing. */
  opening(node: ILineageNode): { act(): void; title: string; shows: boolean } | undefined;
}

/** Where something comes from: columns of nodes, from each of which lines lead to those of the next. */
export function LineageGraph({ label, columns, shown, opening }: IGraphProps) {
  const trans = useTrans();
  const rows = Math.max(...columns.map(column => column.length));
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields
    <div class="td-graph" role="group" aria-label={label}>
      {columns.map((column, at) => (
        <Fragment key={at}>
          {at > 0 && <Lines from={columns[at - 1]?.length ?? 0} to={column.length} rows={rows} />}
          <ul class="td-plain" aria-label={COLUMNS[column[0]?.kind ?? 'version'](trans)}>
            {column.map(node => (
              <li key={node.key}>
                <Node node={node} shown={shown} opening={opening} />
              </li>
            ))}
          </ul>
        </Fragment>
      ))}
    </div>
  );
}

function Node({ node, shown, opening }: { node: ILineageNode } & Pick<IGraphProps, 'shown' | 'opening'>) {
  const trans = useTrans();
  const opened = opening(node);
  const said = (
    <>
      <span class="td-node-kind">
        {KINDS[node.kind](trans)} {node.note !== '' && <span class="td-muted">{shortened(node.note, 80)}</span>}
      </span>{' '}
      <span class="td-node-text">{shortened(node.text, 200)}</span>
    </>
  );
  const kind = `td-node td-node-${node.kind}`;
  return opened === undefined ? (
    <span class={kind} title={node.text}>
      {said}
    </span>
  ) : (
    <button
      type="button"
      class={kind}
      title={opened.title}
      aria-expanded={opened.shows ? shown === node.key : undefined}
      onClick={opened.act}
    >
      {said}
    </button>
  );
}

/** Lines from each node of a column to each of the next; what is less high than the rest stands in its middle. */
function Lines({ from, to, rows }: { from: number; to: number; rows: number }) {
  const height = rows * (HEIGHT + GAP) - GAP;
  const middles = (count: number): number[] => {
    const begin = (height - (count * (HEIGHT + GAP) - GAP)) / 2;
    return Array.from({ length: count }, (_, at) => begin + at * (HEIGHT + GAP) + HEIGHT / 2);
  };
  const paths = middles(from).flatMap(start =>
    middles(to).map(end => {
      const half = BETWEEN / 2;
      return `M0 ${start}C${half} ${start} ${half} ${end} ${BETWEEN - 6} ${end}`;
    })
  );
  return (
    <svg class="td-edges" width={BETWEEN} height={height} viewBox={`0 0 ${BETWEEN} ${height}`} aria-hidden="true">
      {paths.map(path => (
        <path key={path} d={path} />
      ))}
      {middles(to).map(end => (
        <path key={end} class="td-arrow" d={`M${BETWEEN - 7} ${end - 4}l7 4l-7 4z`} />
      ))}
    </svg>
  );
}

import { useState } from 'preact/hooks';
import { bytes, shortened } from '../../format';
import { changesBetween, diffOf, type FileDiff, type IChange, type ITree, treeOf } from '../../model/code';
import type { RunModel } from '../../model/run_model';
import { said, useLoaded } from '../hooks';
import { Scrolling } from '../scrolling';

/** Changed files that are listed. */
const MOST_FILES = 300;

/** A run's tree, or why there is none. */
type Tree = ITree | string;

/** In which files the source folders of two of the runs differ, and in which lines. */
export function CodeDifferences({ runs, labels }: { runs: readonly RunModel[]; labels: readonly string[] }) {
  const key = runs.map(run => run.target.run).join(' ');
  const { value: trees } = useLoaded(signal => Promise.all(runs.map(run => treeOrWhyNot(run, signal))), key);
  const [chosen, choose] = useState<readonly [number, number] | null>(null);
  if (trees === undefined) {
    return <p class="td-empty">Asking for the source folders…</p>;
  }
  const [from, to] = chosen ?? differing(trees);
  const [before, after] = [trees[from] as Tree, trees[to] as Tree];
  const missing = [before, after].find(tree => typeof tree === 'string');
  return (
    <section class="td-code" aria-label="Code">
      <p>{inGroups(trees, labels)}</p>
      <div class="td-tools">
        <Pick label="From" labels={labels} chosen={from} choose={at => choose([at, to])} />
        <Pick label="to" labels={labels} chosen={to} choose={at => choose([from, at])} />
      </div>
      {typeof before === 'string' || typeof after === 'string' ? (
        <p class="td-empty">{missing as string}</p>
      ) : (
        <Changes
          key={`${from} ${to}`}
          before={before}
          after={after}
          from={runs[from] as RunModel}
          to={runs[to] as RunModel}
        />
      )}
    </section>
  );
}

async function treeOrWhyNot(run: RunModel, signal: AbortSignal): Promise<Tree> {
  try {
    return await treeOf(run.source, run.target, signal);
  } catch (error) {
    return said(error);
  }
}

/** Return the first two runs whose code differs; the first two of all where none does. */
function differing(trees: readonly Tree[]): [number, number] {
  const first = idOf(trees[0] as Tree);
  const other = trees.findIndex(tree => idOf(tree) !== undefined && idOf(tree) !== first);
  return [0, other > 0 ? other : 1];
}

function idOf(tree: Tree): string | undefined {
  return typeof tree === 'string' ? undefined : tree.id;
}

/** Tell which runs have the same code. */
function inGroups(trees: readonly Tree[], labels: readonly string[]): string {
  const groups = new Map<string, string[]>();
  trees.forEach((tree, at) => {
    const id = idOf(tree);
    if (id !== undefined) {
      groups.set(id, [...(groups.get(id) ?? []), labels[at] as string]);
    }
  });
  if (groups.size === 1 && trees.every(tree => typeof tree !== 'string')) {
    return 'All of these runs were submitted with the same code.';
  }
  const equal = [...groups.values()].filter(group => group.length > 1).map(group => group.join(', '));
  const versions = `${groups.size} versions of the code.`;
  return equal.length === 0 ? versions : `${versions} The same: ${equal.join('; ')}.`;
}

function Pick({
  label,
  labels,
  chosen,
  choose
}: {
  label: string;
  labels: readonly string[];
  chosen: number;
  choose: (at: number) => void;
}) {
  return (
    <label>
      {label}
      <select value={String(chosen)} onChange={event => choose(Number(event.currentTarget.value))}>
        {labels.map((name, at) => (
          <option key={at} value={String(at)}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

interface ISides {
  from: RunModel;
  to: RunModel;
}

function Changes({ before, after, from, to }: { before: ITree; after: ITree } & ISides) {
  const changes = before.id === after.id ? [] : changesBetween(before, after);
  const [open, setOpen] = useState<string | undefined>(changes.find(change => change.kind === 'changed')?.path);
  if (changes.length === 0) {
    return <p class="td-empty">No difference: these two were submitted with the same files.</p>;
  }
  const left = Math.max(before.total - before.entries.length, after.total - after.entries.length);
  return (
    <>
      <ul class="td-changes">
        {changes.slice(0, MOST_FILES).map(change => (
          <li key={change.path}>
            <button
              type="button"
              class="td-link"
              aria-expanded={open === change.path}
              onClick={() => setOpen(open === change.path ? undefined : change.path)}
            >
              {shortened(change.path, 200)}
            </button>
            <span class={`td-change td-change-${change.kind}`}>{change.kind}</span>
            <span class="td-muted td-number">{sizes(change)}</span>
            {open === change.path && <Difference change={change} from={from} to={to} />}
          </li>
        ))}
      </ul>
      {changes.length > MOST_FILES && (
        <p class="td-muted">{`The first ${MOST_FILES} of ${changes.length} files that differ.`}</p>
      )}
      {left > 0 && <p class="td-notice">{`${left.toLocaleString('en')} further files were not compared.`}</p>}
    </>
  );
}

function sizes({ kind, before, after }: IChange): string {
  return kind === 'changed' ? `${bytes(before?.size)} → ${bytes(after?.size)}` : bytes((before ?? after)?.size);
}

function Difference({ change, from, to }: { change: IChange } & ISides) {
  const { value, error } = useLoaded(
    signal => diffOf(from.source, from.target, to.target, change, signal),
    `${from.target.run} ${to.target.run} ${change.path}`
  );
  if (value === undefined) {
    return <p class="td-muted">{error || 'Comparing…'}</p>;
  }
  return 'note' in value ? <p class="td-muted">{value.note}</p> : <Lines diff={value} path={change.path} />;
}

const SIGNS = { same: ' ', added: '+', removed: '−', gap: '' };

function Lines({ diff, path }: { diff: Exclude<FileDiff, { note: string }>; path: string }) {
  return (
    <>
      <Scrolling looks="td-diff" label={`Difference of ${path}`}>
        <table>
          <caption class="td-muted">{`${diff.added} added, ${diff.removed} removed`}</caption>
          <tbody>
            {diff.lines.map((line, at) =>
              line.kind === 'gap' ? (
                <tr key={at} class="td-diff-gap">
                  <td colSpan={4}>{line.text}</td>
                </tr>
              ) : (
                <tr key={at} class={`td-diff-${line.kind}`}>
                  <td class="td-line-number">{line.before}</td>
                  <td class="td-line-number">{line.after}</td>
                  <td>{SIGNS[line.kind]}</td>
                  <td class="td-diff-text">{line.text}</td>
                </tr>
              )
            )}
          </tbody>
        </table>
      </Scrolling>
      {diff.cut && <p class="td-muted">The rest is not shown.</p>}
    </>
  );
}

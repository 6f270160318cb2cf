import { useState } from 'preact/hooks';
import { bytes, grouped, shortened } from '../../format';
import { changesBetween, diffOf, type FileDiff, type IChange, type ITree, treeOf } from '../../model/code';
import type { RunModel } from '../../model/run_model';
import { failureText } from '../../problems';
import { type ITrans, useTrans } from '../../translation';
import { useLoaded } from '../hooks';
import { Scrolling } from '../scrolling';

/** Changed files that are listed. */
const MOST_FILES = 300;

/** A run's tree, or why there is none. */
type Tree = ITree | string;

/** In which files the source folders of two of the runs differ, and in which lines. */
export function CodeDifferences({ runs, labels }: { runs: readonly RunModel[]; labels: readonly string[] }) {
  const trans = useTrans();
  const key = runs.map(run => run.target.run).join(' ');
  const { value: trees } = useLoaded(signal => Promise.all(runs.map(run => treeOrWhyNot(run, signal, trans))), key);
  const [chosen, choose] = useState<readonly [number, number] | null>(null);
  if (trees === undefined) {
    return <p class="td-empty">{trans.__('Asking for the source folders…')}</p>;
  }
  const [from, to] = chosen ?? differing(trees);
  const [before, after] = [trees[from] as Tree, trees[to] as Tree];
  const missing = [before, after].find(tree => typeof tree === 'string');
  return (
    <section class="td-code" aria-label={trans.__('Code')}>
      <p>{inGroups(trees, labels, trans)}</p>
      <div class="td-tools">
        <Pick label={trans.__('From')} labels={labels} chosen={from} choose={at => choose([at, to])} />
        <Pick label={trans._p('comparison', 'to')} labels={labels} chosen={to} choose={at => choose([from, at])} />
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

async function treeOrWhyNot(run: RunModel, signal: AbortSignal, trans: ITrans): Promise<Tree> {
  try {
    return await treeOf(run.source, run.target, signal);
  } catch (error) {
    return failureText(error, trans);
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
function inGroups(trees: readonly Tree[], labels: readonly string[], trans: ITrans): string {
  const groups = new Map<string, string[]>();
  trees.forEach((tree, at) => {
    const id = idOf(tree);
    if (id !== undefined) {
      groups.set(id, [...(groups.get(id) ?? []), labels[at] as string]);
    }
  });
  if (groups.size === 1 && trees.every(tree => typeof tree !== 'string')) {
    return trans.__('All of these runs were submitted with the same code.');
  }
  const equal = [...groups.values()].filter(group => group.length > 1).map(group => group.join(', '));
  return equal.length === 0
    ? trans._n('%1 version of the code.', '%1 versions of the code.', groups.size)
    : trans._n(
        '%1 version of the code. The same: %2.',
        '%1 versions of the code. The same: %2.',
        groups.size,
        equal.join('; ')
      );
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
  const trans = useTrans();
  const changes = before.id === after.id ? [] : changesBetween(before, after);
  const [open, setOpen] = useState<string | undefined>(changes.find(change => change.kind === 'changed')?.path);
  if (changes.length === 0) {
    return <p class="td-empty">{trans.__('No difference: these two were submitted with the same files.')}</p>;
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
            <span class={`td-change td-change-${change.kind}`}>{changeWord(change.kind, trans)}</span>
            <span class="td-muted td-number">{sizes(change)}</span>
            {open === change.path && <Difference change={change} from={from} to={to} />}
          </li>
        ))}
      </ul>
      {changes.length > MOST_FILES && (
        <p class="td-muted">{trans.__('The first %1 of %2 files that differ.', MOST_FILES, changes.length)}</p>
      )}
      {left > 0 && (
        <p class="td-notice">
          {trans._n('%2 further file was not compared.', '%2 further files were not compared.', left, grouped(left))}
        </p>
      )}
    </>
  );
}

function changeWord(kind: IChange['kind'], trans: ITrans): string {
  return {
    added: trans._p('file', 'added'),
    removed: trans._p('file', 'removed'),
    changed: trans._p('file', 'changed')
  }[kind];
}

function sizes({ kind, before, after }: IChange): string {
  return kind === 'changed' ? `${bytes(before?.size)} → ${bytes(after?.size)}` : bytes((before ?? after)?.size);
}

function Difference({ change, from, to }: { change: IChange } & ISides) {
  const trans = useTrans();
  const { value, error } = useLoaded(
    signal => diffOf(from.source, from.target, to.target, change, signal, trans),
    `${from.target.run} ${to.target.run} ${change.path}`
  );
  if (value === undefined) {
    return <p class="td-muted">{error || trans.__('Comparing…')}</p>;
  }
  return 'note' in value ? <p class="td-muted">{value.note}</p> : <Lines diff={value} path={change.path} />;
}

const SIGNS = { same: ' ', added: '+', removed: '−', gap: '' };

function Lines({ diff, path }: { diff: Exclude<FileDiff, { note: string }>; path: string }) {
  const trans = useTrans();
  return (
    <>
      <Scrolling looks="td-diff" label={trans.__('Difference of %1', path)}>
        <table>
          <caption class="td-muted">{trans.__('%1 added, %2 removed', diff.added, diff.removed)}</caption>
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
      {diff.cut && <p class="td-muted">{trans.__('The rest is not shown.')}</p>}
    </>
  );
}

import { structuredPatch } from 'diff';
import { query, type RunTarget, runPath, type Source } from '../sources/source';
import { type ITrans, UNTRANSLATED } from '../translation';

/** Entries of a snapshot that are looked at. */
const MOST_ENTRIES = 10_000;
const PAGE = 1000;
/** Bytes of a file up to which its lines are compared. */
const MOST_BYTES = 500_000;
/** Milliseconds after which two files are taken for too different. */
const PATIENCE = 2000;
/** Lines of a difference that are shown. */
const MOST_LINES = 2000;

/** A file, link or empty folder of a snapshot. */
export interface IEntry {
  path: string;
  kind: 'file' | 'link' | 'folder';
  size: number | null;
  mode: string | null;
  sha256: string | null;
  target: string | null;
}

/** The source folder of a run. */
export interface ITree {
  /** Equal folders have equal ids. */
  id: string;
  entries: IEntry[];
  /** How many entries there are, those that were not looked at included. */
  total: number;
}

/** A path at which two trees differ. */
export interface IChange {
  path: string;
  kind: 'added' | 'removed' | 'changed';
  before: IEntry | undefined;
  after: IEntry | undefined;
}

/** A line of a difference, with its numbers in both files where it has them. */
export interface IDiffLine {
  kind: 'same' | 'added' | 'removed' | 'gap';
  text: string;
  before: number | null;
  after: number | null;
}

/** How two files differ, or why that is not shown. */
export type FileDiff = { lines: IDiffLine[]; added: number; removed: number; cut: boolean } | { note: string };

/** Ask for the tree that a run was submitted with. */
export async function treeOf(source: Source, run: RunTarget, signal?: AbortSignal): Promise<ITree> {
  const entries: IEntry[] = [];
  for (;;) {
    const path = runPath(run, `/snapshot${query({ limit: PAGE, offset: entries.length })}`);
    const page = await source.request<ITree & { more: boolean }>(path, { signal });
    entries.push(...page.entries);
    if (!page.more || entries.length >= MOST_ENTRIES) {
      return { id: page.id, entries, total: page.total };
    }
  }
}

/** Return the paths at which trees differ, by path. */
export function changesBetween(before: ITree, after: ITree): IChange[] {
  const old = new Map(before.entries.map(entry => [entry.path, entry]));
  const now = new Map(after.entries.map(entry => [entry.path, entry]));
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  return paths
    .map(path => ({ path, before: old.get(path), after: now.get(path) }))
    .filter(({ before, after }) => !same(before, after))
    .map(pair => ({
      ...pair,
      kind: pair.before === undefined ? 'added' : pair.after === undefined ? 'removed' : 'changed'
    }));
}

function same(one: IEntry | undefined, other: IEntry | undefined): boolean {
  return (
    one !== undefined &&
    other !== undefined &&
    one.kind === other.kind &&
    one.sha256 === other.sha256 &&
    one.target === other.target &&
    one.mode === other.mode
  );
}

/** Compare the lines of a file that two runs were submitted with. */
export async function diffOf(
  source: Source,
  before: RunTarget,
  after: RunTarget,
  change: IChange,
  signal?: AbortSignal,
  trans: ITrans = UNTRANSLATED
): Promise<FileDiff> {
  const sides = [change.before, change.after].filter(entry => entry !== undefined);
  if (sides.some(entry => entry.kind !== 'file')) {
    return { note: sides.map(side => described(side, trans)).join(' → ') };
  }
  if (sides.some(entry => (entry.size ?? 0) > MOST_BYTES)) {
    return { note: trans.__('Too large to be compared by lines: more than %1 kB.', MOST_BYTES / 1000) };
  }
  if (change.before?.sha256 === change.after?.sha256) {
    return { note: trans.__('Same content; mode %1 → %2.', change.before?.mode, change.after?.mode) };
  }
  const [old, now] = await Promise.all([
    textOf(source, before, change.before, signal),
    textOf(source, after, change.after, signal)
  ]);
  return old === null || now === null
    ? { note: trans.__('No text: the contents differ.') }
    : linesBetween(old, now, trans);
}

function described(entry: IEntry, trans: ITrans): string {
  return entry.kind === 'link'
    ? trans.__('link to %1', entry.target)
    : entry.kind === 'file'
      ? trans.__('file')
      : trans.__('folder');
}

/** Return a file's text; "" where there is no file, null where it is no text. */
async function textOf(
  source: Source,
  run: RunTarget,
  entry: IEntry | undefined,
  signal?: AbortSignal
): Promise<string | null> {
  if (entry === undefined) {
    return '';
  }
  const data = await source.bytes(runPath(run, `/snapshot/content${query({ name: entry.path })}`), { signal });
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data);
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}

/** Return how two texts differ: what has changed with three lines around it. */
export function linesBetween(before: string, after: string, trans: ITrans = UNTRANSLATED): FileDiff {
  const patch = structuredPatch('', '', before, after, '', '', { context: 3, timeout: PATIENCE });
  if (patch === undefined) {
    return { note: trans.__('Too different to be compared by lines.') };
  }
  const lines: IDiffLine[] = [];
  let [added, removed] = [0, 0];
  for (const hunk of patch.hunks) {
    let [old, now] = [hunk.oldStart, hunk.newStart];
    lines.push({ kind: 'gap', text: trans.__('Line %1', now), before: null, after: null });
    for (const line of hunk.lines) {
      const text = line.slice(1);
      if (line.startsWith('+')) {
        added++;
        lines.push({ kind: 'added', text, before: null, after: now++ });
      } else if (line.startsWith('-')) {
        removed++;
        lines.push({ kind: 'removed', text, before: old++, after: null });
      } else if (line.startsWith(' ')) {
        lines.push({ kind: 'same', text, before: old++, after: now++ });
      } else {
        lines.push({ kind: 'gap', text: text.trim(), before: null, after: null });
      }
    }
  }
  return { lines: lines.slice(0, MOST_LINES), added, removed, cut: lines.length > MOST_LINES };
}

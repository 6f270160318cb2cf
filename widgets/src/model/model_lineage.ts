import type { ModelVersion, RunDocument } from '../documents';
import { stateWord } from '../state_words';
import { type ITrans, UNTRANSLATED } from '../translation';
import { dataNote, dataOf, isNumbered } from './parameters';

/** Something that a version of a model comes from, or the version itself. */
export interface ILineageNode {
  /** Which one it is, among those of a graph. */
  key: string;
  kind: 'data' | 'snapshot' | 'environment' | 'run' | 'version';
  /** What it is called. */
  text: string;
  /** What else is to be known of it; empty where that is nothing. */
  note: string;
}

/** What is known about the run of a version: nothing yet, that it was deleted, or all of it. */
export type KnownRun = RunDocument | 'deleted' | null;

/** Characters of a hash that tell it from others. */
const SHORT = 12;

/** What of a run's spec tells where its model comes from. */
interface ISpec {
  script?: string | null;
  environment_name?: string;
}

/**
 * Return what a version comes from, in columns: what the run was given, the run, the version.
 *
 * Each in a column has led to each in the next one. A version that was registered from files has no run.
 */
export function lineageOf(version: ModelVersion, run: KnownRun, trans: ITrans = UNTRANSLATED): ILineageNode[][] {
  const spec: ISpec = run === null || run === 'deleted' ? {} : run.spec;
  const given = run === null || run === 'deleted' ? [] : dataOf(run, trans);
  const inputs: (ILineageNode | false)[] = [
    ...version.datasets.map(
      (name, at): ILineageNode => ({
        key: `dataset ${at}`,
        kind: 'data',
        text: name,
        note: trans.__('named at registration')
      })
    ),
    ...given.map(
      ({ name, value, fact }): ILineageNode => ({
        key: `given ${name}`,
        kind: 'data',
        text: value,
        note: [isNumbered(name, trans) ? name : `--${name}`, fact === undefined ? '' : dataNote(fact, trans)]
          .filter(Boolean)
          .join(', ')
      })
    ),
    version.snapshot !== null && {
      key: 'snapshot',
      kind: 'snapshot',
      text: spec.script ?? version.snapshot.slice(0, SHORT),
      note: spec.script ? version.snapshot.slice(0, SHORT) : ''
    },
    version.environment !== null && {
      key: 'environment',
      kind: 'environment',
      text: spec.environment_name || version.environment.slice(0, SHORT),
      note: spec.environment_name ? version.environment.slice(0, SHORT) : ''
    }
  ];
  const made: ILineageNode = {
    key: 'version',
    kind: 'version',
    text: trans.__('%1 version %2', version.name, version.version),
    note: version.aliases.join(', ')
  };
  const columns = [
    inputs.filter(node => node !== false),
    version.run === null ? [] : [runNode(version.run, run, trans)],
    [made]
  ];
  return columns.filter(column => column.length > 0);
}

function runNode(id: string, run: KnownRun, trans: ITrans): ILineageNode {
  const known = run !== null && run !== 'deleted';
  return {
    key: 'run',
    kind: 'run',
    text: (known && run.display_name) || id,
    note: known ? stateWord(run.state, trans) : run === 'deleted' ? trans._p('run', 'deleted') : ''
  };
}

import type { Alias, AliasMove, MetricDocument, ModelVersion } from '../../documents';
import { modelPath, query, RequestError, runPath, type Source } from '../../sources/source';

/** Versions that stand side by side; older ones are a click away. */
export const SIDE_BY_SIDE = 5;
/** Moves of aliases that are shown. */
export const MOST_MOVES = 100;

/** What is known about a model; null where there is none of this name. */
export interface IKnown {
  versions: ModelVersion[];
  more: boolean;
  aliases: Alias[];
  moves: AliasMove[];
  /** Metrics by run; null for those of runs that are gone. */
  metrics: Map<string, MetricDocument[] | null>;
}

/**
 * Ask for a page of a model's versions, and for what is said about them; null where there is no such model.
 *
 * @param ownRun - A run whose metrics are asked for, too.
 */
export async function load(
  source: Source,
  workspace: string,
  name: string,
  ownRun: string | null,
  offset: number,
  signal: AbortSignal
): Promise<IKnown | null> {
  const ask = <T>(rest: string) => source.request<T>(modelPath(workspace, name, rest), { signal });
  try {
    // First, since of a model that is not there nothing else need be asked.
    const { versions, more } = await ask<{ versions: ModelVersion[]; more: boolean }>(
      query({ limit: SIDE_BY_SIDE, offset })
    );
    const [{ aliases }, { moves }] = await Promise.all([
      ask<{ aliases: Alias[] }>('/aliases'),
      ask<{ moves: AliasMove[] }>(`/alias-history${query({ limit: MOST_MOVES })}`)
    ]);
    const runs = new Set([ownRun, ...versions.map(({ run }) => run)].filter(run => run !== null));
    const metrics = await Promise.all([...runs].map(run => metricsOf(source, workspace, run, signal)));
    return { versions, more, aliases, moves, metrics: new Map([...runs].map((run, at) => [run, metrics[at] ?? null])) };
  } catch (error) {
    if (error instanceof RequestError && error.code === 'model_not_found') {
      return null;
    }
    throw error;
  }
}

async function metricsOf(
  source: Source,
  workspace: string,
  run: string,
  signal: AbortSignal
): Promise<MetricDocument[] | null> {
  try {
    const answer = await source.request<{ metrics: MetricDocument[] }>(
      runPath({ workspace, run }, `/metrics${query({ limit: 1000 })}`),
      { signal }
    );
    return answer.metrics;
  } catch (error) {
    if (error instanceof RequestError && error.code === 'run_not_found') {
      return null;
    }
    throw error;
  }
}

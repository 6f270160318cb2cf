import type { Alias, AliasMove, MetricDocument, ModelVersion, RunDocument } from '../../documents';
import { runName } from '../../model/run_name';
import { modelPath, query, RequestError, type RunTarget, runPath, type Source } from '../../sources/source';

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
  /** What runs are called, as far as that can be told. */
  names: Map<string, string>;
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
    const told = await Promise.all(
      [...runs].map(async run => {
        const target = { workspace, run };
        const metrics = await metricsOf(source, target, signal);
        return { run, metrics, name: metrics === null ? null : await nameOf(source, target, signal) };
      })
    );
    return {
      versions,
      more,
      aliases,
      moves,
      metrics: new Map(told.map(({ run, metrics }) => [run, metrics])),
      names: new Map(told.flatMap(({ run, name }) => (name === null ? [] : [[run, name]])))
    };
  } catch (error) {
    if (error instanceof RequestError && error.code === 'model_not_found') {
      return null;
    }
    throw error;
  }
}

/** Return what a run is called; null where that cannot be told, without which a model's versions can be seen as well. */
async function nameOf(source: Source, target: RunTarget, signal: AbortSignal): Promise<string | null> {
  try {
    return runName(await source.request<RunDocument>(runPath(target), { signal }));
  } catch (error) {
    if (error instanceof RequestError) {
      return null;
    }
    throw error;
  }
}

async function metricsOf(source: Source, target: RunTarget, signal: AbortSignal): Promise<MetricDocument[] | null> {
  try {
    const answer = await source.request<{ metrics: MetricDocument[] }>(
      runPath(target, `/metrics${query({ limit: 1000 })}`),
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

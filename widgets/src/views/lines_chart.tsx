import { useEffect, useState } from 'preact/hooks';
import type { BucketColumns } from '../documents';
import { shortened } from '../format';
import { extentOf, hasPointIn, type IChartOptions, type ILine } from '../model/chart_data';
import type { Range } from '../model/range';
import type { RunModel } from '../model/run_model';
import { type Axis, Series } from '../model/series';
import { failureText } from '../problems';
import { query, runPath } from '../sources/source';
import { useTrans } from '../translation';
import { Chart } from './chart';

const LONGEST_NAME = 80;
/** Buckets that a closer look asks for. */
const DETAIL = 800;

/** A metric of a run, and how its line is drawn. */
export interface IPart {
  model: RunModel;
  name: string;
  label: string;
  /** Seconds since 1970 at which its time begins. */
  start: number;
  colour: number;
}

/** Return when the script of a run began, in seconds since 1970; 0 while that is not known. */
export function startOf(model: RunModel): number {
  return model.state?.started ? Date.parse(model.state.started) / 1000 : 0;
}

/** Metrics of one or more runs on one chart, those that were logged; more of them where it is looked at closer. */
export function LinesChart({
  title,
  parts,
  options,
  brief = false,
  group,
  range,
  onRange
}: {
  title: string;
  parts: readonly IPart[];
  options: IChartOptions;
  /** Whether the lines are named elsewhere. */
  brief?: boolean;
  /** See {@link Chart}. */
  group: string;
  range: Range;
  onRange: (range: Range) => void;
}) {
  const trans = useTrans();
  const logged = parts.flatMap(part => {
    const series = seriesOf(part);
    return series === undefined ? [] : [{ ...part, label: shortened(part.label, LONGEST_NAME), series }];
  });
  const apart = range !== null && !logged.some(line => hasPointIn(line, options.axis, range));
  const seen = apart ? null : range;
  const [detailed, failed] = useDetail(parts, options.axis, seen);
  const lines = logged.map(line => ({ ...line, closeUp: detailed?.get(idOf(line)) }));
  return (
    <Chart
      title={shortened(title, LONGEST_NAME)}
      lines={lines}
      options={options}
      version={versionOf(lines) + (detailed === null ? 0 : 0.5)}
      brief={brief}
      group={group}
      range={seen}
      extent={extentOf(lines, options.axis)}
      note={
        apart
          ? trans.__('No point in the part chosen: this is all of it.')
          : failed && trans.__('More points could not be had: %1', failed)
      }
      onRange={onRange}
    />
  );
}

function seriesOf(part: IPart): Series | undefined {
  return part.model.series.get(part.name);
}

/** A number that is another one after each point that came. */
function versionOf(lines: readonly ILine[]): number {
  return lines.reduce((sum, { series, start }) => sum + series.count + (start > 0 ? 1 : 0), 0);
}

/**
 * Return by {@link idOf} the series as they are within `range`, from all points there are; null while all of them are looked
 * at. And why they could not be had.
 */
function useDetail(
  parts: readonly IPart[],
  axis: Axis,
  range: Range
): readonly [detailed: ReadonlyMap<string, Series> | null, failed: string] {
  const trans = useTrans();
  const [detail, setDetail] = useState<Map<string, Series> | null>(null);
  const [failed, setFailed] = useState('');
  // What was logged is whole in the page as long as it is little.
  const cut = parts.filter(part => {
    const series = seriesOf(part);
    return series !== undefined && series.count !== series.last.length;
  });
  const key = range === null ? '' : [axis, ...range, ...cut.map(idOf)].join('\n');
  // `key` stands for all that is asked for
  useEffect(() => {
    setDetail(null);
    setFailed('');
    if (range === null || cut.length === 0) {
      return;
    }
    const gone = new AbortController();
    void Promise.all(cut.map(async part => [idOf(part), await closeUp(part, axis, range, gone.signal)] as const)).then(
      found => {
        if (!gone.signal.aborted) {
          setDetail(new Map(found));
        }
      },
      error => {
        if (!gone.signal.aborted) {
          setFailed(failureText(error, trans)); // what is there already is shown on
        }
      }
    );
    return () => {
      gone.abort();
    };
  }, [key]);
  return [range === null ? null : detail, failed];
}

function idOf(part: IPart): string {
  return `${part.model.target.run} ${part.name}`;
}

async function closeUp(
  part: IPart,
  axis: Axis,
  range: readonly [number, number],
  signal: AbortSignal
): Promise<Series> {
  const shift = axis === 'time' ? part.start : 0;
  const [from, to] = range.map(place => place + shift);
  const wanted = query({ name: part.name, axis, from, to, buckets: DETAIL });
  const path = runPath(part.model.target, `/metrics/buckets${wanted}`);
  const answer = await part.model.source.request<IBucketsAnswer>(path, { signal });
  return ofBuckets(answer.series[0] ?? { name: part.name, axis, buckets: NOTHING });
}

/** The answer of `/metrics/buckets`. */
interface IBucketsAnswer {
  series: {
    name: string;
    axis: Axis;
    buckets: Omit<BucketColumns, 'first_step' | 'final_step'>;
  }[];
}

const NOTHING = { first: [], final: [], min: [], max: [], last: [], count: [], nans: [] };

/** Turn buckets into a series whose x is the last place in each. */
function ofBuckets({ name, axis, buckets }: IBucketsAnswer['series'][number]): Series {
  const steps = axis === 'step';
  const columns: BucketColumns = {
    ...buckets,
    first_step: steps ? buckets.first : null,
    final_step: steps ? buckets.final : null
  };
  const series = new Series(name);
  series.add({ name, buckets: columns });
  if (axis === 'index') {
    series.indices.splice(0, series.indices.length, ...buckets.final);
  }
  return series;
}

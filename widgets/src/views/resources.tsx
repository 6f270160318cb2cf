import { gaugesOf, type IGauge, nowOf, ownerOf, pathOf, peakOf, sentenceOf, topOf } from '../model/gauges';
import type { RunModel } from '../model/run_model';
import { type ITrans, useTrans } from '../translation';

/** The type of runs that a compute target executes; nobody sees what others use. */
const SCRIPT = 'traindock.scriptrun';

/** Why nothing is seen of what others use, by the type of a run. */
const UNSEEN: Record<string, (trans: ITrans) => string> = {
  'traindock.interactive': trans => trans.__('An interactive run: what its own process uses is not recorded.'),
  'traindock.childrun': trans => trans.__('Part of another run: what both use is recorded there.')
};

/** How many colours there are for lines. */
const LINES = 8;

/** What a run's job uses of processors, memory and GPUs: now, at most, and of how much. */
export function Resources({ model }: { model: RunModel }) {
  const trans = useTrans();
  const { run } = model;
  // The row has its place from the first moment on, so that nothing jumps when the first value comes.
  const expected = !model.ended && (run === null || run.type === SCRIPT);
  const gpus = Number((run?.spec as { gpus?: number } | undefined)?.gpus ?? 0);
  const gauges = gaugesOf(model.resources, model.state?.resources ?? {}, expected, gpus, trans);
  if (gauges.length === 0) {
    const why = run === null ? undefined : UNSEEN[run.type]?.(trans);
    return why === undefined ? null : <p class="td-muted">{why}</p>;
  }
  const times = [...model.resources.values()].map(series => series.times);
  const from = Math.min(...times.map(each => each[0] as number));
  const to = Math.max(...times.map(each => each[each.length - 1] as number));
  return (
    <ul class="td-resources" aria-label={trans.__('Resources')}>
      {gauges.map(gauge => (
        <Gauge key={gauge.kind} gauge={gauge} running={!model.ended} from={from} to={to} />
      ))}
    </ul>
  );
}

function Gauge({ gauge, running, from, to }: { gauge: IGauge; running: boolean; from: number; to: number }) {
  const trans = useTrans();
  const top = topOf(gauge);
  const paths = gauge.series.map(series => pathOf(series, from, to, top)).filter(path => path !== '');
  const limited = gauge.unit !== 'percent' && gauge.limit !== null && gauge.limit <= top;
  return (
    <li class="td-gauge" title={sentenceOf(gauge, running, trans)}>
      <span>{gauge.title}</span>
      <span class="td-now td-number">{running ? nowOf(gauge, trans) : ''}</span>
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
        {limited && <path class="td-limit" d={`M0 ${limitAt(gauge, top)}H100`} />}
        {paths.map((path, at) => (
          <g key={at}>
            {paths.length === 1 && <path class="td-area" d={areaOf(path)} />}
            <path class="td-course" d={path} style={{ stroke: `var(--td-line-${at % LINES})` }} />
          </g>
        ))}
      </svg>
      <span class="td-peak td-muted td-number">
        <span>{peakOf(gauge, trans)}</span>
        <span>{ownerOf(gauge, trans)}</span>
      </span>
    </li>
  );
}

function limitAt(gauge: IGauge, top: number): number {
  return 100 * (1 - (gauge.limit ?? 0) / top) + 2; // a line on the very edge would be cut in half
}

/** Return the area between a line and the lower edge. */
function areaOf(path: string): string {
  const first = path.slice(1).split(/[ L]/, 1)[0];
  const last = path.slice(path.lastIndexOf('L') + 1).split(' ')[0];
  return `${path}L${last} 100L${first} 100Z`;
}

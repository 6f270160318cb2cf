import { shortened } from '../format';
import { BUILD_LOG, OUTPUT_LOG, type RunModel } from '../model/run_model';
import { type IFrame, tracebackOf } from '../model/traceback';
import type { IHost } from './header';

/** Characters of a line that are shown; the whole of it is in the log. */
const LONGEST_LINE = 400;
/** Lines of an exception, or of a log that has no traceback. */
const LAST_LINES = 8;
/** Lines in which a traceback is looked for where the server sent no more than its end. */
const MOST_LINES = 500;
/** Frames of the run's own that are shown: recursion has thousands. */
const MOST_FRAMES = 6;

/**
 * Why a run failed: the exception, and where in its own files, or the end of its log; and what to do next.
 *
 * What was printed is shown as the server tells it of failures, without what the run keeps secret; logs have that.
 */
export function Failure({ model, host }: { model: RunModel; host: IHost }) {
  const failure = model.run?.failure ?? null;
  if (!model.ended || failure === null) {
    return null;
  }
  const own = (path: string): string | undefined => model.sourcePath(path);
  const told = tracebackOf(failure.log_tail, own);
  // The end of a deep one has frames of libraries alone: its own are in the log that the page has, as it shows it.
  const log = failure.log.endsWith(OUTPUT_LOG) ? (model.logs.get(OUTPUT_LOG)?.lines.slice(-MOST_LINES) ?? []) : [];
  const texts = log.map(line => line.text);
  const frames = told?.frames.length ? told.frames : (tracebackOf(texts, own)?.frames ?? []);
  return (
    <div class="td-problem">
      <p>{failure.hint}</p>
      {told?.exception && frames.length > 0 ? (
        <>
          <ol class="td-frames">
            {frames.slice(-MOST_FRAMES).map((frame, at) => (
              <Frame key={at} frame={frame} model={model} host={host} />
            ))}
          </ol>
          <p class="td-exception">{firstLines(told.exception)}</p>
        </>
      ) : (
        failure.log_tail.length > 0 &&
        failure.log !== BUILD_LOG && (
          <pre>
            {failure.log_tail
              .slice(-LAST_LINES)
              .map(line => shortened(model.readable(line), LONGEST_LINE))
              .join('\n')}
          </pre>
        )
      )}
    </div>
  );
}

function firstLines(text: string): string {
  const lines = text.split('\n');
  const more = lines.length > LAST_LINES ? ['…'] : [];
  return [...lines.slice(0, LAST_LINES).map(line => shortened(line, LONGEST_LINE)), ...more].join('\n');
}

function Frame({ frame: { path, line, code }, model, host }: { frame: IFrame; model: RunModel; host: IHost }) {
  const place = `${path}:${line}`;
  const { workspace, run } = model.target;
  return (
    <li>
      {host.openSource ? (
        <button type="button" class="td-link" onClick={() => host.openSource?.(workspace, run, path, line)}>
          {place}
        </button>
      ) : (
        <span>{place}</span>
      )}
      {code !== '' && <code>{shortened(code, LONGEST_LINE)}</code>}
    </li>
  );
}

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { bytes } from '../format';
import { bare, frameOf, pieces } from '../model/ansi';
import type { LogLine, LogText } from '../model/log_text';
import { BUILD_LOG, OUTPUT_LOG, type RunModel } from '../model/run_model';
import { Download } from './download';
import type { IHost } from './header';
import { useSettled } from './hooks';

/** Height of a line in pixels, as the style sheet has it. */
const LINE = 18;
/** Lines that are drawn above and below those in sight. */
const SPARE = 20;
/** Beyond this many lines a scrollbar's pixels no longer suffice. */
const MOST_SHOWN = 500_000;

const NAMES: Record<string, string> = { [OUTPUT_LOG]: 'Output', [BUILD_LOG]: 'Build' };

/** The output of a run and of its build, as they are written. */
export function Log({ model, host }: { model: RunModel; host: IHost }) {
  const [chosen, choose] = useState<string | null>(null);
  const [wanted, setWanted] = useState('');
  const name = chosen ?? model.spokenLog;
  const text = model.logs.get(name) as LogText;
  return (
    <div class="td-log">
      <div class="td-tools">
        <fieldset aria-label="Which log" class="td-choice">
          {[...model.logs.keys()].map(one => (
            <button type="button" key={one} aria-pressed={one === name} onClick={() => choose(one)}>
              {NAMES[one] ?? one}
            </button>
          ))}
        </fieldset>
        <input
          type="search"
          placeholder="Search"
          aria-label="Search the log"
          value={wanted}
          onInput={event => setWanted(event.currentTarget.value)}
        />
        {!text.empty && (
          <Download model={model} name={name} size={text.end}>
            Download ({bytes(text.end)})
          </Download>
        )}
      </div>
      {text.empty ? (
        <p class="td-empty">{emptyNote(model, name)}</p>
      ) : (
        <Lines key={name} model={model} text={text} wanted={wanted} host={host} />
      )}
    </div>
  );
}

function emptyNote(model: RunModel, name: string): string {
  if (name === BUILD_LOG) {
    return model.ended || model.state?.state === 'Running' ? 'Nothing had to be built.' : 'Nothing is built yet.';
  }
  return model.ended ? 'The script printed nothing.' : 'Nothing is printed yet.';
}

/** Lines of a log, of which only those in sight are in the page; it follows the end until it is scrolled away from it. */
function Lines({ model, text, wanted, host }: { model: RunModel; text: LogText; wanted: string; host: IHost }) {
  const place = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(320);
  const [follows, setFollows] = useState(true);
  // the lines are the same array, which grows with each version
  const lines = useMemo(() => found(text.lines, wanted), [model.version, text, wanted]);
  // said once for what was typed, and not again with each line that comes
  const settled = useSettled(wanted);
  const said = useMemo(() => (settled === '' ? '' : countOf(found(text.lines, settled), settled)), [settled, text]);
  const first = Math.max(0, Math.floor(top / LINE) - SPARE);
  const last = Math.min(lines.length, Math.ceil((top + height) / LINE) + SPARE);

  useLayoutEffect(() => {
    const element = place.current as HTMLDivElement;
    setHeight(element.clientHeight);
    if (follows) {
      element.scrollTop = element.scrollHeight;
      setTop(element.scrollTop);
    }
  }, [lines, follows]);

  useEffect(() => {
    setFollows(wanted === '');
  }, [wanted]);

  return (
    <>
      <div
        ref={place}
        class="td-lines"
        role="log"
        aria-live="off"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
        tabIndex={0}
        onScroll={event => {
          const element = event.currentTarget;
          setTop(element.scrollTop);
          const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < LINE;
          if (atEnd !== follows && wanted === '') {
            setFollows(atEnd);
          }
        }}
      >
        <div style={{ height: `${lines.length * LINE}px` }}>
          <div style={{ transform: `translateY(${first * LINE}px)` }}>
            {lines.slice(first, last).map((line, at) => (
              <Line key={first + at} line={line} wanted={wanted} model={model} host={host} />
            ))}
          </div>
        </div>
      </div>
      <span class="td-hidden" role="status">
        {said}
      </span>
      <div class="td-tools td-muted">
        {wanted !== '' && <span>{countOf(lines, wanted)}</span>}
        {text.dropped > 0 && (
          <span>{`${text.dropped.toLocaleString('en')} earlier lines are in the download only`}</span>
        )}
        {!follows && wanted === '' && (
          <button type="button" onClick={() => setFollows(true)}>
            Follow
          </button>
        )}
      </div>
    </>
  );
}

function countOf(lines: readonly LogLine[], wanted: string): string {
  return `${lines.length.toLocaleString('en')} ${lines.length === 1 ? 'line' : 'lines'} with “${wanted}”`;
}

function found(lines: readonly LogLine[], wanted: string): LogLine[] {
  const kept = lines.slice(-MOST_SHOWN);
  const sought = wanted.toLowerCase();
  return sought === '' ? kept : kept.filter(line => bare(line.text).toLowerCase().includes(sought));
}

function Line({ line, wanted, model, host }: { line: LogLine; wanted: string; model: RunModel; host: IHost }) {
  const frame = frameOf(line.text);
  const path = frame && model.sourcePath(frame.path);
  return (
    <div class="td-log-line">
      {line.gap > 0 && <span class="td-gap">{`… ${bytes(line.gap)} are not shown `}</span>}
      {frame && path && host.openSource ? (
        <button
          type="button"
          class="td-link"
          title={bare(line.text).trim()}
          onClick={() => host.openSource?.(model.target.workspace, model.target.run, path, frame.line)}
        >
          {model.readable(line.text)}
        </button>
      ) : (
        pieces(line.text).map((piece, at) => (
          <span key={at} class={piece.looks || undefined} style={piece.style}>
            {wanted === '' ? piece.text : marked(piece.text, wanted)}
          </span>
        ))
      )}
    </div>
  );
}

function marked(text: string, wanted: string) {
  const at = text.toLowerCase().indexOf(wanted.toLowerCase());
  return at < 0 ? (
    text
  ) : (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + wanted.length)}</mark>
      {text.slice(at + wanted.length)}
    </>
  );
}

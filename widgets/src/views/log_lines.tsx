import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import { bytes, grouped } from '../format';
import { bare, frameOf, pieces } from '../model/ansi';
import type { RunModel } from '../model/run_model';
import type { LogLine } from '../model/terminal_line';
import { failureText } from '../problems';
import { type ITrans, useTrans } from '../translation';
import type { IHost } from './header';
import type { ILogParts } from './log_parts';

/** Height of a line in pixels, as the style sheet has it. */
const LINE = 18;
/** Lines that are drawn above and below those in sight. */
const SPARE = 20;
/** Pieces that are asked for by one scroll: bars that draw over themselves make few lines of each. */
const MOST_AT_ONCE = 8;

interface ILogLinesProps {
  model: RunModel;
  parts: ILogParts;
  wanted: string;
  host: IHost;
}

/** Lines of a log, of which only those in sight are in the page; it follows the end until it is scrolled away from it. */
export function LogLines({ model, parts, wanted, host }: ILogLinesProps) {
  const trans = useTrans();
  const { reader, search, current, steps } = parts;
  const place = useRef<HTMLDivElement>(null);
  /** The line at the top, by where it begins in the log, and how many pixels of it are out of sight. */
  const kept = useRef({ offset: 0, pixels: 0 });
  /** Where in the log is to be gone to. */
  const sought = useRef<number | null>(null);
  const asked = useRef(0);
  const placed = useRef<readonly LogLine[] | null>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(320);
  const lines = reader.lines;
  const first = Math.min(lines.length, Math.max(0, Math.floor(top / LINE) - SPARE));
  const last = Math.min(lines.length, Math.ceil((top + height) / LINE) + SPARE);
  const hit = search.hits[current];
  const isHere = hit !== undefined && hit.offset >= reader.start && hit.offset < reader.end;
  const marked = isHere ? lineWith(lines, hit.offset) : -1;

  function stay(element: HTMLDivElement): void {
    const at = Math.floor(element.scrollTop / LINE);
    kept.current = { offset: lines[at]?.offset ?? 0, pixels: element.scrollTop - at * LINE };
  }

  /** Ask for what comes before the lines, where that is about to be seen. */
  function reachUp(element: HTMLDivElement): void {
    if (asked.current < MOST_AT_ONCE && element.scrollTop < element.clientHeight && reader.error === null) {
      asked.current++;
      reader.earlier();
    }
  }

  // after another hit was gone to, and not with each drawing
  useLayoutEffect(() => {
    sought.current = hit?.offset ?? null;
  }, [steps]);

  const [, measure] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const resized = new ResizeObserver(() => measure(undefined));
    resized.observe(place.current as HTMLDivElement);
    return () => resized.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = place.current as HTMLDivElement;
    if (element.clientHeight === 0) {
      placed.current = null; // browsers may forget how far it was scrolled
      return; // in a tab that is not shown nothing has a place: it is looked at again once it has a size
    }
    setHeight(element.clientHeight);
    if (reader.follows) {
      element.scrollTop = element.scrollHeight;
      reader.fill();
    } else if (sought.current !== null && !reader.busy) {
      const room = Math.floor(element.clientHeight / LINE / 2);
      element.scrollTop = Math.max(0, lineWith(lines, sought.current) - room) * LINE;
      sought.current = null;
      stay(element);
    } else if (lines !== placed.current) {
      element.scrollTop = lineWith(lines, kept.current.offset) * LINE + kept.current.pixels;
      reachUp(element);
    }
    placed.current = lines;
    setTop(element.scrollTop);
  });

  function go(offset: number): void {
    asked.current = 0;
    sought.current = offset;
    reader.open(offset);
  }

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
          if (element.scrollTop === top) {
            return; // it was moved here, and by nobody
          }
          asked.current = 0;
          setTop(element.scrollTop);
          stay(element);
          const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < LINE;
          if (atEnd) {
            reader.later();
          } else {
            reader.hold();
            reachUp(element);
          }
        }}
        onWheel={event => {
          if (event.deltaY < 0 && event.currentTarget.scrollTop === 0) {
            asked.current = 0;
            reader.earlier(); // what is no higher than its place does not scroll
          }
        }}
        onKeyDown={event => {
          if (event.key === 'Home' && reader.complete) {
            event.preventDefault();
            go(0);
          } else if (event.key === 'End') {
            event.preventDefault();
            reader.follow();
          }
        }}
      >
        <div style={{ height: `${lines.length * LINE}px` }}>
          <div style={{ transform: `translateY(${first * LINE}px)` }}>
            {lines.slice(first, last).map((line, at) => (
              <Line
                key={first + at}
                line={line}
                current={first + at === marked}
                wanted={wanted}
                model={model}
                host={host}
              />
            ))}
          </div>
        </div>
      </div>
      <div class="td-tools td-muted">
        {reader.hasEarlier && (
          <button type="button" onClick={() => go(0)}>
            {trans.__('Beginning')}
          </button>
        )}
        {!reader.follows && (
          <button type="button" onClick={() => reader.follow()}>
            {trans.__('Follow')}
          </button>
        )}
        <span>{placeNote(parts, lines[Math.floor(top / LINE)]?.offset ?? 0, trans)}</span>
      </div>
    </>
  );
}

/** Say where in the log the lines in sight are, or why there are no others. */
function placeNote({ reader, text }: ILogParts, offset: number, trans: ITrans): string {
  if (reader.error !== null) {
    return trans.__('It could not be read here: %1', failureText(reader.error, trans));
  }
  if (reader.busy) {
    return trans.__('Reading …');
  }
  if (!reader.complete) {
    return text.start > 0 || text.dropped > 0
      ? trans._n(
          'Only the last line is here, as a kernel sends it. The whole log (%2) is in the download, and in what run.get_all_logs() saves.',
          'Only the last %3 lines are here and searched, as a kernel sends them. The whole log (%2) is in the download, and in what run.get_all_logs() saves.',
          text.lines.length,
          bytes(text.end),
          grouped(text.lines.length)
        )
      : '';
  }
  return reader.follows ? '' : trans.__('%1 of %2 before these lines', bytes(offset), bytes(text.end));
}

/** Return which line has a byte of the log: the last that begins at or before it. */
function lineWith(lines: readonly LogLine[], offset: number): number {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((lines[middle] as LogLine).offset <= offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return Math.max(0, low - 1);
}

interface ILineProps {
  line: LogLine;
  /** Whether it is the one of those found that is looked at. */
  current: boolean;
  wanted: string;
  model: RunModel;
  host: IHost;
}

function Line({ line, current, wanted, model, host }: ILineProps) {
  const trans = useTrans();
  const frame = frameOf(line.text);
  const path = frame && model.sourcePath(frame.path);
  return (
    <div class="td-log-line" aria-current={current || undefined}>
      {line.gap > 0 && <span class="td-gap">{`${trans.__('… %1 are not shown', bytes(line.gap))} `}</span>}
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

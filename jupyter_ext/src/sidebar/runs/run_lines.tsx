import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import { useRef } from 'preact/hooks';
import type { RunRow } from '../../../../widgets/src/documents';
import { clock, shortened } from '../../../../widgets/src/format';
import { useClock } from '../../../../widgets/src/views/hooks';
import { Icon } from '../icon';
import { focusedLine, stepOf, useFocus } from '../lines';
import { openContextMenu, opensMenu } from '../menus';
import type { Line } from './list_lines';
import type { IModifiers } from './list_selection';
import type { RunList } from './run_list';
import { belongingName } from './run_query';
import { factsOf, isTicking, RunCells, shownMetric } from './run_row';

const LONGEST_NAME = 200;

/** What the lines have done by others. */
export interface ILinesHost {
  open(rows: readonly RunRow[]): void;
  /** Have the selected runs deleted. */
  remove(): void;
  /** A menu is about to open on a line, which is to have the focus again when it closes. */
  menuOpening(line: HTMLElement): void;
}

/** The runs of a list, and the groups that they are in: selected, opened and acted on by mouse, by keys, and by touch. */
export function RunLines({ list, host, trans }: { list: RunList; host: ILinesHost; trans: TranslationBundle }) {
  const { lines, selection } = list;
  const now = list.clock.at(useClock(list.rows.some(isTicking)));
  const grid = useRef<HTMLTableElement>(null);
  const grouped = list.query.group !== '';
  const shown = new Map(
    list.rows.map(row => [row.id, shownMetric(row, list.sparklines.of(row.id), list.query.metric, list.ordering)])
  );
  const mixed = new Set([...shown.values()].filter(one => one !== undefined)).size > 1;
  const focus = useFocus(grid, selection.focused);
  const click = (line: Line, event: MouseEvent): void => {
    const meant = { toggle: event.ctrlKey || event.metaKey, extend: event.shiftKey };
    list.select(one => one.click(line.key, meant));
    if (line.kind === 'group' && !meant.toggle && !meant.extend) {
      list.toggle(line.group, !line.open);
    } else if (line.kind === 'rest') {
      list.enter(line.group);
    }
  };
  const press = (event: KeyboardEvent): void => {
    if (event.altKey) {
      return;
    }
    const at = lines.find(line => line.key === selection.focused);
    const meant = { toggle: event.ctrlKey || event.metaKey, extend: event.shiftKey };
    if (moves(event, meant) || (at !== undefined && acts(event, at, meant))) {
      event.preventDefault();
      event.stopPropagation();
    }
  };
  const moves = ({ key }: KeyboardEvent, meant: IModifiers): boolean => {
    const step = stepOf(key, lines.length);
    if (step !== undefined) {
      list.select(one => one.move(step, meant));
      focus();
    }
    return step !== undefined;
  };
  const acts = (event: KeyboardEvent, line: Line, meant: IModifiers): boolean => {
    const { key } = event;
    const node = focusedLine(grid.current);
    if (opensMenu(event) && line.kind === 'run' && node !== null) {
      openContextMenu(node, node);
      return true;
    }
    switch (key) {
      case ' ':
        list.select(one => one.toggle(line.key));
        return true;
      case 'a':
        if (meant.toggle) {
          list.select(one => one.all());
        }
        return meant.toggle === true;
      case 'Escape':
        list.select(one => one.clear());
        return true;
      case 'Delete':
        host.remove();
        return true;
      case 'Enter':
        if (line.kind === 'run') {
          host.open(list.chosen.shown.length > 0 ? list.selected : [line.row]);
        } else if (line.kind === 'group') {
          list.toggle(line.group, !line.open);
        } else {
          list.enter(line.group);
        }
        return true;
      case 'ArrowRight':
      case 'ArrowLeft':
        if (line.kind === 'group') {
          list.toggle(line.group, key === 'ArrowRight');
        } else if (key === 'ArrowLeft' && grouped) {
          const head = lines
            .slice(0, lines.indexOf(line))
            .reverse()
            .find(one => one.kind === 'group');
          list.select(one => one.move(head ? lines.indexOf(head) - lines.indexOf(line) : 0));
          focus();
        }
        return grouped;
      default:
        return false;
    }
  };
  return (
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: both roles support it
    <table
      role={grouped ? 'treegrid' : 'grid'}
      class={mixed ? 'jp-Traindock-Lines jp-mod-mixed' : 'jp-Traindock-Lines'}
      aria-label={trans.__('Runs')}
      aria-multiselectable="true"
      ref={grid}
      onKeyDown={press}
    >
      <tbody>
        {lines.map(line => (
          <tr
            key={line.key}
            data-key={line.key}
            class={classOf(line)}
            tabIndex={line.key === selection.focused ? 0 : -1}
            aria-selected={line.kind === 'run' ? selection.selected.has(line.key) : undefined}
            aria-level={grouped ? (line.kind === 'group' ? 1 : 2) : undefined}
            aria-expanded={line.kind === 'group' ? line.open : undefined}
            title={line.kind === 'run' ? factsOf(line.row, trans) : undefined}
            onClick={event => click(line, event)}
            onDblClick={() => {
              if (line.kind === 'run') {
                host.open([line.row]);
              }
            }}
            onContextMenu={event => {
              if (line.kind === 'run') {
                list.select(one => one.reach(line.key));
                if (!event.shiftKey) {
                  host.menuOpening(event.currentTarget); // with it the browser opens its own
                }
              }
            }}
          >
            {line.kind === 'run' && (
              <RunCells
                row={line.row}
                curve={list.sparklines.of(line.key)}
                shown={shown.get(line.key)}
                now={now}
                trans={trans}
                menu={button => {
                  const node = button.closest('tr');
                  if (node !== null) {
                    openContextMenu(node, button);
                  }
                }}
              />
            )}
            {line.kind === 'group' && <GroupCells line={line} by={list.query.group} trans={trans} />}
            {line.kind === 'rest' && (
              <td>{line.waiting ? trans.__('Asking for its runs…') : trans.__('Show all %1', line.group.runs)}</td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Open the menu of what is selected at an element, which is in what has that menu, too. */
export function openMenuOfSelected(list: RunList, host: ILinesHost, anchor: HTMLElement): void {
  const [first] = list.chosen.shown;
  const lines = anchor.closest('.jp-Traindock-Runs')?.querySelectorAll<HTMLElement>('tr[data-key]') ?? [];
  const line = [...lines].find(one => one.dataset.key === first?.id);
  if (line !== undefined) {
    openContextMenu(line, anchor);
  } else {
    host.menuOpening(anchor);
    openContextMenu(anchor, anchor);
  }
}

function GroupCells({
  line: { group, open },
  by,
  trans
}: {
  line: Extract<Line, { kind: 'group' }>;
  by: string;
  trans: TranslationBundle;
}) {
  const name = shortened(belongingName({ by, ...group }, trans), LONGEST_NAME);
  return (
    <>
      <td class="jp-Traindock-RunName" title={group.name ? `${name}\n${group.value}` : name}>
        <Icon icon={open ? caretDownIcon : caretRightIcon} />
        <span class="jp-Traindock-Name">{name}</span>
      </td>
      <td class="jp-Traindock-Number" title={trans.__('The newest was submitted %1', clock(group.newest))}>
        {group.unfinished > 0 ? trans.__('%1 · %2 unfinished', group.runs, group.unfinished) : String(group.runs)}
      </td>
    </>
  );
}

function classOf(line: Line): string {
  switch (line.kind) {
    case 'run':
      return `jp-Traindock-Line jp-Traindock-Run jp-Traindock-HasRunMenu${line.level === 2 ? ' jp-mod-inGroup' : ''}`;
    case 'group':
      return 'jp-Traindock-Line jp-Traindock-Group';
    default:
      return 'jp-Traindock-Line jp-Traindock-Rest';
  }
}

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { MenuButton } from './menu_button';
import { type IPlace, opensMenu, placeOf } from './menus';

/** A line of a list. */
export interface IRow {
  /** Which one it is. */
  key: string;
  /** What it is called for those who do not see it. */
  name: string;
  /** What is seen of it. */
  content: ComponentChildren;
  /** All of it, shown on hover. */
  title?: string;
  /** What is beside it, out of reach of keys: what it does is in the menu, too. */
  beside?: ComponentChildren;
  /** Whether it can be dragged to another place. */
  draggable?: boolean;
}

interface IRowListProps {
  label: string;
  rows: readonly IRow[];
  /** Whether their order means something. */
  ordered?: boolean;
  open(key: string): void;
  /** Open the menu of a row; `back` gets the focus afterwards. */
  menu(key: string, place: IPlace, back: HTMLElement): void;
  /** Do what a key means; return whether it means something. */
  press?(event: KeyboardEvent, key: string): boolean;
  /** Put a row that was dragged onto another one in its place. */
  drop?(key: string, onto: string): void;
  trans: TranslationBundle;
}

/**
 * A list of rows, of which one is reached by Tab and the others by arrow keys.
 *
 * A row that is moved keeps the focus; where it is gone, the one in its place gets it.
 */
export function RowList(props: IRowListProps) {
  const { label, rows, ordered, open, menu, press, drop, trans } = props;
  const list = useRef<HTMLUListElement & HTMLOListElement>(null);
  const [current, setCurrent] = useState<string | null>(null);
  const [dragged, drag] = useState<string | null>(null);
  const [over, setOver] = useState<string | null>(null);
  const focused = useRef<{ key: string; at: number } | null>(null);
  const reached = rows.some(row => row.key === current) ? current : (rows[0]?.key ?? null);
  const focus = (at: number): void => {
    list.current?.children[at]?.querySelector<HTMLElement>('.jp-Traindock-ListRow-main')?.focus();
  };
  useLayoutEffect(() => {
    // a row loses the focus with its end, and where it is moved among the others
    const was = focused.current;
    if (was !== null && document.activeElement === document.body) {
      const now = rows.findIndex(row => row.key === was.key);
      focus(now === -1 ? Math.min(was.at, rows.length - 1) : now);
    }
  });
  const keyed = (event: KeyboardEvent, row: IRow, at: number): void => {
    const step = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (press?.(event, row.key)) {
      event.preventDefault();
      event.stopPropagation();
    } else if (step !== undefined && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      focus(Math.max(0, Math.min(step, rows.length - 1)));
    } else if (opensMenu(event)) {
      event.preventDefault();
      event.stopPropagation();
      menu(row.key, placeOf(event), event.currentTarget as HTMLElement);
    }
  };
  const List = ordered ? 'ol' : 'ul';
  return (
    <List ref={list} class="jp-Traindock-List" aria-label={label}>
      {rows.map((row, at) => (
        <li
          key={row.key}
          class={`jp-Traindock-ListRow${over === row.key ? ' jp-mod-dropTarget' : ''}`}
          draggable={row.draggable}
          onDragStart={event => {
            drag(row.key);
            event.dataTransfer?.setData('text/plain', row.name);
          }}
          onDragEnd={() => {
            drag(null);
            setOver(null);
          }}
          onDragOver={event => {
            if (dragged !== null && drop !== undefined) {
              event.preventDefault(); // it can be dropped here
              setOver(row.key);
            }
          }}
          onDrop={event => {
            event.preventDefault();
            if (dragged !== null && dragged !== row.key) {
              drop?.(dragged, row.key);
            }
            drag(null);
            setOver(null);
          }}
          onContextMenu={event => {
            event.preventDefault();
            event.stopPropagation();
            setCurrent(row.key);
            const main = event.currentTarget.querySelector<HTMLElement>('.jp-Traindock-ListRow-main');
            menu(row.key, placeOf(event), main ?? event.currentTarget);
          }}
        >
          <button
            type="button"
            class="jp-Traindock-ListRow-main"
            tabIndex={row.key === reached ? 0 : -1}
            title={row.title ?? row.name}
            onFocus={() => {
              setCurrent(row.key);
              focused.current = { key: row.key, at };
            }}
            onBlur={event => {
              if (event.relatedTarget !== null) {
                focused.current = null; // it went elsewhere, and is not lost with its row
              }
            }}
            onClick={() => open(row.key)}
            onKeyDown={event => keyed(event, row, at)}
          >
            {row.content}
          </button>
          {row.beside}
          <MenuButton
            name={row.name}
            tabIndex={row.key === reached ? 0 : -1}
            open={event => menu(row.key, placeOf(event), event.currentTarget)}
            trans={trans}
          />
        </li>
      ))}
    </List>
  );
}

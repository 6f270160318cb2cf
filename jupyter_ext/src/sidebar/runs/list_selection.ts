/** How a key or a click was meant. */
export interface IModifiers {
  /** To what is selected already, or from it. */
  toggle?: boolean;
  /** From where the last one was selected to here. */
  extend?: boolean;
}

/**
 * Which of the lines of a list are selected, and which has the focus: as in file browsers.
 *
 * Lines are known by keys. Some can have the focus, but not be selected: the heads of groups.
 */
export class ListSelection {
  /** Keys of what is selected. */
  selected: ReadonlySet<string> = new Set();
  /** The key of the line that has the focus, or gets it. */
  focused: string | null = null;

  /**
   * Look at other lines: what is selected and no more among them is selected no longer, unless it is kept.
   *
   * @param lines - Keys, in order.
   * @param selectable - Those of them that can be selected.
   * @param kept - What stays selected though it is not among them.
   */
  update(lines: readonly string[], selectable: ReadonlySet<string>, kept: ReadonlySet<string> = new Set()): void {
    const before = this._lines;
    this._lines = lines;
    this._selectable = selectable;
    const stays = (key: string): boolean => selectable.has(key) || kept.has(key);
    if (![...this.selected].every(stays)) {
      this.selected = new Set([...this.selected].filter(stays));
    }
    if (this.focused === null || !lines.includes(this.focused)) {
      this.focused = this._nearest(before);
    }
    if (this._anchor !== null && !lines.includes(this._anchor)) {
      this._anchor = this.focused;
    }
  }

  /** A line was clicked on. */
  click(key: string, { toggle = false, extend = false }: IModifiers = {}): void {
    this.focused = key;
    if (extend) {
      this._extend(key, toggle);
    } else if (toggle) {
      this.toggle(key);
    } else {
      this._only(key);
    }
  }

  /** A menu is about to open on a line: what is selected stays, if that line is part of it. */
  reach(key: string): void {
    this.focused = key;
    if (!this.selected.has(key)) {
      this._only(key);
    }
  }

  /** Select a line besides, or no longer. */
  toggle(key: string): void {
    this._anchor = key;
    const selected = new Set(this.selected);
    if (!selected.delete(key) && this._selectable.has(key)) {
      selected.add(key);
    }
    this.selected = selected;
  }

  /**
   * Move the focus by so many lines, and select the one it comes to; with `toggle` the focus alone moves.
   *
   * @returns Whether it has moved.
   */
  move(lines: number, { toggle = false, extend = false }: IModifiers = {}): boolean {
    const at = this.focused === null ? -1 : this._lines.indexOf(this.focused);
    const key = this._lines[Math.min(Math.max(at + lines, 0), this._lines.length - 1)];
    if (key === undefined) {
      return false;
    }
    this.focused = key;
    if (extend) {
      this._extend(key, false);
    } else if (!toggle) {
      this._only(key);
    }
    return true;
  }

  /** Select all that can be, besides what is selected already. */
  all(): void {
    this.selected = new Set([...this.selected, ...this._lines.filter(key => this._selectable.has(key))]);
  }

  /** Select nothing. */
  clear(): void {
    this.selected = new Set();
  }

  private _only(key: string): void {
    this._anchor = key;
    this.selected = new Set(this._selectable.has(key) ? [key] : []);
  }

  private _extend(key: string, besides: boolean): void {
    this._anchor ??= key;
    const ends = [this._lines.indexOf(this._anchor), this._lines.indexOf(key)];
    const between = this._lines.slice(Math.min(...ends), Math.max(...ends) + 1);
    this.selected = new Set([...(besides ? this.selected : []), ...between.filter(one => this._selectable.has(one))]);
  }

  /** Return the line that comes next to the place where the focus was before it went with its line. */
  private _nearest(before: readonly string[]): string | null {
    const at = this.focused === null ? -1 : before.indexOf(this.focused);
    if (at === -1) {
      return this._lines[0] ?? null;
    }
    const left = new Set(this._lines);
    return before.slice(at).find(key => left.has(key)) ?? this._lines[this._lines.length - 1] ?? null;
  }

  private _lines: readonly string[] = [];
  private _selectable: ReadonlySet<string> = new Set();
  private _anchor: string | null = null;
}

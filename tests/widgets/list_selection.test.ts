import { beforeEach, describe, expect, it } from 'vitest';
import { ListSelection } from '../../jupyter_ext/src/sidebar/runs/list_selection';

const LINES = ['group', 'a', 'b', 'c', 'd'];

describe('what is selected in a list', () => {
  let selection: ListSelection;
  const selected = () => [...selection.selected].sort();
  const update = (lines: string[]) => selection.update(lines, new Set(lines.filter(one => one !== 'group')));

  beforeEach(() => {
    selection = new ListSelection();
    update(LINES);
  });

  it('is what was clicked on, and with Ctrl that besides, or no longer', () => {
    selection.click('a');
    selection.click('b');
    expect(selected()).toEqual(['b']);
    selection.click('d', { toggle: true });
    selection.click('b', { toggle: true });
    expect(selected()).toEqual(['d']);
  });

  it('reaches with Shift from where it began, to both sides', () => {
    selection.click('b');
    selection.click('d', { extend: true });
    expect(selected()).toEqual(['b', 'c', 'd']);
    selection.click('a', { extend: true });
    expect(selected()).toEqual(['a', 'b']);
  });

  it('follows the keys, with Shift from where it began, and with Ctrl not at all', () => {
    selection.click('a');
    selection.move(1);
    expect([selected(), selection.focused]).toEqual([['b'], 'b']);
    selection.move(2, { extend: true });
    expect(selected()).toEqual(['b', 'c', 'd']);
    selection.move(-1, { toggle: true });
    expect([selected(), selection.focused]).toEqual([['b', 'c', 'd'], 'c']);
    selection.move(99);
    expect(selected()).toEqual(['d']);
  });

  it('has none of what cannot be selected, be it all or a part', () => {
    selection.all();
    expect(selected()).toEqual(['a', 'b', 'c', 'd']);
    selection.click('group');
    expect(selected()).toEqual([]);
    selection.click('b', { extend: true });
    expect(selected()).toEqual(['a', 'b']);
  });

  it('stays where a menu opens on a part of it, and is the line where it opens elsewhere', () => {
    selection.click('a');
    selection.click('b', { extend: true });
    selection.reach('b');
    expect(selected()).toEqual(['a', 'b']);
    selection.reach('d');
    expect(selected()).toEqual(['d']);
  });

  it('loses what is no longer there, and the focus goes to what comes next', () => {
    selection.click('b');
    selection.click('c', { extend: true });
    update(['group', 'a', 'b', 'd']);
    expect([selected(), selection.focused]).toEqual([['b'], 'd']);
    update(['group', 'a']);
    expect([selected(), selection.focused]).toEqual([[], 'a']);
    update([]);
    expect(selection.focused).toBeNull();
  });

  it('stays where it is not shown and is kept, and is added to', () => {
    selection.click('a');
    selection.click('b', { toggle: true });
    selection.update(['c', 'd'], new Set(['c', 'd']), new Set(['a']));
    expect(selected()).toEqual(['a']);
    selection.click('c', { toggle: true });
    selection.all();
    expect(selected()).toEqual(['a', 'c', 'd']);
    selection.click('d');
    expect(selected()).toEqual(['d']);
  });
});

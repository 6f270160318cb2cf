"""Text for people: made safe for a terminal, measured in columns, laid out in tables that fit the width."""

from __future__ import annotations

import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Names, tags and details come from scripts and other people: none of them may move the cursor, colour the
# screen, turn the direction of writing or pretend to be another line.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_GAP: Final = "  "


def clean(value: object) -> str:
    """Return ``value`` on one line, with control characters written as escapes."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), str(value))


def width_of(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def screen_width() -> int | None:
    """Columns of the terminal to fit into; None where output goes elsewhere, where nothing may be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def shorten(text: str, width: int) -> str:
    """Cut the middle out of ``text`` so that it takes at most ``width`` columns: both ends of an id tell it apart."""
    if width_of(text) <= width:
        return text
    head = _fitting(text, (width - 1) // 2)
    tail = _fitting(text[::-1], width - 1 - width_of(head))[::-1]
    return f"{head}…{tail}"


def _fitting(text: str, width: int) -> str:
    taken = 0
    for position, char in enumerate(text):
        taken += width_of(char)
        if taken > width:
            return text[:position]
    return text


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: its heading.
        right: align to the right, as numbers are.
        least: may be shortened to so many columns; None: never.
        rank: where the table is too wide, the column with the greatest rank is left out first; 0: never.
    """

    title: str
    right: bool = False
    least: int | None = None
    rank: int = 0


def table(columns: Sequence[Column], rows: Sequence[Sequence[object]], width: int | None = None) -> list[str]:
    """Return the lines of a table.

    Args:
        columns: what is in each row.
        rows: the cells; they are made safe here.
        width: columns to fit into, or None for as wide as it gets.
    """
    cells = [[clean(column.title) for column in columns], *([clean(cell) for cell in row] for row in rows)]
    sizes = [max(width_of(row[number]) for row in cells) for number in range(len(columns))]
    shown = list(range(len(columns)))
    if width is not None:
        while _total([_least(columns[n], sizes[n]) for n in shown]) > width:
            droppable = [n for n in shown if columns[n].rank]
            if not droppable:
                break
            shown.remove(max(droppable, key=lambda n: columns[n].rank))
        while (over := _total([sizes[n] for n in shown]) - width) > 0:
            widest = max(shown, key=lambda n: sizes[n] - _least(columns[n], sizes[n]))
            spare = sizes[widest] - _least(columns[widest], sizes[widest])
            if spare <= 0:
                break
            sizes[widest] -= min(spare, over)
    lines = []
    for row in cells:
        line = _GAP.join(_aligned(shorten(row[n], sizes[n]), sizes[n], columns[n].right) for n in shown)
        lines.append(line.rstrip())
    return lines


def _least(column: Column, size: int) -> int:
    return size if column.least is None else min(size, max(column.least, width_of(clean(column.title))))


def _total(sizes: Sequence[int]) -> int:
    return sum(sizes) + len(_GAP) * max(0, len(sizes) - 1)


def _aligned(text: str, size: int, right: bool) -> str:
    padding = " " * max(0, size - width_of(text))
    return padding + text if right else text + padding


def moment(seconds: float | None, *, short: bool = False) -> str:
    """Write a time (seconds since 1970) as local time; "" for None."""
    if seconds is None:
        return ""
    return time.strftime("%Y-%m-%d %H:%M" if short else "%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def duration(seconds: float | None) -> str:
    """Write a length of time for people; "" for None."""
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, name, below, smaller in ((60, "min", 60, "s"), (3600, "h", 24, "min"), (86_400, "d", 0, "h")):
        if not below or whole < unit * below:
            rest = whole % unit * (24 if smaller == "h" else 60) // unit
            return f"{whole // unit} {name} {rest} {smaller}" if rest else f"{whole // unit} {name}"
    raise AssertionError("days have no end")


def size(count: int) -> str:
    """Write a number of bytes for people."""
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"


def number(value: object) -> str:
    """Write a metric's value so that it is short and still tells small differences."""
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


def pairs(values: Sequence[tuple[str, object]], indent: str = "") -> list[str]:
    """Return lines of names and values, the values aligned; entries whose value is "" or None are left out."""
    kept = [(name, value) for name, value in values if value not in ("", None)]
    longest = max((width_of(clean(name)) for name, _ in kept), default=0)
    return [f"{indent}{_aligned(clean(name), longest, False)}{_GAP}{clean(value)}" for name, value in kept]

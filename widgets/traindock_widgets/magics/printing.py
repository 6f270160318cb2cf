"""What commands print, in the output of a cell."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Mapping, Sequence
from html import escape
from typing import IO, TYPE_CHECKING, Final, cast

from IPython.display import publish_display_data

from traindock.cli.output import ALL_OF_IT, Printer
from traindock.cli.text import Column, clean, size, table

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: A notebook keeps what it shows, and a page slows down with it.
_MOST_BYTES: Final = 200_000
_MOST_ROWS: Final = 500


class NotebookPrinter(Printer):
    """Prints what one command prints into the output of the cell that is executed: tables as tables, all else as text.

    Of what would be too much the beginning is shown, and it is said once that there is more.
    """

    most_bytes: int = _MOST_BYTES
    most_rows: int = _MOST_ROWS

    def __init__(self) -> None:
        # Notes come while what the SDK prints is gathered.
        self._stdout = sys.stdout
        self._left = self.most_bytes
        self._full = False

    def lines(self, lines: Sequence[str]) -> None:
        """Print text, line by line."""
        for line in lines:
            self.print(line + "\n")

    def print(self, text: str) -> None:
        """Print text as it is, or as much of it as there is room for."""
        if self._full:
            return
        data = text.encode("utf-8", "replace")
        if len(data) <= self._left:
            self._left -= len(data)
            sys.stdout.write(text)
        else:
            sys.stdout.write(data[: self._left].decode("utf-8", "ignore"))
            self._tell_that_it_is_full()

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
        """Show a table, as text too, for pages that show no other."""
        shown = rows[: self.most_rows]
        data = _both_ways(columns, shown)
        while shown and _size(data) > self._left:
            shown = shown[: len(shown) // 2]
            data = _both_ways(columns, shown)
        if shown or not rows:
            self._left -= _size(data)
            publish_display_data(data)  # type: ignore[no-untyped-call]
        if len(shown) < min(len(rows), self.most_rows):
            self._tell_that_it_is_full()
        elif len(shown) < len(rows):
            self.note(f"the first {len(shown):,} of {len(rows):,} rows; {ALL_OF_IT}")

    def note(self, text: str) -> None:
        """Print what is no result; as it is no error, it does not go where those go."""
        print(text, file=self._stdout)

    def binary(self) -> IO[bytes]:
        """Return what takes bytes and prints them as text: a kernel's stdout takes only text."""
        return cast("IO[bytes]", _Decoded(self))

    def stream(self) -> IO[str]:
        """Return what takes text and prints it."""
        return io.TextIOWrapper(self.binary(), "utf-8", "replace", newline="", write_through=True)

    def _tell_that_it_is_full(self) -> None:
        if not self._full:
            self.note(f"\nthat is {size(self.most_bytes)}, as much as a notebook is shown at once; {ALL_OF_IT}")
        self._left, self._full = 0, True


def _both_ways(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> dict[str, str]:
    return {"text/plain": "\n".join(table(columns, rows)), "text/html": html_table(columns, rows)}


def _size(data: Mapping[str, str]) -> int:
    return sum(len(text.encode("utf-8", "replace")) for text in data.values())


def html_table(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> str:
    """Return a table as HTML; all that is in it is text. Ids come last: they are wide, and nobody reads them first."""
    order = sorted(range(len(columns)), key=lambda at: columns[at].title == "ID")
    columns, rows = [columns[at] for at in order], [[row[at] for at in order] for row in rows]
    sides = ["right" if column.right else "left" for column in columns]

    def line(tag: str, cells: Sequence[object]) -> str:
        shown = (
            f'<{tag} style="text-align: {side}; white-space: nowrap">{escape(clean(cell))}</{tag}>'
            for side, cell in zip(sides, cells, strict=True)
        )
        return f"<tr>{''.join(shown)}</tr>"

    head = line("th", [column.title for column in columns])
    return f"<table><thead>{head}</thead><tbody>{''.join(line('td', row) for row in rows)}</tbody></table>"


class _Decoded(io.RawIOBase):
    """Prints bytes as text."""

    def __init__(self, printer: NotebookPrinter) -> None:
        self._printer = printer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        self._printer.print(self._decoder.decode(bytes(data)))
        return len(memoryview(data))

    def flush(self) -> None:
        sys.stdout.flush()

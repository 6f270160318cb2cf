"""What commands print: notes on stderr, results on stdout, JSON where it was asked for.

A notebook's magics are these commands, too, and have a :class:`Printer` of their own.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, Any, Final

from traindock.cli.text import Column, clean, screen_width, table
from traindock.documents import plain


class Printer:
    """Where commands print to: a terminal, or whatever takes the place of one.

    Attributes:
        most_bytes: how much one command prints of results; None: all there is.
        most_rows: how many rows a table has; None: all.
    """

    most_bytes: int | None = None
    most_rows: int | None = None

    def lines(self, lines: Sequence[str]) -> None:
        """Print a result, line by line."""
        for line in lines:
            print(line)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
        """Print a result that is a table; see :func:`traindock.cli.text.table`."""
        self.lines(table(columns, rows, screen_width()))

    def note(self, text: str) -> None:
        """Print what is no result."""
        print(text, file=sys.stderr, flush=True)

    def binary(self) -> IO[bytes]:
        """Return where a result goes that is printed byte for byte."""
        return sys.stdout.buffer

    def stream(self) -> IO[str]:
        """Return where a result goes that is printed piece by piece."""
        return sys.stdout


#: How to see what a printer has no room for.
ALL_OF_IT: Final = "the same command in a terminal prints all of it"

_printer: Final[ContextVar[Printer]] = ContextVar("printer", default=Printer())  # noqa: B039 -- it has no state


@contextmanager
def print_by(printer: Printer) -> Iterator[None]:
    """Have commands print to another place than a terminal."""
    before = _printer.set(printer)
    try:
        yield
    finally:
        _printer.reset(before)


def emit(document: Any) -> None:
    """Print the command's one JSON document.

    Numbers that JSON lacks are written as the texts "NaN", "Infinity" and "-Infinity".
    """
    print(json.dumps(plain(document), indent=2, allow_nan=False))


def say(lines: Iterable[str] | str = "") -> None:
    """Print a result for people, made safe already."""
    _printer.get().lines([lines] if isinstance(lines, str) else list(lines))


def tabulate(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
    """Print a result that is a table; see :func:`traindock.cli.text.table`."""
    _printer.get().table(columns, rows)


def most_bytes() -> int | None:
    """Return how much one command prints of results; None for all there is."""
    return _printer.get().most_bytes


def most_rows() -> int | None:
    """Return how many rows a table has at most; None for all."""
    return _printer.get().most_rows


def binary() -> IO[bytes]:
    """Return where a result goes that is printed byte for byte."""
    return _printer.get().binary()


def stream() -> IO[str]:
    """Return where a result goes that is printed piece by piece."""
    return _printer.get().stream()


def note(args: argparse.Namespace, text: str) -> None:
    """Tell people something that is no result; programs that asked for JSON are spared it."""
    if not args.json:
        _printer.get().note("\n".join(clean(line) for line in text.split("\n")))


def report(args: argparse.Namespace, code: str, kind: str, message: str) -> int:
    """Print an error, and return the exit code for it.

    Args:
        args: the command line; decides between text and JSON.
        code: stable identifier.
        kind: name of the exception.
        message: what is wrong and what to do.
    """
    sys.stdout.flush()
    if args.json:
        print(error_document(code, kind, message), file=sys.stderr, flush=True)
    else:
        note(args, f"traindock: {message}")
    return 1


def error_document(code: str, kind: str, message: str) -> str:
    """Return the JSON document of an error; see :func:`report`."""
    return json.dumps({"error": {"code": code, "type": kind, "message": message}}, indent=2)


@contextmanager
def warn_by(args: argparse.Namespace) -> Iterator[None]:
    """Print Python's warnings as notes in place of lines of code."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        note(args, f"traindock: warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show
        yield

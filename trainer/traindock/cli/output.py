"""What commands print: notes on stderr, results on stdout, JSON where it was asked for."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from traindock.cli.text import clean
from traindock.documents import plain


def emit(document: Any) -> None:
    """Print the command's one JSON document.

    Numbers that JSON lacks are written as the texts "NaN", "Infinity" and "-Infinity".
    """
    print(json.dumps(plain(document), indent=2, allow_nan=False))


def say(lines: Iterable[str] | str = "") -> None:
    """Print a result for people, made safe already."""
    for line in [lines] if isinstance(lines, str) else lines:
        print(line)


def note(args: argparse.Namespace, text: str) -> None:
    """Tell people something that is no result; programs that asked for JSON are spared it."""
    if not args.json:
        print("\n".join(clean(line) for line in text.split("\n")), file=sys.stderr, flush=True)


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

"""What ``%%traindock`` understands in its line."""

from __future__ import annotations

import argparse
import keyword
from collections.abc import Sequence
from functools import cache
from typing import Final

from traindock.cli import parsers, submit_options

PROGRAM: Final = "%%traindock"


@cache
def parser() -> parsers.Parser:
    """Return the parser of the line."""
    made = parsers.Parser(prog=PROGRAM)
    made.teach(
        """
        Send this cell as a script to a compute target, and show the run's card: the run goes on without the notebook.
        It has nothing of this notebook but what --with passes; what the cell writes to ./outputs is kept, and
        traindock.Run.get_context().log(...) logs metrics.
        """,
        """
        %%traindock --experiment digits --name baseline
        %%traindock --arg epochs=30 --arg lr=0.1        the cell finds --epochs 30 --lr 0.1 in sys.argv
        %%traindock --with config,classes               values of this notebook, under the same names
        %%traindock --source ./src --compute gpu-box --gpus 1 --pip torch
        %%traindock --wait --var baseline               wait for the end; the run is in the variable baseline
        %%traindock --plan                              what would be done, without doing it
        """,
    )
    what = made.add_argument_group("what is sent with the cell")
    what.add_argument(
        "--arg", action="append", type=_argument, default=[], metavar="K=V", help="an argument; K alone: a flag"
    )
    what.add_argument(
        "--with", action="extend", type=_names, default=[], metavar="X,Y", dest="passed", help="values of this notebook"
    )
    what.add_argument("--source", metavar="DIR", help="a folder whose files go with the cell, such as its modules")
    submit_options.add_options(made, "the notebook")
    then = made.add_argument_group("then")
    then.add_argument("--wait", action="store_true", help="return when the run has ended")
    then.add_argument(
        "--var", type=_name, default="run", metavar="NAME", help="the variable that the run is in (default: run)"
    )
    then.add_argument("--plan", "--dry-run", action="store_true", help="show what would be done, and do nothing")
    then.add_argument(
        "--unchecked", action="store_true", help="do not look whether the cell uses what the run will not have"
    )
    parsers.add_common(made)
    return made


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return what the words say.

    Raises:
        NotUnderstood: they make no sense.
        SystemExit: they ask for help, which is printed.
    """
    made = parser()
    args, stray = made.parse_known_args(words)
    if stray and not stray[0].startswith("-"):
        made.error(f"{stray[0]!r} stands alone: verbs follow a single %, as in %traindock {stray[0]}")
    if stray:
        made.error(f"unrecognized arguments: {' '.join(stray)}")
    if args.wait and args.plan:
        made.error("--plan starts nothing that --wait could wait for")
    args.workspace = getattr(args, "workspace", None)
    args.json = getattr(args, "json", False)
    args.parser = made
    return args


def script_arguments(args: argparse.Namespace) -> list[str]:
    """Return the words that the script gets: ``--arg lr=0.1`` is ``--lr 0.1``."""
    words: list[str] = []
    for name, value in args.arg:
        option = f"-{name}" if len(name) == 1 else f"--{name}"
        if value is None:
            words.append(option)
        elif value.startswith("-"):  # argparse would take it for an option
            words.append(f"{option}={value}" if len(name) > 1 else f"{option}{value}")
        else:
            words += [option, value]
    return words


def _argument(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    name = name.lstrip("-")
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE or NAME")
    return name, value if equals else None


def _name(text: str) -> str:
    if not text.isidentifier() or keyword.iskeyword(text):
        raise argparse.ArgumentTypeError(f"{text!r} can be no name of a variable")
    return text


def _names(text: str) -> list[str]:
    return [_name(name.strip()) for name in text.split(",") if name.strip()]

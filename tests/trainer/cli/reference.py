"""The reference in docs/command-line.md, made of the parsers.

``python -m tests.trainer.cli.reference`` writes it anew.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import REPOSITORY

from traindock.cli.parsers import COMMANDS, Parser, root_parser

PAGE = REPOSITORY / "docs" / "command-line.md"
BEGIN = "<!-- made by tests/trainer/cli/reference.py from here on -->\n"
#: So many values that an option may have are shown with it; of more, its text tells.
_FEW = 5


def reference() -> str:
    """Return a section for each command, with what it does, its options and examples."""
    return "\n".join(line for command, *_ in COMMANDS for line in _section([command], level=2))


def page() -> str:
    """Return the page as it should be: what somebody wrote, and the reference."""
    return PAGE.read_text("utf-8").partition(BEGIN)[0] + BEGIN + "\n" + reference()


def _section(words: list[str], level: int) -> Iterator[str]:
    parser = _parser_of(words)
    name = " ".join(words)
    yield from (f"{'#' * level} {name}", "")
    yield from (f"`{_usage(parser)}`", "", " ".join((parser.description or "").split()), "")
    rows = [row for group in parser._action_groups if group.title != "everywhere" for row in _rows(group)]
    if rows:
        yield from ("| argument | what it is |", "|---|---|", *rows, "")
    if parser.epilog:
        yield from ("```bash", *_examples(parser.epilog), "```", "")
    for verb in _verbs(parser):
        yield from _section([*words, verb], level + 1)


def _parser_of(words: list[str]) -> Parser:
    """Return the parser of a command, which is filled in when somebody asks for its help."""
    parser = root_parser()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        parser.parse_args([*words, "--help"])
    for word in words:
        (commands,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
        parser = commands.choices[word]
    return parser


def _usage(parser: Parser) -> str:
    if parser.usage:
        ways = (parser.usage % {"prog": parser.prog}).replace("[-h] [--workspace PATH|NAME] [--json] ", "").splitlines()
        return "`, or `".join(" ".join(way.split()) for way in ways)
    words = [parser.prog]
    words += ["[options]"] if any(_options(action) for action in parser._actions) else []
    for action in parser._actions:
        if not action.option_strings and not isinstance(action, argparse._SubParsersAction):
            name = action.metavar if isinstance(action.metavar, str) else action.dest
            words.append({"?": f"[{name}]", "*": f"[{name} …]", "+": f"{name} …"}.get(str(action.nargs), name))
    return " ".join(words)


def _rows(group: argparse._ArgumentGroup) -> Iterator[str]:
    for action in group._group_actions:
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
            continue
        yield f"| {_named(action)} | {_cell(action.help or '', **vars(action))} |"


def _options(action: argparse.Action) -> bool:
    return bool(action.option_strings) and "--help" not in action.option_strings


def _named(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None and len(list(action.choices)) <= _FEW:
        value = "|".join(map(str, action.choices))
    if not action.option_strings:
        return f"`{_escaped(value)}`"
    takes = action.nargs != 0
    shown = [f"`{_escaped(f'{one} {value}' if takes else one)}`" for one in action.option_strings]
    return ", ".join(shown)


def _cell(text: str, **options: object) -> str:
    return _escaped(" ".join((text % options).split())).replace("<", "&lt;")


def _escaped(text: str) -> str:
    """Return a text without what ends a cell; a backslash before it would be seen in code."""
    return text.replace("|", "/")


def _examples(epilog: str) -> list[str]:
    lines = [line.strip() for line in epilog.splitlines() if line.strip().startswith("traindock ")]
    # What is beside a command, after some spaces, says what it does.
    return [re.sub(r"\s{3,}(\S.*)$", r"      # \1", line) for line in lines]


def _verbs(parser: Parser) -> list[str]:
    found = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return [verb for each in found for verb in each.choices]


def main(path: Path = PAGE) -> None:
    path.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()

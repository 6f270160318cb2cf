"""What calls of a parser's methods do to it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from traindock.script_options import values
from traindock.script_options.parsers import (
    CannotTellError,
    Group,
    Method,
    Parser,
    Rest,
    Subparsers,
    Use,
    Words,
    option_of,
)
from traindock.script_options.values import Pieces, Unknown

#: Methods that read a command line.
READING: Final = ("parse_args", "parse_known_args", "parse_intermixed_args", "parse_known_intermixed_args")


@dataclass(frozen=True, slots=True)
class Called:
    """A call, with what its arguments come to.

    Attributes:
        node: the call.
        given: its positional arguments.
        named: its arguments by name.
        computed: whether there may be others, handed over by ``*`` or ``**``.
        context: conditions and loops around it.
    """

    node: ast.Call
    given: Sequence[Any]
    named: Mapping[str, Any]
    computed: bool
    context: tuple[str, ...]

    @property
    def line(self) -> int:
        """Where it is in the script."""
        return self.node.lineno

    @property
    def place(self) -> tuple[int, int]:
        """Line and column."""
        return self.node.lineno, self.node.col_offset

    def get(self, name: str, default: Any = None) -> Any:
        """Return the argument of this name, which may be given as the first one, too."""
        return self.named.get(name, self.given[0] if self.given else default)

    def within(self, parser: Parser) -> tuple[str, ...]:
        """Return the conditions and loops that have begun since ``parser`` was made."""
        same = 0
        for mine, other in zip(self.context, parser.context, strict=False):
            if mine != other:
                break
            same += 1
        return self.context[same:]


def make_parser(called: Called) -> Parser:
    """Return the parser that a call of ``ArgumentParser`` makes."""
    parser = Parser(called.place, called.context)
    configure(parser, called)
    return parser


def configure(parser: Parser, called: Called) -> None:
    """Give a parser what ``ArgumentParser.__init__`` is given."""
    prefixes = called.named.get("prefix_chars")
    parser.prefixes = prefixes if isinstance(prefixes, str) and prefixes else "-"
    parser.replaces = called.named.get("conflict_handler") == "resolve"
    parser.argument_default = called.named.get("argument_default")
    if called.computed:
        parser.faults.append(f"how the parser of line {called.line} is made is computed")
    parents = called.named.get("parents", [])
    for parent in parents if isinstance(parents, list | tuple) else [parents]:
        if not isinstance(parent, Parser):
            parser.faults.append(f"a parent of the parser in line {called.line} comes from elsewhere")
            continue
        try:
            parser.take_over(parent)
        except CannotTellError as error:
            parser.faults.append(f"line {called.line}: {error}")


def on_parser(method: Method, called: Called) -> Any:
    """Do what a call of a method does to a parser, a group or subparsers, and return what it comes to."""
    owner, name = method.owner, method.name
    if isinstance(owner, Subparsers):
        return _add_command(owner, called) if name == "add_parser" else Unknown(called.node)
    group = owner if isinstance(owner, Group) else Group(owner)
    parser = group.parser
    if name == "add_argument":
        _add(group, called)
    elif name == "add_argument_group":
        title = called.get("title", "")
        return Group(parser, values.text_of(title) if isinstance(title, str | Pieces) else "", group.exclusive)
    elif name == "add_mutually_exclusive_group":
        parser.exclusive.append(called.get("required", False) is True)
        return Group(parser, group.title, len(parser.exclusive) - 1)
    elif name == "add_subparsers":
        parser.subparsers = parser.subparsers or Subparsers(parser)
        return parser.subparsers
    elif name == "set_defaults":
        _set_defaults(parser, called)
    elif name == "__init__":
        configure(parser, called)
    elif name in READING:
        return _read(parser, name, called)
    return Unknown(called.node)


def _add_command(subparsers: Subparsers, called: Called) -> Parser:
    subparsers.names.append(values.text_of(called.given[0]) if called.given else "…")
    parser = make_parser(called)
    parser.is_part = True
    subparsers.parsers.append(parser)
    return parser


def _add(group: Group, called: Called) -> None:
    parser, around, where = group.parser, called.within(group.parser), f"(line {called.line})"
    if any(one.startswith("loop") for one in around):
        parser.faults.append(f"options are added in a loop, in line {called.line}")
        return
    name = called.given[0] if called.given and isinstance(called.given[0], str) else "an option"
    try:
        if called.computed:
            raise CannotTellError("what it takes is computed")
        option = option_of(group, called.given, called.named, called.line)
        if option is None:
            return
        name = option.name
        if around and any(set(one.flags).intersection(option.flags) for one in parser.options):
            return  # the other branch has it
        parser.add(option)
    except CannotTellError as error:
        told = f"{error.name or name} {where}: {error}"
        if error.needed:
            parser.faults.append(told)
        else:
            parser.notes.append(f"{told}.")
        return
    if "choices" in called.named and option.choices is None and option.action != "count":
        parser.notes.append(f"{name} {where}: what it may be is computed.")
    if option.type == "bool" and option.kind != "flag":
        parser.notes.append(f"{name} {where}: the script takes all but an empty text for true.")
    if group.exclusive is not None:
        parser.members.append((group.exclusive, name))
    if around and option.required:
        parser.faults.append(f"{name} {where} has to be given, but under a condition")
    elif around:
        parser.notes.append(f"{name} {where} is only there under a condition.")


def _set_defaults(parser: Parser, called: Called) -> None:
    if called.computed or called.within(parser):
        parser.notes.append(f"Line {called.line} may change defaults.")
        return
    for dest, value in called.named.items():
        parser.set_default(dest, value)


def _read(parser: Parser, name: str, called: Called) -> Any:
    words = called.get("args")
    if isinstance(words, Words) and words.first != 1:
        parser.faults.append(f"line {called.line} reads the command line from its word {words.first} on")
    own = isinstance(words, list | tuple | str)
    of = "rest" if isinstance(words, Rest) else "list" if own else "command line"
    known = name.startswith("parse_known")
    parser.uses.append(Use(not known, of, called.line))
    return (Unknown(called.node), Rest()) if known else Unknown(called.node)

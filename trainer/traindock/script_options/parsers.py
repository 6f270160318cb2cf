"""argparse's parsers as a script makes them: what they hold, kept with argparse's own rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from traindock.script_options.options import REST, Option
from traindock.script_options.values import Class, Function, Pieces, Symbol, Unknown, is_known, plain, text_of

#: Actions that print something and end the script.
_LEAVING: Final = ("help", "version")
_FLAGS: Final = ("store_true", "store_false", "store_const", "append_const")
_SAID: Final[Mapping[str, str]] = {"store": "store", "append": "append", "extend": "extend", "count": "count"}
#: Functions that give values a type, besides Python's own.
_TYPES: Final[Mapping[str, str]] = {
    "builtins.int": "int",
    "builtins.float": "float",
    "builtins.str": "str",
    "builtins.bool": "bool",
    "pathlib.Path": "str",
    "pathlib.PurePath": "str",
    "os.path.abspath": "str",
    "os.path.expanduser": "str",
    "os.path.realpath": "str",
    "os.fspath": "str",
    "argparse.FileType": "str",
    "numpy.float32": "float",
    "numpy.float64": "float",
    "numpy.int32": "int",
    "numpy.int64": "int",
}
#: What argparse fills in; no width is obeyed, since a script may ask for one of 10**9.
_GAP: Final = re.compile(r"%(?:\((\w+)\)[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]|%)")
_SUPPRESS: Final = "argparse.SUPPRESS"


class CannotTellError(Exception):
    """What a script adds cannot be shown; the text is the end of a sentence.

    Args:
        text: why.
        name: of the option, or "" where not even that is known.
        needed: whether a command line may have to have it.
    """

    def __init__(self, text: str, name: str = "", *, needed: bool = True) -> None:
        super().__init__(text)
        self.name = name
        self.needed = needed


@dataclass(frozen=True, slots=True)
class Rest:
    """The words that ``parse_known_args`` leaves."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the command line from a number on: ``sys.argv[1:]``."""

    first: int


@dataclass(frozen=True, slots=True)
class Super:
    """A parser, as the base class of its own class has it."""

    parser: Parser


@dataclass(frozen=True, slots=True)
class Use:
    """A call that reads a command line.

    Attributes:
        strict: whether words that the parser does not know are refused.
        of: "command line", "rest" (of what another parser left), or "list" (of the script's own).
        line: of the script.
    """

    strict: bool
    of: str
    line: int


@dataclass(eq=False, slots=True)
class Group:
    """Arguments under a title, or of which only one may be given."""

    parser: Parser
    title: str = ""
    exclusive: int | None = None


@dataclass(eq=False, slots=True)
class Subparsers:
    """What ``add_subparsers`` returns."""

    parser: Parser
    names: list[str] = field(default_factory=list)
    parsers: list[Parser] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """A method of a parser, a group or subparsers."""

    owner: Parser | Group | Subparsers
    name: str


@dataclass(eq=False, slots=True)
class Parser:
    """A parser of a script.

    Attributes:
        place: line and column of the call that makes it.
        context: conditions and loops around that call.
        options: those that were added, and those of its parents.
        exclusive: by number, whether one of the group has to be given; which options those are is in ``members``.
        defaults: what ``set_defaults`` says of options that come later.
        uses: calls that read a command line.
        subparsers: those that it has.
        is_part: whether it is a parent of another one, or belongs to a sub-command.
        faults: what keeps a command line from being known to fit, in sentences.
        notes: what else is to be told.
        kind: the script's own class that it is of, or None.
    """

    place: tuple[int, int]
    context: tuple[str, ...]
    prefixes: str = "-"
    replaces: bool = False
    argument_default: Any = None
    options: list[Option] = field(default_factory=list)
    exclusive: list[bool] = field(default_factory=list)
    members: list[tuple[int, str]] = field(default_factory=list)
    defaults: dict[str, Any] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    subparsers: Subparsers | None = None
    is_part: bool = False
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kind: Class | None = None

    def take_over(self, parent: Parser) -> None:
        """Have what a parent has got until now, as argparse does."""
        offset = len(self.exclusive)
        self.exclusive += parent.exclusive
        self.members += [(offset + number, name) for number, name in parent.members]
        for option in parent.options:
            self.add(option)
        self.faults += parent.faults
        self.notes += parent.notes
        self.defaults.update(parent.defaults)
        self.subparsers = self.subparsers or parent.subparsers
        parent.is_part = True

    def add(self, option: Option) -> None:
        """Add an option; where another has one of its flags, argparse refuses, or takes them from that one."""
        taken = {flag for one in self.options for flag in one.flags}.intersection(option.flags)
        if taken and not self.replaces:
            raise CannotTellError("it is added twice", min(taken))
        for number, one in enumerate(self.options):
            if taken.intersection(one.flags):
                left = tuple(flag for flag in one.flags if flag not in taken)
                self.options[number] = replace(one, flags=left)
        self.options = [one for one in self.options if one.flags or one.kind == "positional"]
        self.options.append(option)

    def set_default(self, dest: str, value: Any) -> None:
        """Put a default over those that options have, and will have."""
        self.defaults[dest] = value
        self.options = [replace(one, **_default(value)) if one.dest == dest else one for one in self.options]


# -- from a call of add_argument to an option -----------------------------------------------------------------


def option_of(group: Group, names: Sequence[Any], given: Mapping[str, Any], line: int) -> Option | None:
    """Return what a call of ``add_argument`` adds; None for ``--help`` and the like.

    Raises:
        CannotTellError: that is not known, or a form cannot show it.
    """
    parser = group.parser
    if not names or not all(isinstance(name, str) and name for name in names):
        if names or not isinstance(given.get("dest"), str):
            raise CannotTellError("the name of an option is computed")
        names = [given["dest"]]
    positional = len(names) == 1 and names[0][0] not in parser.prefixes
    flags = () if positional else tuple(sorted(names, key=lambda name: name[:2] != 2 * name[0]))
    name = names[0] if positional else flags[0]
    required = given.get("required", False)
    if not isinstance(required, bool | int):
        raise CannotTellError("whether it has to be given is computed", name)
    required = bool(required)
    action, own_action = _action(given, name, needed=positional or required)
    if action in _LEAVING:
        return None
    if given.get("help") == Symbol(_SUPPRESS) and not positional and not required:
        raise CannotTellError("the script hides it", name, needed=False)
    dest = given.get("dest", names[0] if positional else flags[0].lstrip(parser.prefixes).replace("-", "_"))
    option = Option(
        flags=flags,
        dest=dest if isinstance(dest, str) else name,
        kind="positional" if positional else "value",
        required=required,
        group=group.title,
        line=line,
    )
    default = given.get("default", parser.defaults.get(option.dest, parser.argument_default))
    option = replace(option, **_default(default))
    if action in _FLAGS or action == "boolean":
        option = _flag(option, action, given)
    elif positional and action not in ("store", "extend", "append"):
        raise CannotTellError(f"it is positional with the action {action!r}", name)
    else:
        option = _with_value(option, action, given)
    metavar = given.get("metavar")
    told = " ".join(map(text_of, metavar)) if isinstance(metavar, list | tuple) else metavar
    option = replace(option, metavar=told if isinstance(told, str) else None)
    if own_action:
        option = replace(option, type=None, type_source=own_action)
    return replace(option, help=_help(given.get("help"), option))


def _action(given: Mapping[str, Any], name: str, *, needed: bool) -> tuple[str, str]:
    """Return an action's name, and the name of the script's own class if it is one."""
    action = given.get("action", "store")
    if action == Symbol("argparse.BooleanOptionalAction"):
        return "boolean", ""
    if isinstance(action, Class) and action.find("__init__") is None and isinstance(action.find("__call__"), Function):
        return "store", action.node.name
    known = (*_FLAGS, *_LEAVING, *_SAID)
    if action is None or not isinstance(action, str) or action not in known:
        raise CannotTellError("its action is not one of argparse's own", name, needed=needed)
    return action, ""


def _default(value: Any) -> dict[str, Any]:
    if is_known(value):
        return {"default": plain(value), "default_source": ""}
    if value == Symbol(_SUPPRESS):
        return {"default": None, "default_source": ""}
    if isinstance(value, Symbol):
        return {"default": None, "default_source": value.name.removeprefix("builtins.")}
    return {"default": None, "default_source": value.source if isinstance(value, Unknown) else text_of(value)}


def _flag(option: Option, action: str, given: Mapping[str, Any]) -> Option:
    name = option.name
    if not option.flags:
        raise CannotTellError("it is positional and takes no word", name)
    option = replace(option, kind="flag", action="flag", type="bool", on=name)
    if action == "boolean":
        long = [flag for flag in option.flags if flag.startswith("--")]
        no = [f"--no-{flag[2:]}" for flag in long]
        short = [flag for flag in option.flags if flag not in long]
        return replace(option, flags=(*long, *no, *short), off=no[0] if no else None)
    if action in ("store_true", "store_false"):
        if "default" not in given and option.default is None and not option.default_source:
            option = replace(option, default=action == "store_false")
        return option if action == "store_true" else replace(option, on=None, off=name)
    const = given.get("const")
    if not is_known(const):
        return replace(option, type=None)
    kind = "str" if const is None or not isinstance(const, bool | int | float) else type(const).__name__
    return replace(option, const=plain(const), type=kind)


def _with_value(option: Option, action: str, given: Mapping[str, Any]) -> Option:
    name, needed = option.name, option.required or not option.flags
    option = replace(option, action=_SAID[action])
    if action == "count":
        return replace(option, type="int")
    kind, source = _type(given.get("type"))
    option = replace(option, type=kind, type_source=source)
    nargs = given.get("nargs")
    if isinstance(nargs, Symbol):
        nargs = {"argparse.REMAINDER": "...", "argparse.PARSER": "A...", "argparse.OPTIONAL": "?",
                 "argparse.ZERO_OR_MORE": "*", "argparse.ONE_OR_MORE": "+"}.get(nargs.name, nargs)  # fmt: skip
    counted = isinstance(nargs, int) and not isinstance(nargs, bool) and nargs > 0
    if not (nargs is None or counted or nargs in ("?", "*", "+", *REST)):
        raise CannotTellError("how many values it takes is computed", name, needed=needed)
    if action == "append" and nargs is not None:
        raise CannotTellError("it may be given several times, with several values each", name, needed=needed)
    if nargs in REST and option.flags:
        raise CannotTellError("it takes all words that follow", name, needed=needed)
    several = action != "store" or nargs not in (None, "?")
    choices = given.get("choices")
    allowed = None
    if isinstance(choices, list | tuple | set | dict | str) and is_known(choices):
        allowed = tuple(plain(choices if isinstance(choices, set) else list(choices)))
    shown = "positional" if not option.flags else "list" if several else "choice" if allowed is not None else "value"
    const = given.get("const")
    return replace(
        option,
        kind=shown,
        nargs=nargs,
        choices=allowed,
        const=plain(const) if is_known(const) else None,
        required=nargs not in ("?", "*", "...") if not option.flags else option.required,
    )


def _type(given: Any) -> tuple[str | None, str]:
    """Return the type that a function makes, and the function where it is not one of Python's own."""
    if given is None or given == "str":
        return "str", ""
    if isinstance(given, Symbol):
        kind = _TYPES.get(given.name)
        return kind, "" if kind is not None and given.name.startswith("builtins.") else given.name
    if isinstance(given, Unknown):
        return _TYPES.get(given.origin) if given.origin == "argparse.FileType" else None, given.source
    if isinstance(given, Function):
        return None, getattr(given.node, "name", "lambda")
    return None, given.node.name if isinstance(given, Class) else "a function"


def _help(text: Any, option: Option) -> str:
    """Return a help text with its ``%(default)s`` and the like filled in."""
    if text is None or not isinstance(text, str | Pieces):
        return ""
    help_text = text_of(text)
    if "%" not in help_text:
        return " ".join(help_text.split())
    known = {
        "default": option.default_source or option.default,
        "choices": ", ".join(map(str, option.choices or ())) or "…",
        "const": option.const,
        "dest": option.dest,
        "metavar": option.metavar or option.dest.upper(),
        "nargs": option.nargs,
        "option_strings": ", ".join(option.flags),
        "prog": "the script",
        "required": option.required,
        "type": option.type or option.type_source,
    }
    return " ".join(_GAP.sub(lambda gap: str(known.get(gap[1], gap[0])) if gap[1] else "%", help_text).split())

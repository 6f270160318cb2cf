"""From a script's file, or its text, to its options."""

from __future__ import annotations

import ast
import errno
import json
import os
import threading
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Final

from traindock.errors import ScriptFileException
from traindock.script_options import elsewhere
from traindock.script_options.evaluator import TooLongError
from traindock.script_options.interpreter import Interpreter
from traindock.script_options.options import Command, Exclusive, Option, ScriptOptions
from traindock.script_options.parsers import CannotTellError, Parser
from traindock.store.copying import open_regular

#: Larger files are no scripts; to read one of a megabyte takes a second.
MOST_BYTES: Final = 1_000_000
#: Notebooks may hold pictures.
MOST_NOTEBOOK_BYTES: Final = 200_000_000
_TOO_DEEP: Final = "It cannot be read: it is nested too deeply."
#: What warnings are shown is a matter of the whole process.
_quiet = threading.Lock()


def read_script(path: Path) -> ScriptOptions:
    """Return the options of a Python script, or of a notebook, which has none.

    Raises:
        ScriptFileException: there is no such file, it is no regular one, cannot be read, is too large, or is binary.
    """
    if path.suffix == ".ipynb":
        return _of_notebook(_content(path, MOST_NOTEBOOK_BYTES))
    return read_content(path.name, _content(path, MOST_BYTES))


def read_content(name: str, content: bytes) -> ScriptOptions:
    """Return the options of a Python script whose content has been read.

    Args:
        name: of its file, for what is said.
        content: all of it, or its first bytes if they are more than :data:`MOST_BYTES`.

    Raises:
        ScriptFileException: it is too large, or binary.
    """
    _check_size(name, content, MOST_BYTES)
    if b"\0" in content:
        raise ScriptFileException(f"{name!r} is a binary file and no script: choose a Python file")
    return options_of(content)


def _content(path: Path, most: int) -> bytes:
    try:
        with os.fdopen(open_regular(path, follow=True), "rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        what = f"{path.name!r:.300}"
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise ScriptFileException(f"there is no file {what}: choose one that is there") from None
        if error.errno == errno.EINVAL:
            kind = "a folder" if path.is_dir() else "no regular file"
            raise ScriptFileException(f"{what} is {kind}: choose a Python file") from None
        raise ScriptFileException(f"{what} cannot be read: {error.strerror}: correct its permissions") from error
    _check_size(path.name, content, most)
    return content


def _check_size(name: str, content: bytes, most: int) -> None:
    if len(content) > most:
        raise ScriptFileException(
            f"{name!r} has more than {most:,} bytes, too many for a script: choose the Python file that is to run"
        )


def _of_notebook(content: bytes) -> ScriptOptions:
    try:
        cells = json.loads(content)["cells"]
    except (ValueError, KeyError, TypeError, RecursionError):
        cells = None
    if not isinstance(cells, list):
        return ScriptOptions(parsed=False, why="It is no notebook of format 4: save it once more in JupyterLab.")
    return ScriptOptions(parsed=True)


@lru_cache(maxsize=8)  # forms ask for the same script each time that they are looked at
def options_of(content: bytes) -> ScriptOptions:
    """Return the options of a script of this content, of which nothing is executed."""
    try:
        with _quiet, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except SyntaxError as error:
        where = f"Line {error.lineno} is" if error.lineno else "It is"
        return ScriptOptions(parsed=False, why=f"{where} no Python that this server reads: {error.msg}.")
    except (RecursionError, MemoryError):  # the parser says the second where it has no room left for the first
        return ScriptOptions(parsed=False, why=_TOO_DEEP)
    except ValueError as error:
        return ScriptOptions(parsed=False, why=f"It cannot be read: {error}.")
    script = Interpreter(tree)
    try:
        script.follow()
        return _found(tree, script)
    except TooLongError:
        return ScriptOptions(parsed=False, why="It takes too many steps to be followed.")
    except RecursionError:
        return ScriptOptions(parsed=False, why=_TOO_DEEP)


def _found(tree: ast.Module, script: Interpreter) -> ScriptOptions:
    library = elsewhere.other_library(tree)
    parsers = [parser for parser in script.parsers if not parser.is_part]
    read = [parser for parser in parsers if any(use.of != "list" for use in parser.uses)]
    if library:
        return _refused(parsers, f"its command line is read by {library}, and only argparse's is known here")
    if script.faults:
        return _refused(parsers, script.faults[0])
    if not parsers:
        return _without_parser(tree, script)
    if not read:
        told = "it makes a parser, but no line was found that reads the command line with it"
        given = [use.line for parser in parsers for use in parser.uses]
        if given:
            told = f"line {given[0]} parses a list of the script's own in place of the command line"
        return _refused(parsers, told)
    strict = [parser for parser in read if any(use.strict for use in parser.uses)]
    if len({parser.place for parser in strict}) > 1:
        lines = sorted({parser.place[0] for parser in strict})
        told = f"its parsers of the lines {', '.join(map(str, lines[:-1]))} and {lines[-1]} each read the command line"
        return _refused(strict[-1:], told)
    last = strict[-1:]
    if not last or any(use.of == "rest" for use in last[0].uses):
        last = [parser for parser in read if parser not in strict] + last
    fault = next((fault for parser in last for fault in _faults(parser)), "")
    return _refused(last, fault) if fault else _document(last)


def _without_parser(tree: ast.Module, script: Interpreter) -> ScriptOptions:
    configurator, options = elsewhere.overridden_names(tree, script.value_of)
    if configurator:
        told = (
            f"It executes {configurator}, which overrides its variables. As in nanoGPT, an argument is --name=value, "
            "or the path of a file with assignments."
        )
        return ScriptOptions(parsed=False, why=told, options=options)
    if script.strangers:
        return _refused([], f"line {script.strangers[0]} adds options to a parser that another module makes")
    name, line = elsewhere.other_module(tree)
    if name:
        return _refused([], f"line {line} calls {name}, and other modules are not read")
    line = elsewhere.words_read(tree)
    if line:
        return _refused([], f"line {line} reads sys.argv itself")
    return ScriptOptions(parsed=True)


def _faults(parser: Parser) -> list[str]:
    commands = parser.subparsers
    if commands is None:
        return parser.faults
    names = ", ".join(commands.names[:10]) or "…"
    return [f"it has sub-commands ({names}), each with options of its own", *parser.faults]


def _refused(parsers: list[Parser], why: str) -> ScriptOptions:
    return _document(parsers, f"{why[:1].upper()}{why[1:]}.")


def _document(parsers: list[Parser], why: str = "") -> ScriptOptions:
    """Return all that parsers hold, whose options may be given together."""
    whole = Parser((0, 0), ())
    for parser in parsers:
        known = {flag for option in whole.options for flag in option.flags}
        doubled = [option for option in parser.options if known.intersection(option.flags)]
        parser.options = [option for option in parser.options if option not in doubled]
        try:
            whole.take_over(parser)
        except CannotTellError as error:
            why = why or f"{error}."
    options = _joined(whole.options)
    names = {flag: option.name for option in options for flag in option.flags or (option.dest,)}
    exclusive: dict[int, list[str]] = {}
    for number, name in whole.members:
        if name in names and names[name] not in exclusive.setdefault(number, []):
            exclusive[number].append(names[name])
    return ScriptOptions(
        parsed=not why,
        why=why,
        options=tuple(options),
        exclusive=tuple(
            Exclusive(tuple(found), whole.exclusive[number])
            for number, found in exclusive.items()
            if len(found) > 1 or whole.exclusive[number]
        ),
        notes=tuple(dict.fromkeys(f"{note[:1].upper()}{note[1:]}" for note in whole.notes)),
        commands=_commands(whole),
    )


def _commands(parser: Parser) -> tuple[Command, ...]:
    commands = parser.subparsers
    if commands is None:
        return ()
    named = zip(commands.names, commands.parsers, strict=True)
    return tuple(Command(name, tuple(_joined(own.options))) for name, own in named)


def _joined(options: list[Option]) -> list[Option]:
    """Return options with those joined that say yes and no to the same thing."""
    found: list[Option] = []
    for option in options:
        mate = next((one for one in found if _are_mates(one, option)), None)
        if mate is None:
            found.append(option)
            continue
        on, off = (mate, option) if mate.on else (option, mate)
        found[found.index(mate)] = Option(
            flags=(*on.flags, *off.flags), dest=on.dest, kind="flag", action="flag", type="bool", default=mate.default,
            default_source=mate.default_source, help=on.help or off.help, group=mate.group, on=on.on, off=off.off,
            line=mate.line,
        )  # fmt: skip
    return found


def _are_mates(one: Option, other: Option) -> bool:
    both = (one, other)
    return (
        one.dest == other.dest
        and all(each.kind == "flag" and each.type == "bool" and each.const is None for each in both)
        and (one.on is None) != (other.on is None)
        and (one.off is None) != (other.off is None)
    )

"""Command lines that argparse has no part in: other libraries, other modules, and ``sys.argv`` itself."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from traindock.script_options.options import Option
from traindock.script_options.values import Unknown, source_of

#: What reads a command line, by dotted names that are called or decorate, and who that is.
_LIBRARIES: Final[tuple[tuple[str, str], ...]] = (
    (r"click\.(command|group|option|argument)", "click"),
    (r"typer\.(run|Typer|Option|Argument)", "typer"),
    (r"(absl|tensorflow|tf)\.(app\.|compat\.v1\.)*flags\..*|absl\.app\.run|tensorflow\..*\bapp\.run", "absl"),
    (r"fire\.Fire", "Fire"),
    (r"hydra\.(main|experimental\.main)", "Hydra"),
    (r"tyro\.(cli|extras\..*)", "tyro"),
    (r"transformers\.(.*\.)?HfArgumentParser|trl\..*TrlParser", "transformers.HfArgumentParser"),
    (r"(pytorch_lightning|lightning)\.(.*\.)?LightningCLI", "LightningCLI"),
    (r"jsonargparse\..*", "jsonargparse"),
    (r"simple_parsing\..*", "simple_parsing"),
    (r"configargparse\..*", "ConfigArgParse"),
    (r"tap\.(Tap|tapify|to_tap_class)", "Tap"),
    (r"docopt\.docopt", "docopt"),
    (r"optparse\.OptionParser", "optparse"),
    (r"getopt\.(gnu_)?getopt", "getopt"),
    (r"plac\.(call|Interpreter)", "plac"),
    (r"sacred\.Experiment", "Sacred"),
)
#: Names that functions have in other modules which read the command line, or make the parser.
_READERS: Final = re.compile(
    r"(?:.*\.)?_?(?:parse|get|read|load|make|build|create|setup|init|process|default)_?(?:\w+_)?"
    r"(?:args|arguments|argument|opts|options|argv|flags|cli|cmdline|arg_?parser|argument_?parser|parser)(?:_\w+)?"
    r"|(?:.*\.)?(?:parser\.parse_(?:known_)?args|parse_(?:known_)?args|argument_parser)"
)


def other_library(tree: ast.Module) -> str:
    """Return the name of the library, other than argparse, that reads the script's command line; "" where none does."""
    for name, _ in _used(tree):
        for pattern, library in _LIBRARIES:
            if re.fullmatch(pattern, name):
                return library
    return ""


def other_module(tree: ast.Module) -> tuple[str, int]:
    """Return the function of another module that seems to read the command line, and the line; "" where none does."""
    for name, line in _used(tree):
        root = name.partition(".")[0]
        if root not in sys.stdlib_module_names and "." in name and _READERS.fullmatch(name):
            return name, line
    return "", 0


def words_read(tree: ast.Module) -> int:
    """Return the line in which the script looks at ``sys.argv`` itself; 0 where it does not."""
    named = _imported(tree)
    names = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == 0
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute | ast.Name) or id(node) in names:
            continue
        if isinstance(node.ctx, ast.Load) and _dotted(node, named) == "sys.argv":
            return node.lineno
    return 0


def overridden_names(tree: ast.Module, value_of: Callable[[ast.expr], Any]) -> tuple[str, tuple[Option, ...]]:
    """Return what a script executes to have its own variables overridden, as nanoGPT does, and which these are.

    Its command line has ``--name=value`` for variables of the module that are set, before that, to a number, a text or
    a truth value.

    Args:
        tree: the script.
        value_of: what an expression of the module comes to.
    """
    options: dict[str, Option] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Expr) and (configurator := _executed(statement.value)):
            return configurator, tuple(options.values())
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(statement, ast.Assign) and isinstance(target, ast.Name) and not target.id.startswith("_"):
            options.pop(target.id, None)
            value = value_of(statement.value)
            computed = isinstance(statement.value, ast.BinOp | ast.IfExp | ast.JoinedStr)
            if isinstance(value, str | int | float) or (isinstance(value, Unknown) and computed):
                options[target.id] = _variable(target.id, value, statement.lineno)
    return "", ()


def _variable(name: str, value: Any, line: int) -> Option:
    option = Option(flags=(f"--{name}",), dest=name, kind="value", line=line)
    if isinstance(value, Unknown):
        return replace(option, type=None, default_source=value.source)
    if isinstance(value, bool):
        return replace(option, kind="choice", type="bool", choices=(True, False), default=value)
    return replace(option, type=type(value).__name__, default=value)


def _executed(node: ast.expr) -> str:
    """Return the file of ``exec(open("configurator.py").read())``; "" where ``node`` is something else."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "exec" and node.args):
        return ""
    for inner in ast.walk(node.args[0]):
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "open" and inner.args:
            file = inner.args[0]
            return file.value if isinstance(file, ast.Constant) and isinstance(file.value, str) else source_of(file)
    return ""


def _used(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the dotted names of what is imported and then called, or decorates something, or is derived from."""
    named = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield _dotted(node.func, named), node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bases = node.bases if isinstance(node, ast.ClassDef) else []
            for one in (*node.decorator_list, *bases):
                yield _dotted(one, named), node.lineno


def _imported(tree: ast.Module) -> Mapping[str, str]:
    """Return what names of the script stand for in other modules."""
    named: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                named[alias.asname or root] = alias.name if alias.asname else root
        elif isinstance(node, ast.ImportFrom):
            module = node.module or "."
            named.update({alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names})
    return named


def _dotted(node: ast.AST, named: Mapping[str, str]) -> str:
    """Return the dotted name that an expression has, from the module on; "" where it is none that was imported."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Call):  # get_parser().parse_args()
        return ""
    root = named.get(node.id, "") if isinstance(node, ast.Name) else ""
    return ".".join([root, *reversed(parts)]) if root else ""

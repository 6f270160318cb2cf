"""Names and modules that a cell uses and its run will not have, with what to do about each."""

from __future__ import annotations

import ast
import builtins
import difflib
import importlib.util
import inspect
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pyflakes.checker import Binding, Builtin, Checker
from pyflakes.messages import ImportStarUsage, UndefinedName, UnusedImport

from traindock.errors import UserErrorException
from traindock.masking import is_secret

#: What IPython has among the builtins, and scripts have not.
_OF_NOTEBOOKS: Final = frozenset({"display", "get_ipython", "__IPYTHON__", "In", "Out", "_", "__", "___", "_ih", "_oh"})
#: The package that each job has, whatever its Python has.
_IN_EVERY_JOB: Final = "traindock"
#: Prints where a Python finds the module that is its argument.
_FINDING: Final = """\
import importlib.util, os, sys
spec = importlib.util.find_spec(sys.argv[1])
for place in [] if spec is None else spec.submodule_search_locations or [spec.origin]:
    print(os.path.realpath(place))
"""
_FINDING_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Missing:
    """A name, or a module, that the run will not have.

    Attributes:
        name: which.
        lines: where the cell uses it, counted from 1.
        advice: what to do.
        passable: whether ``--with`` would pass it.
    """

    name: str
    lines: tuple[int, ...]
    advice: str
    passable: bool = False

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.lines[:3])) + (", …" if len(self.lines) > 3 else "")
        return f"{self.name} (line{'s' * (len(self.lines) > 1)} {shown}): {self.advice}"


class _Checker(Checker):
    """Pyflakes, with the builtins of a script: in a kernel IPython has added to them."""

    def addBinding(self, node: Any, value: Binding) -> None:  # noqa: N802
        if not (isinstance(value, Builtin) and value.name in _OF_NOTEBOOKS):
            super().addBinding(node, value)


def missing_names(source: str, notebook: Mapping[str, Any]) -> list[Missing]:
    """Return what the cell uses and does not define.

    Names that may come from ``from module import *`` are left out unless that module is loaded here and lacks them,
    and names that are looked for within ``try`` and ``except NameError`` are as well.

    Args:
        source: the cell, which parses.
        notebook: the notebook's variables.

    Raises:
        UserErrorException: it nests too deeply to be looked through.
    """
    tree = ast.parse(source)
    uses: dict[str, list[int]] = {}
    for message in _messages(_evaluated(ast.parse(source))):
        if isinstance(message, UndefinedName):
            name = message.message_args[0]
        elif isinstance(message, ImportStarUsage):
            name, modules = message.message_args
            if not _lack(modules.split(", "), name):
                continue
        else:
            continue
        if not _bound_in_loop(tree, name, message.lineno):
            uses.setdefault(name, []).append(message.lineno)
    own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    found = [_missing(name, tuple(sorted(set(lines))), notebook, own) for name, lines in uses.items()]
    return sorted(found, key=lambda each: each.lines[0])


def first_uses(source: str) -> dict[str, int]:
    """Return by name the first line of a cell in which it is read."""
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found[node.id] = min(node.lineno, found.get(node.id, node.lineno))
    return found


def unused(source: str, module: str) -> list[str]:
    """Return the names that the cell imports from ``module`` and does not use; none of one that nests too deeply."""
    try:
        messages = _messages(ast.parse(source))
    except UserErrorException:
        return []  # who sends it unchecked knows
    found = [message.message_args[0] for message in messages if isinstance(message, UnusedImport)]
    return [name.removeprefix(f"{module}.") for name in found if name.startswith(f"{module}.")]


def _messages(tree: ast.Module) -> list[Any]:
    """Return what pyflakes says.

    Raises:
        UserErrorException: the tree is too deep for it.
    """
    try:
        return list(_Checker(tree, "cell.py").messages)
    except RecursionError:
        raise UserErrorException(
            "the cell nests too deeply to be looked through, and was not sent: part its longest expression, or send it "
            "as it is by --unchecked"
        ) from None


def _evaluated(tree: ast.Module) -> ast.Module:
    """Return the tree without annotations that nobody evaluates: texts, and all of them behind a future import."""
    postponed = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            annotation = getattr(node, field, None)
            if isinstance(annotation, ast.expr) and (postponed or isinstance(annotation, ast.Constant)):
                setattr(node, field, ast.copy_location(ast.Constant(None), annotation))
    return tree


def _lack(modules: Iterable[str], name: str) -> bool:
    """Whether all of these modules are loaded here, and none of them would give ``name`` to a star import."""
    loaded = [sys.modules.get(module) for module in modules]
    return all(
        module is not None and name not in getattr(module, "__all__", [each for each in vars(module) if each[0] != "_"])
        for module in loaded
    )


def _bound_in_loop(tree: ast.Module, name: str, line: int) -> bool:
    """Whether a loop around ``line`` gives ``name`` a value, which an earlier round may have done."""
    for loop in ast.walk(tree):
        if isinstance(loop, ast.For | ast.While | ast.AsyncFor) and loop.lineno <= line <= (loop.end_lineno or 0):
            added_to = {id(node.target) for node in ast.walk(loop) if isinstance(node, ast.AugAssign)}
            names = (node for node in ast.walk(loop) if isinstance(node, ast.Name) and node.id == name)
            if any(isinstance(node.ctx, ast.Store) and id(node) not in added_to for node in names):
                return True
    return False


def _missing(name: str, lines: tuple[int, ...], notebook: Mapping[str, Any], own: Iterable[str]) -> Missing:
    if name in _OF_NOTEBOOKS:
        return Missing(name, lines, "only notebooks have it; print(…), or save it into ./outputs")
    if name not in notebook:
        others = [each for each in (*own, *notebook, *dir(builtins)) if each != name]
        close = difflib.get_close_matches(name, others, n=1, cutoff=0.75)
        meant = f"; did you mean {close[0]}?" if close else ""
        return Missing(name, lines, f"neither the cell nor this notebook defines it{meant}")
    value = notebook[name]
    if advice := _import_of(name, value):
        return Missing(name, lines, f"add to the cell: {advice}")
    if inspect.isclass(value) or inspect.isroutine(value):
        return Missing(name, lines, f"this notebook defines it: {COPY_IT}")
    kind = type(value)
    if kind.__module__.partition(".")[0] == "traindock":
        return Missing(name, lines, "the cell's own run is traindock.Run.get_context()")
    if kind.__module__ == "__main__":
        return Missing(name, lines, f"it is a {kind.__name__}, which this notebook defines: {COPY_IT}")
    secret = f"; better a variable, --env {name.upper()}=${name}" if is_secret(name) else ""
    return Missing(name, lines, f"pass its value: --with {name}{secret}", passable=not secret)


#: What to do about classes and functions of the notebook.
COPY_IT: Final = "copy it into the cell, or put it into a module and send that along by --source"


def _import_of(name: str, value: object) -> str:
    """Return the line that imports what ``name`` stands for; "" where it comes from no module."""
    if isinstance(value, ModuleType):
        module = value.__name__
        return f"import {module}" if module == name else f"import {module} as {name}"
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return ""
    home, own = str(getattr(value, "__module__", "")).split("."), str(getattr(value, "__qualname__", ""))
    # Packages offer what their inner modules define: the outermost is the one that people know.
    for module in (".".join(home[: length + 1]) for length in range(len(home))):
        if module != "__main__" and getattr(sys.modules.get(module), own, None) is value:
            return f"from {module} import {own}" + (f" as {name}" if name != own else "")
    return ""


def missing_modules(source: str, folder: Path | None, *, own_python: bool) -> list[Missing]:
    """Return the modules that the cell imports from beside the notebook, where the job will not find them.

    Args:
        source: the cell, which parses.
        folder: what is sent with it; None: nothing.
        own_python: whether the run will have this very Python.
    """
    found: dict[str, list[int]] = {}
    for name, line in _imports(ast.parse(source)):
        found.setdefault(name, []).append(line)
    return [
        Missing(f"module {name}", tuple(lines), advice)
        for name, lines in found.items()
        if (advice := not_sent(name, folder, own_python=own_python))
    ]


def not_sent(name: str, folder: Path | None, *, own_python: bool) -> str:
    """Return what to do about a module of this name that lies beside the notebook and is not sent; "" for any other.

    Args:
        name: of the top level.
        folder: what is sent; None: nothing.
        own_python: whether the run will have this very Python, with what is installed in it from there.
    """
    if folder is not None and any((folder / each).exists() for each in (name, f"{name}.py")):
        return ""
    path = _beside_us(name)
    if path is None or (own_python and _is_found_from_elsewhere(name, path)):
        return ""
    return f"it is {path}, which is not sent: add --source {_shown(path.parent)}"


def _imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield each module of the top level that is imported for certain, and where."""
    optional = {id(node) for each in ast.walk(tree) if isinstance(each, ast.Try) for node in ast.walk(each)}
    for node in ast.walk(tree):
        if id(node) in optional:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0], node.lineno


def _beside_us(name: str) -> Path | None:
    """Return the file or folder of a module that lies in or below the current folder, and is not installed."""
    if name in sys.stdlib_module_names or name == _IN_EVERY_JOB:
        return None
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = [spec.origin] if spec.origin and spec.submodule_search_locations is None else []
    for place in [*places, *(spec.submodule_search_locations or ())]:
        path = Path(place).resolve()
        installed = path.is_relative_to(Path(sys.prefix).resolve()) or "site-packages" in path.parts
        if path.is_relative_to(Path.cwd().resolve()) and not installed:
            return path
    return None


def _is_found_from_elsewhere(name: str, path: Path) -> bool:
    """Whether this Python finds the same module where it is started in another folder: it is installed from there.

    Only a process of its own knows: what finds modules here was told of the notebook's folder, and maybe of others.
    """
    words = [sys.executable, "-P", "-c", _FINDING, name]
    try:
        found = subprocess.run(words, cwd=os.sep, capture_output=True, text=True, timeout=_FINDING_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return str(path) in found.stdout.splitlines()


def _shown(folder: Path) -> str:
    here = Path.cwd().resolve()
    return "." if folder == here else str(folder.relative_to(here))

"""Values of the notebook that go with a cell: pickled into a file, and read by a module beside it."""

from __future__ import annotations

import difflib
import inspect
import pickle
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from packaging.utils import canonicalize_name

from traindock.errors import UserErrorException
from traindock.masking import is_secret
from traindock.source_tree import size_text
from traindock_widgets.magics.cell_names import COPY_IT

if TYPE_CHECKING:
    from traindock.images.recipe import Recipe

#: Understood by every Python that jobs may have.
_PROTOCOL: Final = 4
_BIG_BYTES: Final = 50_000_000

#: The module by which the cell gets them. One unpickler reads all: what they share was written once.
_MODULE: Final = '''\
"""What a notebook passed with its cell: values by name, read when this is imported."""

import pickle
from pathlib import Path

_NAMES = {names!r}

with open(Path(__file__).with_suffix(".pkl"), "rb") as _file:
    _unpickler = pickle.Unpickler(_file)
    for _name in _NAMES:
        try:
            globals()[_name] = _unpickler.load()
        except ImportError as _error:
            raise ImportError(
                f"{{_name}} was passed by --with, and cannot be read in this run's environment: {{_error}}. "
                "Ask for the package (--pip), or pass plain values"
            ) from _error
'''


@dataclass(slots=True)
class Passed:
    """Values that were pickled.

    Attributes:
        sizes: of each, in bytes; what one shares with an earlier one is counted there.
        packages: by name, the packages (of the top level) that reading it imports.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    packages: dict[str, set[str]] = field(default_factory=dict)


def check(names: Sequence[str], notebook: Mapping[str, Any]) -> None:
    """Check that there are such variables.

    Raises:
        UserErrorException: one is missing.
    """
    for name in names:
        if name not in notebook:
            close = difflib.get_close_matches(name, list(notebook), n=1)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise UserErrorException(f"--with {name}: this notebook has no such variable{meant}")


def pickled(names: Sequence[str], notebook: Mapping[str, Any], module: Path, uses: Mapping[str, int]) -> Passed:
    """Write values of the notebook so that importing ``module`` reads them.

    Args:
        names: of variables; :func:`check` has found all.
        notebook: those that there are.
        module: the module to write; the values lie beside it, in a file of its name that ends with ``.pkl``.
        uses: by name, the line of the cell that uses it first.

    Raises:
        UserErrorException: a value cannot be pickled; the text says which and why.
    """
    passed = Passed()
    with open(module.with_suffix(".pkl"), "wb") as file:
        pickler = _Pickler(file)
        for name in names:
            before = file.tell()
            pickler.modules.clear()
            _dump(pickler, name, notebook[name], uses.get(name))
            passed.sizes[name] = file.tell() - before
            passed.packages[name] = {each.partition(".")[0] for each in pickler.modules}
    module.write_text(_MODULE.format(names=tuple(names)), "utf-8")
    return passed


def _dump(pickler: _Pickler, name: str, value: Any, line: int | None) -> None:
    told = f"--with {name}{f' (used in line {line})' if line else ''}"
    try:
        pickler.dump(value)
    except _OfNotebook as error:
        raise UserErrorException(
            f"{told}: it has {error.what}, which this notebook defines, and the run will not find: {COPY_IT}; "
            "or pass plain values, such as a list, a dict, an array or a state_dict"
        ) from None
    except RecursionError:
        raise UserErrorException(f"{told}: it is nested too deeply to be pickled: pass plain values") from None
    except Exception as error:  # noqa: BLE001 -- objects raise whatever they like
        raise UserErrorException(
            f"{told}: this {type(value).__name__} cannot be pickled ({error}): have the cell make it, or pass "
            "plain values"
        ) from None


class _OfNotebook(Exception):
    """Something in a value is known to this notebook alone."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class _Pickler(pickle.Pickler):
    """A pickler that notes what reading imports.

    Attributes:
        modules: those noted so far.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, _PROTOCOL)
        self.modules: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Note where a class or function, or the class of an object, comes from; leave pickling to its own ways."""
        by_name = inspect.isclass(obj) or inspect.isroutine(obj)
        kind = obj if by_name else type(obj)
        module = getattr(kind, "__module__", None) or "builtins"
        if module == "__main__":
            what = "class" if inspect.isclass(kind) else "function"
            raise _OfNotebook(f"{what} {kind.__qualname__}" if by_name else f"an object of class {kind.__qualname__}")
        self.modules.add(module)
        return NotImplemented


def notes(passed: Passed, recipe: Recipe, *, own_python: bool) -> list[str]:
    """Return what people are to know about values that are passed.

    Args:
        passed: what was pickled.
        recipe: the environment that is asked for.
        own_python: whether the run will have this very Python.
    """
    texts = [
        f"{name} takes {size_text(size)}, and is kept with the run: a path to a file is quicker than --with"
        for name, size in passed.sizes.items()
        if size > _BIG_BYTES
    ]
    texts += [
        f"{name} looks like a secret, and --with keeps it in the run's snapshot: --env {name.upper()}=${name} keeps it "
        "out of what people see"
        for name in passed.sizes
        if is_secret(name)
    ]
    if not own_python:
        texts += [
            f"{name} has objects of {', '.join(lacking)}, which the packages asked for do not name: add "
            f"{' '.join(f'--pip {each}' for each in lacking)}, unless one of them brings it along"
            for name, packages in passed.packages.items()
            if (lacking := sorted(_lacking(packages, recipe)))
        ]
    return texts


def _lacking(packages: Iterable[str], recipe: Recipe) -> set[str]:
    """Return the distributions of these packages that the environment does not name."""
    from traindock.missing_packages import names

    asked: set[str] = {canonicalize_name(name) for name in names(recipe)}
    if recipe.framework:
        asked |= {"torch", "torchvision"}
    known = packages_distributions()
    others = [name for name in packages if name not in sys.stdlib_module_names]
    return {
        known.get(name, [name])[0]
        for name in others
        if not asked & {canonicalize_name(each) for each in known.get(name, [name])}
    }

"""Which Python an environment is built upon: the submitter's where it will do, else one that uv knows or can fetch."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from traindock.errors import TrainingException, UserErrorException
from traindock.images.frameworks import OLDEST_JOB_PYTHON, FrameworkPackages, of_recipe
from traindock.images.interpreters import Interpreter, check_runs_jobs, probe, running
from traindock.images.recipe import Recipe, python_specifier
from traindock.images.uv import find_uv

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

#: Minor versions of Python 3 to think of, and patch versions of each.
_MINORS: Final = range(OLDEST_JOB_PYTHON[1], 30)
_PATCHES: Final = range(60)

_NOWHERE: Final = "is neither on this machine nor known to uv"
_EXACT: Final = re.compile(r"==(3\.\d+)\.\d+")
_OLD: Final = re.compile(r"={2,3}(2(?:\.\d+)*|3\.[0-7](?:\.\d+)?)(?:\.\*)?")


@dataclass(frozen=True, slots=True)
class PythonWanted:
    """What a recipe asks of its Python.

    Attributes:
        specifier: the bounds.
        framework: what is known of the framework, or None.
        warnings: what was changed, because jobs cannot run on what was asked for.
    """

    specifier: SpecifierSet
    framework: FrameworkPackages | None
    warnings: tuple[str, ...] = ()

    def allows(self, version: str) -> bool:
        """Whether a version such as "3.11.7" will do."""
        return self.specifier.contains(version, prereleases=True)

    @property
    def minors(self) -> list[int]:
        """Minor versions of Python 3 that will do, newest first."""
        return list(_minors(str(self.specifier)))

    @property
    def relaxed(self) -> PythonWanted | None:
        """The same with any patch release, where exactly one was asked for; else None."""
        exact = [m for s in self.specifier if (m := _EXACT.fullmatch(str(s)))]
        if not exact:
            return None
        others = ",".join(str(s) for s in self.specifier if not _EXACT.fullmatch(str(s)))
        specifier = python_specifier(",".join(filter(None, (others, f"=={exact[0][1]}.*"))))
        warning = f"Python {exact[0][0].removeprefix('==')} cannot be had; another release of {exact[0][1]} is used"
        return replace(self, specifier=specifier, warnings=(*self.warnings, warning))


@lru_cache(maxsize=64)
def _minors(specifier: str) -> tuple[int, ...]:
    bounds = python_specifier(specifier)
    return tuple(m for m in reversed(_MINORS) if any(f"3.{m}.{p}" in bounds for p in _PATCHES))


@dataclass(frozen=True, slots=True)
class PythonFound:
    """The Python to build upon.

    Attributes:
        request: for ``uv venv --python``: a path, or a version to fetch.
        how: whose it is.
        warnings: as in :class:`PythonWanted`.
    """

    request: str
    how: Literal["caller", "found", "fetch"]
    warnings: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """For people."""
        return {
            "caller": f"the submitter's {self.request}",
            "found": f"{self.request}, found on this machine",
            "fetch": f"Python {self.request}, which uv fetches",
        }[self.how]


def wanted(recipe: Recipe, pip: tuple[str, ...] = (), python: str | None = None) -> PythonWanted:
    """What a recipe, its framework, and jobs as such ask of the Python; reads tables only.

    Args:
        recipe: what is to be built.
        pip: pip requirements translated from its conda requirements.
        python: the Python that its conda requirements ask for, where the recipe itself asks for none.

    Raises:
        UserErrorException: no Python will do; the text says why.
    """
    framework = of_recipe(recipe, pip)
    text = recipe.python or python
    bounds = [f">={OLDEST_JOB_PYTHON[0]}.{OLDEST_JOB_PYTHON[1]}"]
    warnings: tuple[str, ...] = ()
    if text is not None:
        asked = str(python_specifier(text))
        if _OLD.fullmatch(asked):
            warnings = (f"Python {text} is too old for jobs, which need {bounds[0][2:]} or newer; a newer one is used",)
        else:
            bounds.append(asked)
    if framework is not None:
        bounds.append(f">=3.{framework.oldest[1]}")
        if framework.newest is not None:
            bounds.append(f"<3.{framework.newest[1] + 1}")
    result = PythonWanted(python_specifier(",".join(bounds)), framework, warnings)
    if not result.minors:
        _refuse(result, text)
    return result


def find(want: PythonWanted, caller: Interpreter, *, offline: bool = False) -> PythonFound:
    """Find a Python that will do, without a network.

    Args:
        want: what is asked of it.
        caller: the submitter's.
        offline: leave out those that uv would have to fetch.

    Raises:
        TrainingException: the framework has no wheels for any Python that is here or that uv can fetch.
        UserErrorException: the same, where no framework is involved.
    """
    here = find_here(want, caller)
    if here is not None and here.warnings == want.warnings:
        return here
    fetchable = () if offline else _fetchable()
    fetched = (_fetched(attempt, fetchable) for attempt in _attempts(want))
    return next(fetched) or here or next(fetched, None) or _refuse(want, None, offline)


def find_here(want: PythonWanted, caller: Interpreter) -> PythonFound | None:
    """Find a Python on this machine: the one that is asked for, else another release of its line, else None."""
    for attempt in _attempts(want):
        if attempt.allows(caller.version):
            return PythonFound(caller.executable, "caller", attempt.warnings)
        if path := _on_this_machine(str(attempt.specifier)):
            return PythonFound(path, "found", attempt.warnings)
    return None


def _attempts(want: PythonWanted) -> Iterator[PythonWanted]:
    return filter(None, (want, want.relaxed))


def _fetched(want: PythonWanted, fetchable: Iterable[str]) -> PythonFound | None:
    return next((PythonFound(v, "fetch", want.warnings) for v in fetchable if want.allows(v)), None)


def on_this_machine(recipe: Recipe) -> Recipe:
    """The recipe with the full path of the interpreter that it names, as this process finds it now.

    Raises:
        UserErrorException: there is none; the text names it.
    """
    if recipe.interpreter is None:
        return recipe
    found = shutil.which(str(Path(recipe.interpreter).expanduser()))
    if found is None:
        raise UserErrorException(f"interpreter_path {recipe.interpreter!r} does not exist or cannot be executed")
    return replace(recipe, interpreter=str(Path(found).absolute()))


def check_buildable(
    recipe: Recipe, python: str, cache: Path | None = None, *, offline: bool = False
) -> PythonFound | None:
    """Check, at submit, that there is or can be a Python for a recipe: quick, and without a network.

    Args:
        recipe: what is to be built.
        python: path of the submitter's interpreter.
        cache: where to remember facts about interpreters, see :func:`traindock.images.interpreters.probe`.
        offline: nothing may be fetched.

    Returns:
        The Python to build upon; None for an interpreter that is used as it is, or an environment that conda makes.

    Raises:
        TrainingException: the framework version needs a Python that is not here and that uv cannot fetch.
        UserErrorException: conda packages without a counterpart on PyPI, and no conda; no Python will do; or one that
            is used as it is, is too old.
        EnvironmentBuildException: the submitter's interpreter, or the one that is named, does not work.
    """
    from traindock.images.conda import check_conda

    own = recipe.interpreter or python
    caller = running() if own == sys.executable else probe(own, cache)
    if recipe.user_managed:
        check_runs_jobs(caller)
        return None
    translation = check_conda(recipe.conda)
    want = wanted(recipe, translation.pip, translation.python)
    if translation.unknown:
        return None
    return find(want, caller, offline=offline)


def _refuse(want: PythonWanted, text: str | None, offline: bool = False) -> PythonFound:
    framework = want.framework
    nowhere = "is not on this machine, and the workspace's settings say offline" if offline else _NOWHERE
    if framework is None:
        raise UserErrorException(
            f"no Python that jobs can run on satisfies {text!r}: they need 3.8 or newer"
            if text
            else f"Python {want.specifier} {nowhere}: install it, for example with "
            f"`uv python install 3.{want.minors[0]}`, or ask for another python_version"
        )
    if framework.newest is not None and framework.newest < framework.oldest:
        raise TrainingException(
            f"{framework.framework} has wheels for Python 3.{framework.newest[1]} and older only, and jobs need "
            f"3.{OLDEST_JOB_PYTHON[1]} or newer: use 1.4 or newer"
        )
    if text is not None:
        raise TrainingException(
            f"{framework.framework} needs Python {framework.python}, and Python {text} was asked for"
        )
    raise TrainingException(
        f"{framework.framework} needs Python {framework.python}, which {nowhere}: "
        f"install it, for example with `uv python install 3.{want.minors[0]}`, or use a newer framework_version"
    )


_found: dict[str, str] = {}


def _on_this_machine(specifier: str) -> str | None:
    """Path of an interpreter that satisfies ``specifier``, as uv or pyenv has it.

    What was found is remembered while it is there; what was not is looked for again, for somebody may install it.
    """
    path = _found.get(specifier)
    if path is None or not os.access(path, os.X_OK):
        path = _by_uv(specifier) or _in_pyenv(specifier)
        if path is not None:
            _found[specifier] = path
    return path


def _by_uv(specifier: str) -> str | None:
    # --system: not the virtual environment that happens to be active; uv's warnings go to stderr and mean nothing
    command = [find_uv(), "python", "find", "--no-python-downloads", "--no-project", "--system", specifier]
    answer = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", cwd="/", check=False
    )
    if answer.returncode == 0:
        for line in reversed(answer.stdout.splitlines()):
            if Path(line.strip()).is_absolute() and os.access(line.strip(), os.X_OK):
                return line.strip()
    return None


def _in_pyenv(specifier: str) -> str | None:
    """What pyenv has: its shims hide that from uv, unless it is switched on for the folder uv runs in."""
    from packaging.version import InvalidVersion, Version

    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    bounds = python_specifier(specifier)
    found: list[tuple[Version, str]] = []
    try:
        folders = sorted(root.iterdir())
    except OSError:
        return None
    for folder in folders:
        try:
            version = Version(folder.name)
        except InvalidVersion:
            continue  # "pypy3.9-7.3", "miniconda3-latest"
        program = folder / "bin" / "python"
        if version in bounds and os.access(program, os.X_OK):
            found.append((version, str(program)))
    return max(found)[1] if found else None


@lru_cache(maxsize=1)
def _fetchable() -> tuple[str, ...]:
    """Versions of CPython that uv can fetch for this machine, newest first; () where it may not."""
    if os.environ.get("UV_PYTHON_DOWNLOADS", "").lower() in ("never", "manual", "false", "0"):
        return ()
    command = [find_uv(), "python", "list", "--only-downloads", "--all-versions", "--output-format", "json"]
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", check=False)
    try:
        rows = json.loads(answer.stdout)
    except ValueError:
        return ()
    plain = [r for r in rows if r.get("implementation") == "cpython" and r.get("variant", "default") == "default"]
    return tuple(r["version"] for r in plain if re.fullmatch(r"3\.\d+\.\d+", r["version"]))

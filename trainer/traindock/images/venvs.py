"""Making an environment ready: the submitter's interpreter where it will do, else a virtual environment, built once.

Environments lie in ``environments/<key>/``, named by what they consist of, and rebuilds of one in ``<key>.2/`` and so
on, of which the newest counts. ``complete.json`` is written last, so a folder without it is half-built and is wiped
before the next build; ``<key>.lock`` is held for as long as anything works on the folder, so that two who need the
same one build it once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from traindock.errors import EnvironmentBuildException, StoreException
from traindock.images import addresses, frameworks, pythons
from traindock.images.builder import Built, build
from traindock.images.conda import Translation, translate
from traindock.images.interpreters import Interpreter, check_runs_jobs, probe, satisfies
from traindock.images.recipe import Recipe, canonical_requirement
from traindock.images.uv import BuildCanceled, BuildLog, BuildSettings

_FORMAT: Final = 1
#: Seconds between two tries to get the lock of an environment that somebody else is building.
_RETRY: Final = 0.1

_NO_CONDA: Final = Translation((), None, (), ())


@dataclass(frozen=True, slots=True)
class Prepared:
    """An environment that jobs can run in.

    Attributes:
        python: path of the interpreter.
        how: whose environment it is: the submitter's ("caller", "user_managed"), one built earlier, or one built now.
        key: SHA-256 (hex) of what it consists of.
        why: one sentence for people.
        seconds: what making it ready took.
        warnings: what was changed in what the user asked for.
        packages: "name==version" of what is installed; of the submitter's interpreter, what satisfies the recipe.
    """

    python: str
    how: Literal["caller", "cached", "built", "user_managed", "conda"]
    key: str
    why: str
    seconds: float
    warnings: tuple[str, ...]
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What :func:`prepare` would do.

    Attributes:
        how: "build" stands for building by uv or by conda.
        key: as in :class:`Prepared`.
        why: one sentence for people.
        python: path of the interpreter; where it is to be built, of the one there will be.
        warnings: what is changed in what the user asked for, as far as that is known.
        packages: as in :class:`Prepared`, where that is known.
        requirements: all pip requirements.
        translation: the conda requirements in PyPI's words.
        base: the interpreter that was looked at; None for one that is used as it is.
    """

    how: Literal["caller", "cached", "build", "user_managed"]
    key: str
    why: str
    python: str
    warnings: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    translation: Translation = _NO_CONDA
    base: Interpreter | None = None


def plan(recipe: Recipe, *, environments: Path, caller: str, settings: BuildSettings | None = None) -> Plan:
    """Say what :func:`prepare` would do, without doing it; milliseconds where nothing changed.

    Args:
        recipe: the definition.
        environments: the workspace's folder of built environments.
        caller: path of the submitter's interpreter.
        settings: how to ask the repositories among the requirements for their newest commits; None asks nobody, takes
            what they said last, and writes nothing down.

    Raises:
        EnvironmentBuildException: an interpreter is missing or does not work.
        UserErrorException: no Python will do.
    """
    base = probe(_existing(recipe.interpreter or caller), environments / ".interpreters", remember=settings is not None)
    if recipe.user_managed:
        check_runs_jobs(base)
        python = base.executable
        return Plan("user_managed", recipe.key(), f"{python} is used as it is", python, recipe.notices)
    translation = translate(recipe.conda)
    want = pythons.wanted(recipe, translation.pip, translation.python)
    requirements = frameworks.requirements_of(recipe, translation.pip)
    # a recipe that leaves the Python open means the submitter's, and an open range what could be found for it
    allowed = want.allows(base.version)
    version = ".".join(map(str, base.minor)) if allowed else str(want.specifier)
    python = recipe.python or translation.python or version
    flavour = None if base.flavour in ("CPython", "CPythonm") else base.flavour
    contents, notices = addresses.contents(
        recipe.pip,
        environments / ".addresses",
        settings.environment() if settings else None,
        offline=settings is not None and settings.offline,
    )
    key = replace(recipe, python=python, interpreter=recipe.interpreter or flavour).key(contents)
    facts: dict[str, Any] = {
        "key": key,
        # where conda makes the environment, nothing is taken from PyPI in its place
        "warnings": (*recipe.notices, *want.warnings, *(() if translation.unknown else translation.notices), *notices),
        "requirements": requirements,
        "translation": translation,
        "base": base,
    }
    if translation.unknown:
        against = [f"{', '.join(translation.unknown)} can only come from conda"]
    elif not allowed:
        against = [f"Python {base.version} is not {want.specifier}"]
    elif recipe.built_after is not None:
        against = ["a rebuild is asked for"]
    else:
        answer = satisfies(base, requirements, recipe.constraints)
        if answer:
            found = ", ".join(answer.found) or "nothing is asked for"
            why = f"the submitter's interpreter {base.words} satisfies it: {found}"
            packages = tuple(text.replace(" ", "==", 1) for text in answer.found)
            # nothing is taken from PyPI in place of conda, and nothing is left out, when all of it is there
            facts["warnings"] = (*recipe.notices, *want.warnings)
            return Plan("caller", why=why, python=base.executable, packages=packages, **facts)
        against = list(answer.missing)
    reason = f"the submitter's interpreter {base.words} does not satisfy it: {'; '.join(against)}"
    folder, record, fault = newest(environments, key, recipe.built_after)
    python = str(folder / "bin" / "python")
    if record is None:
        return Plan("build", why=f"{reason}; {fault}", python=python, **facts)
    why = f"{reason}; it was built before, as {folder}"
    facts["warnings"] = (*record["warnings"], *notices)
    return Plan("cached", why=why, python=python, packages=tuple(record["packages"]), **facts)


def prepare(
    recipe: Recipe,
    *,
    environments: Path,
    caller: str,
    log: Path,
    cancelled: Callable[[], bool],
    settings: BuildSettings,
) -> Prepared:
    """Make the environment of a recipe ready.

    Args:
        recipe: the definition.
        environments: the workspace's folder of built environments; made if it is missing.
        caller: path of the submitter's interpreter, used where it satisfies the recipe.
        log: the build log, appended to from the first moment.
        cancelled: asked many times a second while something is built; true ends the build at once.
        settings: where packages come from.

    Raises:
        BuildCanceled: ``cancelled`` said so; nothing half-built is left.
        EnvironmentBuildException: it cannot be built; the text has the resolver's or builder's last lines.
        UserErrorException: no Python will do, or conda packages that nothing here can provide.
    """
    started = time.monotonic()
    with BuildLog(log) as out:
        try:
            try:
                return _prepare(recipe, environments, caller, out, cancelled, settings, started)
            except OSError as error:
                raise EnvironmentBuildException(f"{environments} refuses to take an environment: {error}") from error
        except BuildCanceled:
            out.say("Canceled; nothing half-built is left.")
            raise
        except Exception as error:
            told = getattr(error, "log_tail", ())  # the builder's own words stand above
            why = "" if told else f": {(str(error) or repr(error)).splitlines()[0]}"
            out.say(f"The environment is not ready{why or '.'}")
            raise


def _prepare(
    recipe: Recipe,
    environments: Path,
    caller: str,
    out: BuildLog,
    cancelled: Callable[[], bool],
    settings: BuildSettings,
    started: float,
) -> Prepared:
    out.say(f"Looking for an environment with {describe(recipe)}")
    looked = plan(recipe, environments=environments, caller=caller, settings=settings)
    hit = looked.how != "build"
    out.say(f"{'Hit' if hit else 'Miss'} for key {looked.key[:12]}: {looked.why}.")
    for warning in looked.warnings:
        out.say(f"Notice: {warning}.")
    if looked.how != "build":
        return _ready(looked, looked.how, out, started)
    environments.mkdir(parents=True, exist_ok=True)
    with locked(environments / f"{looked.key}.lock", out, cancelled) as lock:
        folder, record, fault = newest(environments, looked.key, recipe.built_after)
        looked = replace(looked, python=str(folder / "bin" / "python"))
        if record is not None:
            out.say("Hit: somebody else has built it meanwhile.")
            why, warnings, packages = "it was being built by somebody else", record["warnings"], record["packages"]
            looked = replace(looked, why=why, warnings=tuple(warnings), packages=tuple(packages))
            return _ready(looked, "cached", out, started)
        if folder.exists():
            out.say(f"{folder} is removed and built anew: {fault}.")
            _wipe(folder)
        try:
            if cancelled():
                raise BuildCanceled("the build was canceled")
            began = time.time()
            made = build(
                recipe, looked.requirements, looked.translation, looked.base, folder, out, cancelled, settings, lock
            )
            unsaid = looked.translation.notices if made.how == "conda" else ()
            warnings = [text for text in looked.warnings if text not in unsaid]
            looked = replace(looked, warnings=(*warnings, *made.warnings), packages=made.packages)
            _record(folder, looked, made, began)
        except BaseException:
            _wipe(folder)
            raise
    return _ready(looked, made.how, out, started)


def _ready(
    looked: Plan, how: Literal["caller", "cached", "built", "user_managed", "conda"], out: BuildLog, started: float
) -> Prepared:
    seconds = time.monotonic() - started
    out.say(f"The environment is ready after {seconds:.2f} s: {looked.python}")
    return Prepared(looked.python, how, looked.key, looked.why, seconds, looked.warnings, looked.packages)


def describe(recipe: Recipe, otherwise: str = "the submitter's Python") -> str:
    """One line for people: what a recipe consists of; ``otherwise`` is the Python of one that names none."""
    parts = [recipe.framework] if recipe.framework else []
    parts += [canonical_requirement(text) for text in recipe.pip]
    parts += [f"{text} (conda)" for text in recipe.conda]
    python = f"Python {recipe.python}" if recipe.python else otherwise
    return f"{python} and {', '.join(parts) if parts else 'no packages'}"


def newest(environments: Path, key: str, after: float | None = None) -> tuple[Path, dict[str, Any] | None, str]:
    """Where the newest complete environment of a key lies, its record, and "".

    A rebuild goes into a folder of its own, "<key>.2" and so on, since jobs may be running in the one before it.

    Args:
        environments: the workspace's folder of them.
        key: what it consists of.
        after: take none whose build began before that time, in seconds since 1970.

    Returns:
        If there is none, where to build it, None, and why those that are there cannot be used.
    """
    numbers = {
        int(suffix): path
        for path in environments.glob(f"{key}*")
        if (suffix := path.name.removeprefix(key).removeprefix(".") or "1").isdecimal()
    }
    last = max(numbers, default=1)
    place, reason = environments / key, ""
    for number in sorted(numbers, reverse=True):
        record, fault = read_record(numbers[number], key)
        if record is not None and (after is None or record.get("began", 0) >= after):
            return numbers[number], record, ""
        if number == last:
            free = f"{key}.{last + 1}" if record is not None else numbers[last].name
            place, reason = environments / free, fault or "what was built before is too old"
    return place, None, reason or "no such environment was built before"


def read_record(folder: Path, key: str) -> tuple[dict[str, Any] | None, str]:
    """The record of a complete environment, and if there is none, why it cannot be used."""
    from traindock.store.files import read_json

    try:
        record = read_json(folder / "complete.json")
    except FileNotFoundError:
        unfinished = folder.exists()
        return None, "a build of it was not finished" if unfinished else "no such environment was built before"
    except StoreException:
        return None, "its record complete.json is damaged"
    if not isinstance(record, dict) or record.get("format") != _FORMAT or record.get("key") != key:
        return None, "its record complete.json is damaged or of another version"
    if not all(_is_texts(record.get(name)) for name in ("warnings", "packages")):
        return None, "its record complete.json is damaged"
    if not os.access(folder / "bin" / "python", os.X_OK):
        return None, "the Python that it was built upon is gone"
    return record, ""


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _record(folder: Path, looked: Plan, made: Built, began: float) -> None:
    from traindock.store.files import write_json

    document = {
        "format": _FORMAT,
        "key": looked.key,
        "how": made.how,
        "began": began,
        "python": made.python,
        "builder": made.builder,
        "requirements": list(made.requirements),
        "warnings": list(looked.warnings),
        "packages": list(made.packages),
    }
    write_json(folder / "complete.json", document)


@contextlib.contextmanager
def locked(path: Path, out: BuildLog, cancelled: Callable[[], bool]) -> Iterator[int]:
    """Hold the lock of an environment; yields its descriptor, for the programs that work on the folder."""
    import fcntl

    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        waiting = False
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    out.say("The same environment is being built by somebody else: waiting for it.")
                    waiting = True
            if cancelled():
                raise BuildCanceled("the build was canceled")
            time.sleep(_RETRY)
        yield fd
    finally:
        # not only closed: a program that a build left behind may have inherited the descriptor
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def _wipe(folder: Path) -> None:
    if not folder.is_symlink() and folder.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)


def _existing(python: str) -> str:
    path = Path(python).expanduser()
    if path.is_absolute():
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    elif found := shutil.which(str(path)):
        return str(Path(found).absolute())
    raise EnvironmentBuildException(f"the interpreter {python!r} does not exist or cannot be executed")

"""What a Python interpreter is, and whether what is installed for it satisfies a list of requirements."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from traindock.errors import EnvironmentBuildException, UserErrorException
from traindock.images.frameworks import OLDEST_JOB_PYTHON

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from packaging.requirements import Requirement

#: Prints what an interpreter is as one line of JSON. Runs on any Python 3.
_PROBE: Final = r"""
import json, os, platform, sys
full = "%d.%d.%d" % sys.version_info[:3]
level = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(sys.version_info[3], "")
full += level + str(sys.version_info[4]) if level else ""
print("traindock:" + json.dumps({
    "version": full,
    "flavour": platform.python_implementation() + getattr(sys, "abiflags", ""),
    "executable": sys.executable,
    "path": [p for p in sys.path if p and os.path.isdir(p)],
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": full,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": full,
        "platform_python_implementation": platform.python_implementation(),
        "python_version": "%d.%d" % sys.version_info[:2],
        "sys_platform": sys.platform,
    },
}))
"""

_known: dict[str, tuple[list[Any], Interpreter]] = {}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One interpreter.

    Attributes:
        executable: its path as it was named.
        version: such as "3.11.7".
        flavour: "CPython", with its ABI flags, such as "CPythont" where it runs without the global lock, or "PyPy".
        path: the folders it imports from.
        markers: its values of the markers in requirements.
    """

    executable: str
    version: str
    flavour: str
    path: tuple[str, ...]
    markers: dict[str, str]

    @property
    def minor(self) -> tuple[int, int]:
        """Such as (3, 11)."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def words(self) -> str:
        """For people: path and version."""
        return f"{self.executable} (Python {self.version})"


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """Whether an interpreter satisfies a list of requirements.

    Attributes:
        found: "name version" of each distribution that satisfies one.
        missing: for each requirement that is not satisfied, why not.
    """

    found: tuple[str, ...]
    missing: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.missing


def probe(executable: str, cache: Path | None = None, *, remember: bool = True) -> Interpreter:
    """Find out about an interpreter by starting it; remembered until it, or a folder that it imports from, changes.

    It is started as jobs are, without PYTHONPATH. So is this process's own: what ``sys.path`` holds here, a notebook or
    a shell may have put there for itself.

    Args:
        executable: absolute path.
        cache: folder in which it is remembered; None remembers in this process only.
        remember: whether to write into that folder, or only to read there.

    Raises:
        EnvironmentBuildException: it is missing, or is no Python 3 that starts.
    """
    if executable in _known and _known[executable][0] == _stamp(_known[executable][1].path, executable):
        return _known[executable][1]
    file = cache / f"{hashlib.sha256(os.fsencode(executable)).hexdigest()[:24]}.json" if cache else None
    data = _read(file, executable) if file else None
    if data is None:
        data = _ask(executable)
        if file and remember:
            _remember(file, data, executable)
    found = Interpreter(executable, data["version"], data["flavour"], tuple(data["path"]), data["markers"])
    _known[executable] = (_stamp(found.path, executable), found)
    return found


def running() -> Interpreter:
    """This process's own interpreter, without a look at what is installed for it: that takes no time."""
    import platform

    from packaging.markers import default_environment

    return Interpreter(
        executable=sys.executable,
        version=platform.python_version().rstrip("+"),
        flavour=platform.python_implementation() + getattr(sys, "abiflags", ""),
        path=(),
        markers={name: str(value) for name, value in default_environment().items()},
    )


def check_runs_jobs(interpreter: Interpreter) -> None:
    """Check that jobs can run on an interpreter that is used as it is.

    Raises:
        UserErrorException: it is too old.
    """
    if interpreter.minor < OLDEST_JOB_PYTHON:
        raise UserErrorException(
            f"{interpreter.words} is too old: jobs need Python {'.'.join(map(str, OLDEST_JOB_PYTHON))} or newer, so "
            "name another interpreter, or leave user_managed out to have an environment built"
        )


def satisfies(interpreter: Interpreter, requirements: Iterable[str], constraints: Iterable[str] = ()) -> Satisfaction:
    """Compare what is installed for an interpreter with pip requirements; reads metadata, runs nothing.

    Args:
        interpreter: the one to look at.
        requirements: pip requirements; a URL is never satisfied, since nothing says what it holds today, nor is a hash.
        constraints: what is installed has to lie within them.
    """
    from traindock.images.recipe import hashes, parse_requirement

    found: dict[str, str] = {}
    missing: list[str] = []
    for text in requirements:
        requirement = parse_requirement(text)
        if requirement is None:
            missing.append(f"{text} is asked for by address")
        elif hashes(text):
            missing.append(f"{requirement.name} is asked for by its hash")
        else:
            _check(interpreter, requirement, "", found, missing, set())
    for text in constraints:
        bound = parse_requirement(text)
        if bound is not None and _distribution(interpreter, bound.name) is not None:
            _check(interpreter, bound, "", {}, missing, set())
    return Satisfaction(tuple(f"{name} {version}" for name, version in found.items()), tuple(missing))


def _check(
    interpreter: Interpreter,
    requirement: Requirement,
    extra: str,
    found: dict[str, str],
    missing: list[str],
    seen: set[str],
) -> None:
    from packaging.version import InvalidVersion

    if requirement.marker is not None and not requirement.marker.evaluate({**interpreter.markers, "extra": extra}):
        return
    if requirement.url:
        missing.append(f"{requirement.name} is asked for by address")
        return
    distribution = _distribution(interpreter, requirement.name)
    version = _version(distribution) if distribution else None
    if distribution is None or version is None:
        missing.append(f"{requirement.name} is not installed")
        return
    try:
        fits = requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        fits = False
    if not fits:
        missing.append(f"{requirement.name} {version} is not {requirement.specifier}")
        return
    found.setdefault(requirement.name, version)
    for name in requirement.extras - seen:
        _check_extra(interpreter, distribution, name, found, missing, seen | {name})


def _check_extra(
    interpreter: Interpreter,
    distribution: Distribution,
    extra: str,
    found: dict[str, str],
    missing: list[str],
    seen: set[str],
) -> None:
    """Check what an extra adds; the distribution's own requirements are its installer's concern."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in distribution.requires or ():
        try:
            dependency = Requirement(text)
        except InvalidRequirement:
            continue
        if dependency.marker is not None and "extra" in str(dependency.marker):
            _check(interpreter, dependency, extra, found, missing, seen)


def _distribution(interpreter: Interpreter, name: str) -> Distribution | None:
    from importlib.metadata import distributions

    return next(iter(distributions(name=name, path=list(interpreter.path))), None)


def _version(distribution: Distribution) -> str | None:
    """The version alone: to parse the whole metadata, with the long description in it, takes 5 ms each."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    headers = text.partition("\n\n")[0]
    match = re.search(r"^Version:\s*(\S+)", headers, re.MULTILINE | re.IGNORECASE)
    return match[1] if match else None


def _ask(executable: str) -> dict[str, Any]:
    if not Path(executable).exists():
        raise EnvironmentBuildException(f"the interpreter {executable!r} does not exist")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [executable, "-c", _PROBE]
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, cwd="/", env=env, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentBuildException(f"the interpreter {executable!r} does not start: {error}") from error
    for line in answer.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith("traindock:"):
            data: dict[str, Any] = json.loads(line.removeprefix("traindock:"))
            return data
    lines = answer.stderr.decode("utf-8", "replace").splitlines()[-10:]
    raise EnvironmentBuildException(f"{executable!r} is no Python 3 interpreter that works", lines)


def _stamp(path: Iterable[str], executable: str) -> list[Any]:
    """What changes whenever the answer may: the program, the folders it imports from, and what adds to these."""
    places = [executable, str(Path(executable).parent.parent / "pyvenv.cfg"), *path]
    stamp: list[Any] = []
    for place in places:
        try:
            status = Path(place).stat()
            stamp.append([place, status.st_mtime_ns, status.st_ino])
        except OSError:
            stamp.append([place, None, None])
    return stamp


def _read(file: Path, executable: str) -> dict[str, Any] | None:
    try:
        document = json.loads(file.read_bytes())
        data: dict[str, Any] = document["interpreter"]
        return data if document["stamp"] == _stamp(data["path"], executable) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(file: Path, data: dict[str, Any], executable: str) -> None:
    from traindock.errors import StoreException
    from traindock.store.files import write_json

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {"stamp": _stamp(data["path"], executable), "interpreter": data}, durable=False)
    except (OSError, StoreException):
        return  # it is asked again next time

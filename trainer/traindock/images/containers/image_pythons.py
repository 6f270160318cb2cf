"""Which Python is in an image: found by a container that only looks, and remembered by the image's id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from traindock.errors import EnvironmentBuildException
from traindock.images.containers.engine_memory import EngineMemory
from traindock.images.containers.engine_work import Ended, NotStarted, Work, run
from traindock.images.containers.engines import ContainerEngine
from traindock.images.frameworks import OLDEST_JOB_PYTHON
from traindock.images.recipe import hashes, parse_requirement

#: Prints what a Python is as one line of JSON. Runs on any Python 3.
_PROBE: Final = r"""
import json, os, platform, sys
full = "%d.%d.%d" % sys.version_info[:3]
level = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(sys.version_info[3], "")
full += level + str(sys.version_info[4]) if level else ""
def there(name):
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep) + ["/opt/conda/bin", "/opt/miniconda/bin"]
    found = [os.path.join(f, name) for f in folders if os.access(os.path.join(f, name), os.X_OK)]
    return found[0] if found else ""
try:
    import importlib.util
    pip = importlib.util.find_spec("pip") is not None
except ImportError:
    pip = False
packages = {}
try:
    from importlib.metadata import distributions
    for found in distributions():
        name = found.metadata["Name"]
        if name and found.version:
            packages.setdefault(name.lower().replace("_", "-").replace(".", "-"), found.version)
except ImportError:
    pass
libc = " ".join(platform.libc_ver()).strip()
print("traindock:" + json.dumps({
    "path": sys.executable,
    "version": full,
    "machine": platform.machine(),
    "libc": libc or "musl",
    "pip": pip,
    "conda": there("micromamba") or there("mamba") or there("conda"),
    "packages": packages,
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

#: Where a Python may be, in this order; names are looked for on the image's PATH.
_PLACES: Final = (
    "python3",
    "python",
    "/usr/bin/python3",
    "/usr/local/bin/python3",
    "/opt/conda/bin/python",
    "/opt/miniconda/bin/python",
)
_NOT_THERE: Final = ("executable file not found", "no such file or directory", "not found in $path", "is a directory")
_OTHER_MACHINE: Final = "exec format error"


@dataclass(frozen=True, slots=True)
class ImagePython:
    """The Python of an image.

    Attributes:
        path: where it is.
        version: such as "3.11.7".
        machine: such as "x86_64".
        libc: such as "glibc 2.36", or "musl".
        pip: whether it has pip.
        conda: path of micromamba, mamba or conda; "" where there is none.
        packages: versions of what is installed, by normalized name.
        markers: its values of the markers in requirements.
    """

    path: str
    version: str
    machine: str
    libc: str
    pip: bool
    conda: str
    packages: Mapping[str, str]
    markers: Mapping[str, str]

    @property
    def minor(self) -> tuple[int, int]:
        """Such as (3, 11)."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)


@dataclass(frozen=True, slots=True)
class _Anybody:
    """A user that needs nothing but to look; a rootless engine may have no other than its owner, root in there."""

    rootless: bool
    group_add: tuple[str, ...] = ()
    userns_mode: str | None = None

    @property
    def user(self) -> str:
        return "0:0" if self.rootless else "65534:65534"


def known(memory: EngineMemory, image: str, asked: str | None = None) -> ImagePython | None:
    """What is remembered of an image's Python, or None.

    Args:
        memory: of the engine.
        image: id of the image.
        asked: path of the interpreter that is asked for; None for whichever is found.
    """
    values = memory.recall("python", f"{image} {asked or ''}")
    try:
        return ImagePython(**values) if values is not None else None
    except TypeError:
        return None


def find(
    engine: ContainerEngine,
    memory: EngineMemory,
    image: str,
    name: str,
    config: Mapping[str, Any],
    *,
    labels: Mapping[str, str],
    cancelled: Callable[[], bool],
    asked: str | None = None,
) -> ImagePython:
    """Find out which Python is in an image.

    Args:
        engine: where the image is.
        memory: remembers the answer.
        image: its id.
        name: its name, for people.
        config: its configuration, as the engine gives it.
        labels: for the container that looks.
        cancelled: true ends the search.
        asked: path of the interpreter that is asked for.

    Raises:
        BuildCanceled: ``cancelled`` said so.
        EnvironmentBuildException: there is none, it is too old, or the image is for another kind of machine.
    """
    found = known(memory, image, asked)
    if found is None:
        found = _look(engine, image, name, config, labels, cancelled, asked)
        memory.remember("python", f"{image} {asked or ''}", asdict(found))
    return found


def check_runs_jobs(python: ImagePython, name: str) -> None:
    """Check that jobs can run on an image's Python.

    Raises:
        EnvironmentBuildException: it is too old.
    """
    if python.minor < OLDEST_JOB_PYTHON:
        oldest = ".".join(map(str, OLDEST_JOB_PYTHON))
        raise EnvironmentBuildException(
            f"the image {name} has Python {python.version} ({python.path}), and jobs need {oldest} or newer: use an "
            f"image with a newer one, such as python:{oldest}-slim, or leave base_image (--image) out"
        )


def satisfied_by(
    python: ImagePython, requirements: Iterable[str], constraints: Iterable[str]
) -> tuple[str, ...] | None:
    """The packages of an image that satisfy all requirements, as "name==version"; None where one is missing.

    What is asked for with extras, by address or by hash is taken for missing, since what is installed does not tell.
    """
    from packaging.utils import canonicalize_name

    found: list[str] = []
    for text in (*requirements, *constraints):
        requirement = parse_requirement(text)
        if requirement is None or requirement.url or requirement.extras or hashes(text):
            return None
        if requirement.marker is not None and not requirement.marker.evaluate({**python.markers, "extra": ""}):
            continue
        version = python.packages.get(canonicalize_name(requirement.name))
        if version is None and text in constraints:
            continue
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            return None
        found.append(f"{requirement.name}=={version}")
    return tuple(dict.fromkeys(found))


def _look(
    engine: ContainerEngine,
    image: str,
    name: str,
    config: Mapping[str, Any],
    labels: Mapping[str, str],
    cancelled: Callable[[], bool],
    asked: str | None,
) -> ImagePython:
    said: list[str] = []
    anybody = _Anybody("rootless" in str(engine.facts().kind))
    for place in (asked,) if asked else _places(config):
        work = Work(image, (place, "-c", _PROBE), "probe", anybody, network="none", labels=labels)
        try:
            ended = run(engine, work, say=lambda line: None, cancelled=cancelled)
        except NotStarted as error:
            if _OTHER_MACHINE in str(error).lower():
                raise _other_machine(name) from error
            if any(words in str(error).lower() for words in _NOT_THERE):
                continue
            raise EnvironmentBuildException(f"no container of the image {name} can be started: {error}") from error
        if ended.result is not None:
            return ImagePython(**ended.result)
        if any(_OTHER_MACHINE in line.lower() for line in ended.output):
            raise _other_machine(name)
        said += _last(ended)
    raise _missing(name, asked, said)


def _places(config: Mapping[str, Any]) -> Iterator[str]:
    """Where to look: what the image itself starts comes after the PATH and before the usual places."""
    yield from _PLACES[:2]
    for words in (config.get("Entrypoint"), config.get("Cmd")):
        if words and words[0].startswith("/") and words[0].rpartition("/")[2].startswith("python"):
            yield words[0]
    yield from _PLACES[2:]


def _last(ended: Ended) -> list[str]:
    return [line for line in ended.output if line.strip()][-5:]


def _other_machine(name: str) -> EnvironmentBuildException:
    return EnvironmentBuildException(
        f"the image {name} is for another kind of processor than the container engine's machine: use one that is made "
        "for it, or for several"
    )


def _missing(name: str, asked: str | None, said: list[str]) -> EnvironmentBuildException:
    if asked:
        return EnvironmentBuildException(
            f"the image {name} has no interpreter {asked} that works: set environment.python.interpreter_path to the "
            "path of one in the image, or leave it out",
            said,
        )
    return EnvironmentBuildException(
        f"the image {name} has no Python, which jobs run on: use an image with one, "
        "such as python:3.11-slim, install it (docker.apt_packages = ['python3'], --apt python3) where it is Debian "
        "or Ubuntu, or leave base_image (--image) out",
        said,
    )

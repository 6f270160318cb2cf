"""What ``fill.py`` is asked for, in a volume or in a layer of an image, and what its answers come to."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, NoReturn

from traindock.errors import EnvironmentBuildException, UserErrorException
from traindock.images.builder import sources
from traindock.images.conda import Translation, conda_python, create_command, environment_yaml
from traindock.images.containers.bases import Base
from traindock.images.containers.image_pythons import ImagePython
from traindock.images.containers.sources import Sources
from traindock.images.pythons import PythonWanted
from traindock.images.recipe import Recipe, canonical_requirement, python_specifier
from traindock.images.uv import BuildLog, BuildSettings, find_uv, run_program

#: What ``fill.py`` says last of a layer that failed.
_FAILED: Final = re.compile(r"It failed at the step (\w+)\.")


@dataclass(frozen=True, slots=True)
class ContainerBuild:
    """One environment to be built in a container.

    Attributes:
        recipe: the definition.
        key: of what is built.
        base: the image to build upon.
        python: the image's Python.
        request: for ``uv venv --python``: the image's Python, or bounds of one that uv fetches.
        want: what is asked of the Python.
        requirements: all pip requirements.
        translation: the conda requirements in PyPI's words.
        sources: where packages come from.
        settings: as for builds on this machine.
        warnings: what was changed in what the user asked for.
        network: of the build.
        labels: of containers that build.
        log: gets all that the builder says, live.
        cancelled: true ends the build at once.
    """

    recipe: Recipe
    key: str
    base: Base
    python: ImagePython
    request: str
    want: PythonWanted
    requirements: tuple[str, ...]
    translation: Translation
    sources: Sources
    settings: BuildSettings
    warnings: tuple[str, ...]
    network: str | None
    labels: Mapping[str, str]
    log: BuildLog
    cancelled: Callable[[], bool]

    @property
    def own(self) -> frozenset[str]:
        """The requirements that may be relaxed: those of a framework were chosen to fit it."""
        return frozenset(canonical_requirement(text) for text in (*self.recipe.pip, *self.translation.pip))


def program() -> bytes:
    """The source of ``fill.py``."""
    return resources.files("traindock.images.containers").joinpath("fill.py").read_bytes()


def request_of(
    build: ContainerBuild,
    wanted: Sequence[str],
    warnings: Sequence[str],
    *,
    uv: str,
    pip_uv: str,
    variables: Mapping[str, str],
    arguments: Sequence[str] = (),
) -> dict[str, Any]:
    """The request, but for where and under which key.

    Args:
        build: what is to be built.
        wanted: the pip requirements, in canonical form.
        warnings: all that was changed.
        uv: path of uv in the container.
        pip_uv: folder for one that pip installs, where that does not run.
        variables: for uv, besides those of the sources.
        arguments: for ``uv pip install``, besides those of the sources.
    """
    return {
        "uv": uv,
        "pip_uv": pip_uv,
        "uv_version": uv_version(),
        "python": build.request,
        "arguments": [*build.sources.arguments, *arguments],
        "requirements": list(wanted),
        "constraints": [canonical_requirement(text) for text in build.recipe.constraints],
        "variables": {**build.sources.variables, **variables},
        "warnings": list(warnings),
        "conda": None,
    }


def conda_request(build: ContainerBuild) -> dict[str, Any]:
    """What ``fill.py`` is told where conda makes the environment.

    Raises:
        UserErrorException: the image has no conda; the text names the packages.
    """
    from traindock.images.frameworks import requirements_of

    if not build.python.conda:
        raise UserErrorException(conda_missing(build.translation.unknown, build.base.name))
    asked = build.recipe.python or build.translation.python
    open_minor = python_specifier("{}.{}".format(*build.python.minor))
    specifier = build.want.specifier if asked or not build.want.allows(build.python.version) else open_minor
    pip = requirements_of(build.recipe, build.translation.pip)
    pip = pip[: len(pip) - len(build.translation.pip)]
    return {
        "environment": environment_yaml(build.recipe, conda_python(specifier), pip, build.settings.find_links),
        "command": create_command(build.python.conda, "{folder}", "{file}"),
    }


def conda_missing(names: Sequence[str], image: str) -> str:
    """Why conda packages cannot be had in a container, and what to do."""
    return (
        f"PyPI has no counterpart of the conda packages {', '.join(names)}, and the image {image} has neither "
        "conda, mamba nor micromamba: use a base image that has one of them and a Python, such as "
        "continuumio/miniconda3, or install the same by environment.docker.apt_packages"
    )


def failed(build: ContainerBuild, result: Mapping[str, Any] | None, tail: Sequence[str], code: int) -> NoReturn:
    """Raise what an answer of ``fill.py`` comes to, other than one of failed packages."""
    step = (result or {}).get("failed")
    words = str((result or {}).get("words") or "")
    image, version = build.base.name, build.python.version
    if step == "venv" and build.request != build.python.path:
        raise EnvironmentBuildException(
            f"Python {build.recipe.python or build.want.specifier} is asked for, the image {image} has {version}, and "
            "uv cannot fetch it: name a base_image (--image) with that Python, or ask for the image's",
            tail,
        )
    if step == "venv":
        raise EnvironmentBuildException(f"no virtual environment could be made upon Python {version} of {image}", tail)
    if step == "uv":
        pip = "pip could not install one there" if build.python.pip else "it has no pip to install one"
        raise EnvironmentBuildException(
            f"this machine's uv does not run in the image {image}, one that does cannot be fetched, and {pip}", tail
        )
    if step == "conda":
        raise EnvironmentBuildException(f"{build.python.conda} of {image} could not build the environment", tail)
    if step == "disk":
        raise EnvironmentBuildException(f"the disk of the container engine is full: {words}", tail)
    if step is not None:
        raise EnvironmentBuildException(f"the environment could not be written: {words or step}", tail)
    how = f"was ended by signal {code - 128}" if code > 128 else f"ended with {code}"
    raise EnvironmentBuildException(f"the container that built the environment {how} before it was done", tail)


def last_command(output: Sequence[str]) -> tuple[str, ...]:
    """What the last program printed, of the output of several and of ``fill.py``, which called them."""
    starts = [number for number, line in enumerate(output) if line.startswith("$ ")]
    told = output[starts[-1] + 1 :] if starts else output
    return tuple(line for line in told if not _FAILED.fullmatch(line))


def step_failed(output: Sequence[str]) -> str:
    """The step of ``fill.py`` that failed as it made a layer of an image, such as "install"; "" for none."""
    found = [told[1] for line in output if (told := _FAILED.fullmatch(line))]
    return found[-1] if found else ""


def json_bytes(values: Mapping[str, Any]) -> bytes:
    """As JSON, the same for equal values."""
    return json.dumps(values, sort_keys=True).encode()


def uv_runs(python: ImagePython) -> bool:
    """Whether this machine's uv is likely to run in the image."""
    here = (sys.platform, platform.machine(), platform.libc_ver()[0])
    return here == ("linux", python.machine, python.libc.partition(" ")[0])


def uv_program(build: ContainerBuild, *, static: bool) -> bytes | None:
    """The uv for an image: this machine's, or one that needs no libraries; None where that cannot be fetched."""
    path = _static_uv(build) if static else find_uv()
    return Path(path).read_bytes() if path is not None else None


def _static_uv(build: ContainerBuild) -> str | None:
    import platformdirs

    version = uv_version()
    folder = Path(platformdirs.user_cache_dir("traindock", appauthor=False), "uv", f"{version}-{build.python.machine}")
    uv = folder / "bin" / "uv"
    if not uv.exists():
        build.log.say("This machine's uv does not run in the image; one that does is fetched.")
        new = folder.with_name(f"{folder.name}.{os.getpid()}.{threading.get_ident()}")
        command = [find_uv(), "pip", "install", "--quiet", "--target", str(new), "--python", sys.executable]
        command += ["--python-platform", f"{build.python.machine}-unknown-linux-musl", "--only-binary", ":all:"]
        command += ["--no-deps", *sources(build.recipe, build.settings), f"uv=={version}"]
        env = build.settings.environment(build.recipe.index_url)
        run_program(command, log=build.log, cancelled=build.cancelled, env=env)
        with contextlib.suppress(OSError):  # somebody else was quicker
            new.rename(folder)
        shutil.rmtree(new, ignore_errors=True)
    return str(uv) if uv.exists() else None


@lru_cache(maxsize=1)
def uv_version() -> str:
    """Version of this machine's uv."""
    answer = subprocess.run(
        [find_uv(), "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    words = answer.stdout.split()
    if len(words) < 2:
        raise EnvironmentBuildException("uv does not tell its version", answer.stderr.splitlines()[-5:])
    return words[1]

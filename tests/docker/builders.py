"""The two builders of images: the engine's classic one, and BuildKit by ``docker buildx``.

Where buildx is not installed, a ``docker`` of the tests' own stands in for it: Docker's command line had BuildKit's
client in it before version 23, and the engine has BuildKit itself, so that what it prints is the real thing.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

_STAND_IN = """\
#!{python}
import os, sys
words = sys.argv[1:]
if words == ["buildx", "version"]:
    sys.exit(print("github.com/docker/buildx v0.0.0 stand-in"))
if words[:2] != ["buildx", "build"] or not os.environ["DOCKER_HOST"].startswith("unix://"):
    sys.exit(f"this is no build on an engine of this machine: {{words}}")
del words[:2]
place = words.index("--builder")
if words[place + 1] != "default" or "--load" not in words:
    sys.exit(f"the image may not come into the engine: {{words}}")
del words[place : place + 2]
words.remove("--load")
os.environ["DOCKER_BUILDKIT"] = "1"
os.execv({docker!r}, [{docker!r}, "build", *words])
"""


class NoBuildKit(Exception):
    """There is no command line with BuildKit on this machine."""


def path_with_buildx(folder: Path) -> str:
    """A PATH whose ``docker`` has buildx: the real one, else a stand-in in ``folder``.

    Raises:
        NoBuildKit: there is nothing to make one of.
    """
    programs = [Path(place, "docker") for place in os.environ["PATH"].split(os.pathsep) if place]
    programs = [program for program in dict.fromkeys(programs) if os.access(program, os.X_OK)]
    if programs and _answer(programs[0], "buildx", "version").startswith("github.com/docker/buildx"):
        return os.environ["PATH"]
    for program in programs:
        version = re.search(r"version (\d+)\.", _answer(program, "--version"))
        if version and int(version[1]) < 23:
            folder.mkdir()
            stand_in = folder / "docker"
            stand_in.write_text(_STAND_IN.format(python=sys.executable, docker=str(program)))
            stand_in.chmod(0o755)
            return str(folder)
    raise NoBuildKit(
        f"of the docker commands on PATH ({', '.join(map(str, programs)) or 'none'}) none has buildx or is older than "
        "version 23, which had BuildKit in it; install Docker's buildx plugin"
    )


def _answer(program: Path, *words: str) -> str:
    return subprocess.run([program, *words], capture_output=True, text=True, check=False).stdout


@contextlib.contextmanager
def cache_removed(engine: docker.DockerClient) -> Iterator[None]:
    """Remove afterwards what BuildKit has kept meanwhile, which belongs to no image and has no label."""
    import docker.errors
    from tests.conftest import wait_for  # not where this module is: `.ci/engine` has the standard library alone

    def used() -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = engine.api.df()
        except docker.errors.APIError as error:
            if "already running" in str(error):  # asked by another test: an engine looks once at a time
                return None
            raise
        return found

    def kept() -> list[str]:
        records = wait_for(used, "the engine to tell what it keeps").get("BuildCache") or ()
        return [each["ID"] for each in sorted(records, key=lambda each: each["CreatedAt"], reverse=True)]

    before = set(kept())
    yield
    for identity in kept():
        if identity not in before:
            with contextlib.suppress(docker.errors.APIError):  # somebody is using it
                engine.api.prune_builds(filters={"id": [identity]}, all=True)

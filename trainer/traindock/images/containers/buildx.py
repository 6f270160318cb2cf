"""Building images by ``docker buildx``, which brings BuildKit: it mounts secrets and caches, and knows newer words."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from traindock.images.containers import buildkit
from traindock.images.containers.build_faults import Failure
from traindock.images.containers.build_inputs import BuildContext, ImageBuild
from traindock.images.containers.engines import ContainerEngine
from traindock.images.uv import BuildLog, run_program

#: The builder that is the engine itself, by the reserved name that buildx has for it where DOCKER_HOST says which
#: engine. The one that somebody has chosen by ``docker buildx use`` or BUILDX_BUILDER may be a container or another
#: machine: it would not know the images of this engine, which environments are built upon, its cache and its proxies
#: would be others, and what it builds would have to be sent back.
_BUILDER: Final = "default"
#: How plugins call themselves; what others put in the place of the command (Podman's) answers as well, and is none.
_ITSELF: Final = "docker/buildx"

#: What the command line was found with: PATH, its configuration and the home folder. That it is not there is asked
#: anew each time, since a dispatcher lives for weeks, and whoever was told to install it should not have to end that.
_found: Final[set[tuple[str, str, str]]] = set()


def has_buildx(engine: ContainerEngine, variables: Mapping[str, str] | None = None) -> bool:
    """Whether the command line of Docker is here with buildx, and the engine is one that it can build on.

    Args:
        engine: Podman speaks Docker's API, but has no BuildKit.
        variables: the environment of the command line; None for this process's.
    """
    if "podman" in str(engine.facts().kind):
        return False
    env = os.environ if variables is None else variables
    asked = env.get("PATH", os.defpath), env.get("DOCKER_CONFIG", ""), env.get("HOME", "")
    if asked not in _found and _is_there(*asked):
        _found.add(asked)
    return asked in _found


def _is_there(path: str, configuration: str, home: str) -> bool:
    docker = shutil.which("docker", path=path)
    if docker is None:
        return False
    env = {"PATH": path, "HOME": home, **({"DOCKER_CONFIG": configuration} if configuration else {})}
    try:
        answer = subprocess.run(
            [docker, "buildx", "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=env,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and _ITSELF in answer.stdout


def command(
    docker: str, build: ImageBuild, name: str, folder: str, dockerfile: str, secrets: Mapping[str, str], *, anew: bool
) -> list[str]:
    """The command line that builds an image; passwords are in files that it names, never in it.

    Args:
        docker: path of the program.
        build: how.
        name: "repository:tag" of the image.
        folder: the context.
        dockerfile: path of the Dockerfile.
        secrets: paths of the files with the secrets, by id.
        anew: take no layer that was built before.
    """
    # with --load the result is in the engine, and not in a cache alone, whatever a version takes for its default
    words = [docker, "buildx", "build", "--builder", _BUILDER, "--load", "--progress=plain", "--tag", name]
    words += ["--file", dockerfile]
    words += ["--no-cache"] if anew else []
    words += ["--network", build.network] if build.network else []
    for variable in build.proxies:
        words += ["--build-arg", variable]  # its value comes from the environment
    for identity, path in secrets.items():
        words += ["--secret", f"id={identity},src={path}"]
    return [*words, folder]


def build(
    engine: ContainerEngine,
    how: ImageBuild,
    name: str,
    context: BuildContext,
    *,
    anew: bool,
    log: BuildLog,
    cancelled: Callable[[], bool],
) -> Failure | None:
    """Build an image; returns why that failed, or None where it did not.

    Args: as for ``engine_builds.build_image``.

    Raises:
        BuildCanceled: ``cancelled`` said so; the end of the command ends what the engine was running for it.
        EnvironmentBuildException: the command cannot be started.
    """
    env = dict(os.environ if how.variables is None else how.variables)
    env |= {**how.proxies, "DOCKER_HOST": engine.url, "NO_COLOR": "1"}
    # a record of where an image is from would make a list of two of it, which older engines and registries do not take
    env |= {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    for theirs in ("DOCKER_CONTEXT", "BUILDX_BUILDER", "BUILDKIT_PROGRESS"):
        env.pop(theirs, None)
    docker = shutil.which("docker", path=env.get("PATH")) or "docker"
    with context.written() as (folder, dockerfile), tempfile.TemporaryDirectory(prefix="traindock-secret-") as place:
        secrets = {}
        for number, (identity, content) in enumerate(how.secrets.items()):
            path = Path(place, str(number))
            path.touch(0o600)
            path.write_bytes(content)
            secrets[identity] = str(path)
        words = command(docker, how, name, folder, dockerfile, secrets, anew=anew)
        ended = run_program(words, log=log, cancelled=cancelled, env=env)
    if not ended.code:
        return None
    found = buildkit.failure(ended.output, context.dockerfile)
    return found if found.text else Failure(f"docker buildx ended with {ended.code}", found.step, found.lines)

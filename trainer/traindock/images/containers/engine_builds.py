"""Building images: by ``docker buildx`` where the command line has it, else by the engine's classic builder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from traindock.errors import EnvironmentBuildException, RegistryDeniedException
from traindock.images.containers import buildx, registries
from traindock.images.containers.build_faults import KEPT, Failure, fault, shown
from traindock.images.containers.build_inputs import DOCKERFILE, BuildContext, ImageBuild
from traindock.images.containers.engine_work import disk_full, events
from traindock.images.containers.engines import ContainerEngine
from traindock.images.uv import BuildCanceled, BuildLog, Outcome, mask

#: Seconds that the container of a step may go on after the build was broken off.
_PATIENCE: Final = 1.0

_STEP: Final = re.compile(r"(?:Step|STEP) \d+/\d+ ?: .*")
_RUNNING: Final = re.compile(r"---> Running in ([0-9a-f]{12,64})")


def lock_file(engine: ContainerEngine, name: str) -> Path:
    """This user's lock of the build of an image on an engine, whatever the workspace."""
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("traindock", appauthor=False), "image-builds")
    folder.mkdir(parents=True, exist_ok=True)
    told = f"{engine.facts().id} {name}"
    return folder / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.lock"


def build_image(
    engine: ContainerEngine,
    build: ImageBuild,
    name: str,
    context: BuildContext,
    *,
    anew: bool,
    log: BuildLog,
    cancelled: Callable[[], bool],
) -> None:
    """Build an image, with what the builder says in the build log as lines.

    Args:
        engine: where.
        build: how.
        name: "repository:tag" of the image.
        context: what of.
        anew: take no layer that was built before.
        log: is told.
        cancelled: true ends the build at once, and what it was running.

    Raises:
        BuildCanceled: ``cancelled`` said so.
        EnvironmentBuildException: it cannot be built; the text has the step and its last lines.
    """
    with_secrets = buildx.has_buildx(engine, build.variables)
    if secret := [name for name, value in build.proxies.items() if mask(value) != value and not with_secrets]:
        raise EnvironmentBuildException(
            f"{', '.join(secret)} has a password, which the engine's classic builder would show to everybody: "
            "install Docker's buildx plugin, give the engine's own configuration the proxy, or name a base_image "
            "(--image) that has all that the Dockerfile and apt_packages are for"
        )
    log.say(f"Building the image {name}.")
    began = time.monotonic()
    by = buildx.build if with_secrets else _by_engine
    if failure := by(engine, build, name, context, anew=anew, log=log, cancelled=cancelled):
        said = "\n".join((failure.text, *Outcome(1, failure.lines).tail))
        raise disk_full(engine, said) or fault(failure, context)
    log.say(f"Built the image {name} in {time.monotonic() - began:.1f} s.")


def _by_engine(
    engine: ContainerEngine,
    build: ImageBuild,
    name: str,
    context: BuildContext,
    *,
    anew: bool,
    log: BuildLog,
    cancelled: Callable[[], bool],
) -> Failure | None:
    """Build an image by the engine's classic builder; as :func:`buildx.build`."""
    import docker.errors

    api = engine.api
    parameters: dict[str, Any] = {
        "t": name,
        "dockerfile": DOCKERFILE,
        "rm": True,
        "forcerm": True,
        "nocache": anew,
        "networkmode": build.network,
        "buildargs": json.dumps(dict(build.proxies)),
    }
    headers = {"Content-Type": "application/x-tar"}
    try:
        if known := registries.all_credentials(build.variables):
            headers["X-Registry-Config"] = known
    except RegistryDeniedException as error:  # it may be of a registry that has nothing to do with this
        log.say(f"Notice: {error.summary}.")

    def start() -> Any:
        with context.archive() as archive:
            response = api._post(
                api._url("/build"), data=archive, params=parameters, headers=headers, stream=True, timeout=None
            )
        api._raise_for_status(response)
        return response

    told = _Steps(log)
    try:
        for event in events(start, engine, cancelled):
            told.take(event)
    except BuildCanceled:
        _end_step(engine, told.container)
        raise
    except docker.errors.APIError as error:
        return Failure(str(error.explanation or error).strip())
    return None if told.error is None else Failure(told.error, told.step, tuple(told.lines))


class _Steps:
    """What the classic builder tells, as lines."""

    def __init__(self, log: BuildLog) -> None:
        self._log = log
        self._rest = ""
        self.lines: deque[str] = deque(maxlen=KEPT)
        self.step = ""
        self.container: str | None = None
        self.error: str | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        if text := event.get("error"):
            self.error = str(text).strip()
        elif text := event.get("stream"):
            *whole, self._rest = (self._rest + str(text)).split("\n")
            for line in whole:
                self._say(shown(line))
        elif event.get("status") in ("Pull complete", "Already exists", "Download complete"):
            self._say(f"{event.get('id', '')}: {event['status']}")

    def _say(self, line: str) -> None:
        if not line.strip():
            return
        if _STEP.fullmatch(line):
            self.step = line.strip()
            self.lines.clear()
        elif found := _RUNNING.search(line):
            self.container = found[1]
        elif not line.startswith((" --->", "Removing intermediate container")):
            self.lines.append(mask(line))
        self._log.say(line)


def _end_step(engine: ContainerEngine, container: str | None) -> None:
    """See that what a broken-off build was running ends: the engine does that itself, most of the time."""
    import docker.errors

    if container is None:
        return
    deadline = time.monotonic() + _PATIENCE
    with contextlib.suppress(docker.errors.NotFound, docker.errors.APIError):
        while time.monotonic() < deadline and engine.api.inspect_container(container)["State"]["Running"]:
            time.sleep(0.05)
        engine.api.remove_container(container, force=True, v=True)

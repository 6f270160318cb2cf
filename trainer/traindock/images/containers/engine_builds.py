"""Building images: by ``docker buildx`` where the command line has it, else by the engine's classic builder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Final, cast

from traindock.errors import EnvironmentBuildException, RegistryDeniedException
from traindock.images.containers import dockerfiles, registries
from traindock.images.containers.engine_work import disk_full, events
from traindock.images.containers.engines import ContainerEngine
from traindock.images.containers.registry_faults import not_pulled
from traindock.images.uv import BuildCanceled, BuildLog, mask, run_program

#: Name of the Dockerfile in a context; the folder may have one of its own.
_DOCKERFILE: Final = ".traindock.Dockerfile"
#: Lines of a failed step that go into the exception.
_TAIL: Final = 25
#: Larger files of a context count by size and time, in bytes.
_READ: Final = 2_000_000
#: Seconds that the container of a step may go on after the build was broken off.
_PATIENCE: Final = 1.0

_STEP: Final = re.compile(r"(?:Step|STEP) \d+/\d+ ?: .*")
_RUNNING: Final = re.compile(r"---> Running in ([0-9a-f]{12,64})")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NO_SHELL: Final = re.compile(r'exec: "/bin/sh"|/bin/sh: no such file')


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What a builder is given.

    Attributes:
        dockerfile: its text.
        folder: absolute path of the folder that it may copy from; None for none.
        files: further files by name, in place of a folder.
    """

    dockerfile: str
    folder: str | None
    files: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 (hex) of all of it.

        Raises:
            EnvironmentBuildException: the folder cannot be read.
        """
        digest = hashlib.sha256(self.dockerfile.encode())
        for path in self._paths():
            file = Path(self.folder or "", path)
            try:
                status = file.lstat()
                if file.is_symlink():
                    holds = os.fsencode(file.readlink())
                elif not file.is_file():
                    holds = b""
                elif status.st_size <= _READ:
                    holds = hashlib.sha256(file.read_bytes()).digest()
                else:
                    holds = f"{status.st_size} {status.st_mtime_ns}".encode()
            except OSError as error:
                raise EnvironmentBuildException(
                    f"{file} of the Dockerfile's context cannot be read: {error}"
                ) from error
            digest.update(b"\0".join((os.fsencode(path), oct(status.st_mode & 0o777).encode(), holds, b"")))
        return digest.hexdigest()

    def archive(self) -> IO[bytes]:
        """A tar archive of it, for the classic builder."""
        from docker.utils.build import tar

        if self.folder is None:
            from traindock.images.containers.engine_work import archive

            file = tempfile.TemporaryFile()  # noqa: SIM115 - the sender closes it
            file.write(archive({**self.files, _DOCKERFILE: (self.dockerfile.encode(), 0o644)}))
            file.seek(0)
            return file
        made = tar(Path(self.folder), exclude=self._ignored(), dockerfile=(_DOCKERFILE, self.dockerfile))
        return cast("IO[bytes]", made)

    @contextlib.contextmanager
    def written(self) -> Iterator[tuple[str, str]]:
        """Path of a folder with it, and of the Dockerfile, for ``docker buildx``."""
        with tempfile.TemporaryDirectory(prefix="traindock-build-") as name:
            folder = Path(name, "context")
            folder.mkdir()
            for path, (content, mode) in self.files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
                (folder / path).chmod(mode)
            dockerfile = Path(name, "Dockerfile")
            dockerfile.write_text(self.dockerfile, "utf-8")
            yield self.folder or str(folder), str(dockerfile)

    def _paths(self) -> list[str]:
        if self.folder is None:
            return []
        from docker.utils.build import exclude_paths

        if not Path(self.folder).is_dir():
            raise EnvironmentBuildException(f"the folder {self.folder} that the Dockerfile copies from does not exist")
        return sorted(path for path in exclude_paths(self.folder, self._ignored()) if path)

    def _ignored(self) -> list[str]:
        try:
            lines = Path(self.folder or "", ".dockerignore").read_text("utf-8").splitlines()
        except OSError:
            return []
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """How images are built.

    Attributes:
        proxies: values of HTTP_PROXY and the like, for the steps.
        network: of the steps; None for the engine's default.
        secrets: contents by id, for builders that can mount them.
        variables: the environment of the command line.
    """

    proxies: Mapping[str, str] = field(default_factory=dict)
    network: str | None = None
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    variables: Mapping[str, str] | None = None


def has_buildx(variables: Mapping[str, str] | None = None) -> bool:
    """Whether the command line of Docker is here with buildx, which can mount secrets."""
    env = os.environ if variables is None else variables
    return _has_buildx(env.get("PATH", os.defpath), env.get("DOCKER_CONFIG", ""), env.get("HOME", ""))


@lru_cache(maxsize=8)
def _has_buildx(path: str, configuration: str, home: str) -> bool:
    docker = shutil.which("docker", path=path)
    if docker is None:
        return False
    env = {"PATH": path, "HOME": home, **({"DOCKER_CONFIG": configuration} if configuration else {})}
    try:
        answer = subprocess.run(
            [docker, "buildx", "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=env,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


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
    buildx = has_buildx(build.variables)
    if secret := [name for name, value in build.proxies.items() if mask(value) != value and not buildx]:
        raise EnvironmentBuildException(
            f"{', '.join(secret)} has a password, which the engine's classic builder would show to everybody: "
            "install Docker's buildx plugin, give the engine's own configuration the proxy, or name a base_image that "
            "has all that the Dockerfile and apt_packages are for"
        )
    log.say(f"Building the image {name}.")
    began = time.monotonic()
    if buildx:
        _by_buildx(engine, build, name, context, anew, log, cancelled)
    else:
        _by_engine(engine, build, name, context, anew, log, cancelled)
    log.say(f"Built the image {name} in {time.monotonic() - began:.1f} s.")


def buildx_command(
    docker: str, build: ImageBuild, name: str, folder: str, dockerfile: str, secrets: Mapping[str, str], *, anew: bool
) -> list[str]:
    """The command line that builds an image; passwords are in files that it names, never in it."""
    command = [docker, "buildx", "build", "--progress=plain", "--load", "--provenance=false", "--tag", name]
    command += ["--file", dockerfile]
    command += ["--no-cache"] if anew else []
    command += ["--network", build.network] if build.network else []
    for variable in build.proxies:
        command += ["--build-arg", variable]  # its value comes from the environment
    for identity, path in secrets.items():
        command += ["--secret", f"id={identity},src={path}"]
    return [*command, folder]


def _by_buildx(
    engine: ContainerEngine,
    build: ImageBuild,
    name: str,
    context: BuildContext,
    anew: bool,
    log: BuildLog,
    cancelled: Callable[[], bool],
) -> None:
    env = dict(os.environ if build.variables is None else build.variables)
    env = {**env, **build.proxies, "DOCKER_HOST": engine.url, "BUILDKIT_PROGRESS": "plain", "NO_COLOR": "1"}
    env.pop("DOCKER_CONTEXT", None)
    docker = shutil.which("docker", path=env.get("PATH")) or "docker"
    with context.written() as (folder, dockerfile), tempfile.TemporaryDirectory(prefix="traindock-secret-") as place:
        secrets = {}
        for number, (identity, content) in enumerate(build.secrets.items()):
            path = Path(place, str(number))
            path.touch(0o600)
            path.write_bytes(content)
            secrets[identity] = str(path)
        command = buildx_command(docker, build, name, folder, dockerfile, secrets, anew=anew)
        ended = run_program(command, log=log, cancelled=cancelled, env=env)
    if ended.code:
        output = "\n".join(ended.output)
        if full := disk_full(engine, output):
            raise full
        wrong = [line for line in ended.output if "ERROR: " in line]
        reason = wrong[-1].partition("ERROR: ")[2] if wrong else f"docker buildx ended with {ended.code}"
        steps = [line.strip(" >:") for line in ended.output if line.startswith(" > [")]
        where = f" at {steps[-1]}" if steps else ""
        raise EnvironmentBuildException(f"the image cannot be built{where}: {reason}", ended.tail)


def _by_engine(
    engine: ContainerEngine,
    build: ImageBuild,
    name: str,
    context: BuildContext,
    anew: bool,
    log: BuildLog,
    cancelled: Callable[[], bool],
) -> None:
    import docker.errors

    api = engine.api
    parameters: dict[str, Any] = {
        "t": name,
        "dockerfile": _DOCKERFILE,
        "rm": True,
        "forcerm": True,
        "nocache": anew,
        "networkmode": build.network,
        "buildargs": _json(build.proxies),
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
        text = str(error.explanation or error).strip()
        raise disk_full(engine, text) or _wrong(text, ()) from error
    if told.error is not None:
        raise disk_full(engine, told.error) or _wrong(told.error, tuple(told.lines), told.step)


class _Steps:
    """What the classic builder tells, as lines."""

    def __init__(self, log: BuildLog) -> None:
        self._log = log
        self._rest = ""
        self.lines: deque[str] = deque(maxlen=_TAIL)
        self.step = ""
        self.container: str | None = None
        self.error: str | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        if text := event.get("error"):
            self.error = str(text).strip()
        elif text := event.get("stream"):
            *whole, self._rest = (self._rest + str(text)).split("\n")
            for line in whole:
                self._say(_COLOURS.sub("", line.rpartition("\r")[2] if line.strip("\r") else line).rstrip("\r"))
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


def _wrong(text: str, lines: tuple[str, ...], step: str = "") -> EnvironmentBuildException:
    reason = mask(text.splitlines()[0])
    if "dockerfile parse error" in text.lower() or "unknown instruction" in text.lower():
        return EnvironmentBuildException(f"the Dockerfile has an error: {reason}")
    if "requires BuildKit" in text:
        return EnvironmentBuildException(
            f"{step or 'a step of the Dockerfile'} needs BuildKit, which `docker buildx` brings: install Docker's "
            f"buildx plugin, or leave that option out ({reason})"
        )
    if (names := dockerfiles.images_of(step.partition(" : ")[2])) and "invalid reference" not in text:
        fault = not_pulled(names[0], text, "dockerfile")
        return type(fault)(f"the image cannot be built: {step} failed: {fault.summary}", lines)
    hint = ""
    if _NO_SHELL.search(text):
        hint = '; the image has no shell: write RUN ["program", "argument"], or build upon one that has'
    if step.split(": ", 1)[-1].upper().startswith(("COPY", "ADD")) and "not found" in text:
        hint = (
            "; a Dockerfile alone has no files to copy: use Environment.from_docker_build_context(name, "
            "DockerBuildContext.from_local_directory(folder))"
        )
    where = f"{mask(step)} failed" if step else "it was refused"
    return EnvironmentBuildException(f"the image cannot be built: {where}: {reason}{hint}", lines)


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


def _json(values: Mapping[str, str]) -> str:
    import json

    return json.dumps(dict(values))

"""The image that an environment is built upon: there, pulled, or built from the user's Dockerfile and apt packages."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from traindock.errors import EnvironmentBuildException, UserErrorException
from traindock.images import dockerfiles
from traindock.images.container_base import ContainerBase, check_image_name
from traindock.images.engine_builds import BuildContext, ImageBuild, build_image, lock_file
from traindock.images.engine_memory import EngineMemory
from traindock.images.engine_work import disk_full, events
from traindock.images.engines import ContainerEngine, repository
from traindock.images.uv import BuildCanceled, BuildLog
from traindock.images.venvs import locked

#: Seconds between two lines about a pull that goes on.
_PROGRESS: Final = 5.0

_UNKNOWN: Final = re.compile(r"manifest (?:for .* )?(?:unknown|not found)|not found|name unknown|does not exist", re.I)
_DENIED: Final = re.compile(
    r"unauthorized|authentication required|access denied|denied:|forbidden|no basic auth credentials|incorrect user",
    re.IGNORECASE,
)
_OTHER_MACHINE: Final = re.compile(r"no matching manifest|does not match the (?:detected|specified|expected)", re.I)
_TOO_MANY: Final = re.compile(r"toomanyrequests|rate limit", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Base:
    """An image that is there.

    Attributes:
        name: what it was asked for as, for people.
        id: "sha256:…".
        digest: "repository@sha256:…", or "" where it comes from no registry.
        config: its configuration, as the engine gives it.
    """

    name: str
    id: str
    digest: str
    config: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Its PATH."""
        variables = dict(text.split("=", 1) for text in self.config.get("Env") or () if "=" in text)
        return variables.get("PATH") or "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ImageUnknown(EnvironmentBuildException):
    """There is no image of that name."""


@dataclass(frozen=True, slots=True)
class BaseAsked:
    """The image that is asked for.

    Attributes:
        asked: what the environment says.
        image: name of the image to pull, or "" for that of a Dockerfile.
        after: one that was pulled or built before that time (seconds since 1970) is too old.
    """

    asked: ContainerBase
    image: str
    after: float | None = None

    @property
    def words(self) -> str:
        """For people."""
        name = self.image or "the Dockerfile's image"
        return f"{name} with {', '.join(self.asked.apt)}" if self.asked.apt else name

    def look(self, engine: ContainerEngine, memory: EngineMemory) -> tuple[Base | None, str]:
        """The image if it is there, else None and what is missing; changes nothing.

        Raises:
            EnvironmentBuildException: files that a Dockerfile may copy cannot be read.
        """
        first = self._first_name(engine)
        if self._is_old(memory, first):
            return None, f"a rebuild is asked for, so {self.words} is got anew"
        below = inspect(engine, first, self.words)
        if below is None:
            pulled = f"{self.image} is not on this machine and is to be pulled"
            return None, pulled if self.image else "The Dockerfile is to be built"
        if not self.asked.apt:
            return below, ""
        name = self._apt_name(engine, below)
        if self._is_old(memory, name):
            return None, f"a rebuild is asked for, so {self.words} is got anew"
        found = inspect(engine, name, self.words)
        return found, "" if found else f"{', '.join(self.asked.apt)} are to be installed upon {below.name}"

    def provide(
        self,
        engine: ContainerEngine,
        memory: EngineMemory,
        build: ImageBuild,
        log: BuildLog,
        cancelled: Callable[[], bool],
    ) -> Base:
        """Pull or build what is missing.

        Raises:
            BuildCanceled: ``cancelled`` said so.
            EnvironmentBuildException: it cannot be had; the text says why and what to do.
        """
        began = time.time()
        first = self._first_name(engine)
        below = None if self._is_old(memory, first) else inspect(engine, first, self.words)
        if below is None and self.image:
            below = self._pulled(engine, log, cancelled)
        elif below is None:
            if self.after is not None:
                _pull_anew(engine, self.asked.dockerfile or "", log, cancelled)
            context = BuildContext(self.asked.dockerfile or "", self.asked.context)
            below = self._built(engine, memory, build, first, context, log, cancelled)
        if self.after is not None and not self._fresh(memory, first):
            memory.remember("base", first, {"began": began})
        if not self.asked.apt:
            return below
        name = self._apt_name(engine, below)
        found = None if self._is_old(memory, name) else inspect(engine, name, self.words)
        if found is None:
            text = dockerfiles.apt_layer(tagged(engine, below), self.asked.apt, below.config.get("User") or "")
            found = self._built(engine, memory, build, name, BuildContext(text, None), log, cancelled)
            memory.remember("base", name, {"began": began})
        return found

    def _pulled(self, engine: ContainerEngine, log: BuildLog, cancelled: Callable[[], bool]) -> Base:
        """Pull it; for a rebuild, what is here is good enough where it cannot be pulled."""
        here = inspect(engine, self.image, self.words)
        try:
            return pull(engine, self.image, self.asked.registry, log, cancelled)
        except EnvironmentBuildException as error:
            if here is None or isinstance(error, BuildCanceled):
                raise
            log.say(f"Notice: {error.summary}. The one that is here is used.")
            return here

    def _built(
        self,
        engine: ContainerEngine,
        memory: EngineMemory,
        build: ImageBuild,
        name: str,
        context: BuildContext,
        log: BuildLog,
        cancelled: Callable[[], bool],
    ) -> Base:
        """Build it, unless somebody else does so meanwhile."""
        with locked(lock_file(engine, name), log, cancelled):
            found = None if self._is_old(memory, name) else inspect(engine, name, self.words)
            if found is not None:
                return found
            build_image(engine, build, name, context, anew=self.after is not None, log=log, cancelled=cancelled)
        found = inspect(engine, name, self.words)
        if found is None:
            raise EnvironmentBuildException(f"{self.words} was built, and the container engine does not have it")
        return found

    def _first_name(self, engine: ContainerEngine) -> str:
        if self.image:
            return self.image
        context = BuildContext(self.asked.dockerfile or "", self.asked.context)
        return f"{repository(engine, 'base')}:{context.digest()[:24]}"

    def _apt_name(self, engine: ContainerEngine, below: Base) -> str:
        told = "\0".join((below.id, *sorted(set(self.asked.apt))))
        return f"{repository(engine, 'base')}:{hashlib.sha256(told.encode()).hexdigest()[:24]}"

    def _is_old(self, memory: EngineMemory, name: str) -> bool:
        return self.after is not None and not self._fresh(memory, name)

    def _fresh(self, memory: EngineMemory, name: str) -> bool:
        return bool((memory.recall("base", name) or {}).get("began", 0) >= (self.after or 0))


def _pull_anew(engine: ContainerEngine, dockerfile: str, log: BuildLog, cancelled: Callable[[], bool]) -> None:
    """Pull what a Dockerfile builds upon; what cannot be pulled may be one of this machine's own."""
    for name in dockerfiles.images_of(dockerfile):
        try:
            pull(engine, name, None, log, cancelled)
        except BuildCanceled:
            raise
        except EnvironmentBuildException as error:
            log.say(f"Notice: {error.summary}.")


def inspect(engine: ContainerEngine, name: str, words: str | None = None) -> Base | None:
    """The image of that name or id, or None."""
    import docker.errors

    try:
        found = engine.api.inspect_image(name)
    except docker.errors.NotFound:
        return None
    place = _repository(name)
    digests = [d for d in found.get("RepoDigests") or () if d.partition("@")[0] == place]
    return Base(words or name, found["Id"], digests[0] if digests else "", found.get("Config") or {})


def tagged(engine: ContainerEngine, base: Base) -> str:
    """A name for an image to build upon: BuildKit takes none by its id."""
    tag = f"id-{base.id.rpartition(':')[2][:24]}"
    name = repository(engine, "base")
    engine.api.tag(base.id, name, tag)
    return f"{name}:{tag}"


def pull(
    engine: ContainerEngine, name: str, registry: str | None, log: BuildLog, cancelled: Callable[[], bool]
) -> Base:
    """Pull an image, with its progress in the build log.

    Args:
        engine: where to.
        name: of the image; without a tag, "latest" is meant.
        registry: credentials, as "https://user:password@host"; None takes those of Docker's own configuration.
        log: is told.
        cancelled: true breaks the pull off.

    Raises:
        BuildCanceled: ``cancelled`` said so.
        EnvironmentBuildException: it cannot be pulled; the text says why and what to do.
    """
    import docker.errors

    log.say(f"Pulling {name}.")
    began = time.monotonic()
    api = engine.api
    place, tag = _repository(name), _tag(name)
    credentials = _credentials(api, place, registry)
    headers = {"X-Registry-Auth": credentials} if credentials else {}
    parameters = {"fromImage": place, "tag": tag}

    def start() -> Any:
        url = api._url("/images/create")
        response = api._post(url, params=parameters, headers=headers, stream=True, timeout=None)
        api._raise_for_status(response)
        return response

    try:
        for line in _progress(events(start, engine, cancelled)):
            log.say(line)
    except docker.errors.APIError as error:
        raise _not_pulled(engine, name, str(error.explanation or error)) from error
    except _StreamError as error:
        raise _not_pulled(engine, name, str(error)) from error
    found = inspect(engine, name)
    if found is None:
        raise EnvironmentBuildException(f"the image {name} was pulled, and the container engine does not have it")
    log.say(f"Pulled {name} in {time.monotonic() - began:.1f} s{f': {found.digest}' if found.digest else ''}.")
    return found


class _StreamError(Exception):
    """The engine said in the middle of its stream that it failed."""


def _progress(stream: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Lines for people: each layer when it is there, and now and then how far all of them are."""
    layers: dict[str, tuple[int, int]] = {}
    said = time.monotonic()
    for event in stream:
        if text := event.get("error") or event.get("errorDetail", {}).get("message"):
            raise _StreamError(text)
        status, layer, detail = (
            str(event.get("status", "")),
            str(event.get("id", "")),
            event.get("progressDetail") or {},
        )
        if status == "Downloading" and detail.get("total"):
            layers[layer] = (int(detail.get("current", 0)), int(detail["total"]))
            if time.monotonic() - said > _PROGRESS:
                said = time.monotonic()
                done, whole = (sum(column) / 1e6 for column in zip(*layers.values(), strict=True))
                yield f"{done:.0f} of {whole:.0f} MB"
        elif status in ("Pull complete", "Already exists"):
            yield f"{layer}: {status}"
        elif status.startswith(("Digest:", "Status:")):
            yield status


def _repository(name: str) -> str:
    name = name.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name


def _tag(name: str) -> str:
    if "@" in name:
        return name.partition("@")[2]
    tail = name.rpartition(":")[2]
    return tail if ":" in name and "/" not in tail else "latest"


def _credentials(api: Any, image: str, registry: str | None) -> str:
    from docker import auth

    if registry and "@" in registry:
        parts = urlsplit(registry if "://" in registry else f"https://{registry}")
        given = {
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "serveraddress": parts.hostname + (f":{parts.port}" if parts.port else "") if parts.hostname else "",
        }
        return str(auth.encode_header(given).decode("ascii"))
    place, _ = auth.resolve_repository_name(image)
    header = auth.get_config_header(api, place)
    return header.decode("ascii") if isinstance(header, bytes) else str(header or "")


def in_registry(image: str, registry: str | None) -> str:
    """The name of an image in a registry, whose address it may have already.

    Raises:
        UserErrorException: that makes no name of an image.
    """
    if not registry:
        return image
    parts = urlsplit(registry if "://" in registry else f"https://{registry}")
    host = (parts.netloc.rpartition("@")[2] + parts.path).rstrip("/")
    name = image if not host or image.startswith(f"{host}/") else f"{host}/{image}"
    check_image_name(name)
    return name


def _not_pulled(engine: ContainerEngine, name: str, text: str) -> EnvironmentBuildException:
    """Why an image cannot be pulled, and what to do."""
    reason = text.strip().splitlines()[0] if text.strip() else "no reason is given"
    if full := disk_full(engine, text):
        return full
    host, slash, _ = name.partition("/")
    registry = host if slash and ("." in host or ":" in host or host == "localhost") else "Docker Hub"
    if _OTHER_MACHINE.search(text):
        return EnvironmentBuildException(
            f"the image {name} is not made for the container engine's kind of processor: use another ({reason})"
        )
    if _TOO_MANY.search(text):
        return EnvironmentBuildException(
            f"{registry} gives out no more images for now: log in with `docker login`, or wait ({reason})"
        )
    if "repository does not exist or may require" in text:
        return ImageUnknown(
            f"there is no image {name} at {registry}, or it is not for everybody: check its name, or log in with "
            f"`docker login` or environment.docker.base_image_registry ({reason})"
        )
    if _DENIED.search(text):
        return EnvironmentBuildException(
            f"{registry} does not give out the image {name} to you: log in with `docker login`, or set "
            f"environment.docker.base_image_registry.username and .password ({reason})"
        )
    if _UNKNOWN.search(text):
        return ImageUnknown(f"there is no image {name} at {registry}: check its name and its tag ({reason})")
    return EnvironmentBuildException(
        f"the image {name} is not on this machine and cannot be pulled from {registry}: {reason}. Load it with "
        "`docker load` or `docker pull`, or name another base_image"
    )


def base_asked(asked: ContainerBase | None, default: str, after: float | None) -> BaseAsked:
    """What an environment asks for.

    Args:
        asked: its own words.
        default: image for one that says nothing.
        after: as in :class:`BaseAsked`.

    Raises:
        UserErrorException: that makes no name of an image.
    """
    asked = asked or ContainerBase()
    if asked.dockerfile is not None:
        return BaseAsked(asked, "", after)
    image = in_registry(asked.image, asked.registry) if asked.image else default
    try:
        check_image_name(image)
    except UserErrorException as error:
        raise UserErrorException(f"{error} (base_image of the workspace's settings)") from None
    return BaseAsked(asked, image, after)

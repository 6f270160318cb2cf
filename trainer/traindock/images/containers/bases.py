"""The image that an environment is built upon: there, pulled, or built from the user's Dockerfile and apt packages."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from traindock.errors import EnvironmentBuildException, RegistryDeniedException, UserErrorException
from traindock.images.container_base import ContainerBase, check_image_name
from traindock.images.containers import dockerfiles, registries, registry_names
from traindock.images.containers.build_inputs import BuildContext, ImageBuild
from traindock.images.containers.engine_builds import build_image, lock_file
from traindock.images.containers.engine_memory import EngineMemory
from traindock.images.containers.engines import ContainerEngine, repository
from traindock.images.containers.shared_images import SharedImages
from traindock.images.uv import BuildCanceled, BuildLog
from traindock.images.venvs import locked

_APT_MISSING: Final = re.compile(r"Unable to locate package (\S+)|Package '?([^\s']+)'? has no installation candidate")
_APT_UNREACHABLE: Final = re.compile(r"Temporary failure resolving|Could not (?:connect|resolve)|Failed to fetch")


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
        shared: SharedImages,
        log: BuildLog,
        cancelled: Callable[[], bool],
    ) -> Base:
        """Pull or build what is missing.

        Args:
            engine: where.
            memory: what is remembered of it.
            build: how images are built.
            shared: where an image may be that was built elsewhere.
            log: is told.
            cancelled: true ends the work at once.

        Raises:
            BuildCanceled: ``cancelled`` said so.
            EnvironmentBuildException: it cannot be had; the text says why and what to do.
        """
        began = time.time()
        first = self._first_name(engine)
        below = None if self._is_old(memory, first) else inspect(engine, first, self.words)
        if below is None and self.image:
            below = self._pulled(engine, build, log, cancelled)
        elif below is None:
            if self.after is not None:
                _pull_anew(engine, self.asked.dockerfile or "", build, log, cancelled)
            context = BuildContext(self.asked.dockerfile or "", self.asked.context)
            below = self._built(engine, memory, build, shared, first, context, log, cancelled)
        if self.after is not None and not self._fresh(memory, first):
            memory.remember("base", first, {"began": began})
        if not self.asked.apt:
            return below
        name = self._apt_name(engine, below)
        found = None if self._is_old(memory, name) else inspect(engine, name, self.words)
        if found is None:
            text = dockerfiles.apt_layer(tagged(engine, below), self.asked.apt, below.config.get("User") or "")
            try:
                found = self._built(engine, memory, build, shared, name, BuildContext(text, None), log, cancelled)
            except EnvironmentBuildException as error:
                raise _apt_failed(error, below.name) from error
            memory.remember("base", name, {"began": began})
        return found

    def made_here(self, engine: ContainerEngine, base: Base) -> dict[str, str]:
        """Names and ids of the images that were built for it, those of a registry left out.

        Args:
            engine: where.
            base: what :meth:`look` or :meth:`provide` returned.
        """
        first = self._first_name(engine)
        below = inspect(engine, first) if self.asked.apt else base
        made = {} if self.image or below is None else {first: below.id}
        if self.asked.apt and below is not None:
            made[self._apt_name(engine, below)] = base.id
        return made

    def _pulled(self, engine: ContainerEngine, build: ImageBuild, log: BuildLog, cancelled: Callable[[], bool]) -> Base:
        """Pull it; for a rebuild, what is here is good enough where it cannot be pulled."""
        here = inspect(engine, self.image, self.words)
        try:
            return pull(engine, self.image, self.asked.registry, build.variables, log, cancelled)
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
        shared: SharedImages,
        name: str,
        context: BuildContext,
        log: BuildLog,
        cancelled: Callable[[], bool],
    ) -> Base:
        """Build it, unless somebody else does so meanwhile, or did so elsewhere."""
        with locked(lock_file(engine, name), log, cancelled):
            found = None if self._is_old(memory, name) else inspect(engine, name, self.words)
            if found is None and self.after is None and shared.fetch(name):
                found = inspect(engine, name, self.words)
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


def _apt_failed(error: EnvironmentBuildException, image: str) -> EnvironmentBuildException:
    """Why packages of the system were not installed upon an image, as far as apt's words tell."""
    words = "\n".join(error.log_tail)
    if missing := sorted({name for pair in _APT_MISSING.findall(words) for name in pair if name}):
        said = f"apt knows no package {', '.join(missing)} in {image}: check the names, for the system of that image"
    elif _APT_UNREACHABLE.search(words):
        said = (
            f"apt in {image} does not reach where packages come from: check the network, and [packages] proxy in "
            "settings.toml"
        )
    elif "apt-get: not found" in words or "no shell" in error.summary:
        said = (
            f"{image} has no apt, so that apt_packages (--apt) cannot be installed: name a base_image of Debian or "
            "Ubuntu (--image)"
        )
    else:
        return error
    return EnvironmentBuildException(f"{said}. {error.summary.partition(': ')[2] or error.summary}", error.log_tail)


def _pull_anew(
    engine: ContainerEngine, dockerfile: str, build: ImageBuild, log: BuildLog, cancelled: Callable[[], bool]
) -> None:
    """Pull what a Dockerfile builds upon; what cannot be pulled may be one of this machine's own."""
    for name in dockerfiles.images_of(dockerfile):
        try:
            pull(engine, name, None, build.variables, log, cancelled)
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
    place = registry_names.repository_of(name)
    digests = [d for d in found.get("RepoDigests") or () if d.partition("@")[0] == place]
    return Base(words or name, found["Id"], digests[0] if digests else "", found.get("Config") or {})


def tagged(engine: ContainerEngine, base: Base) -> str:
    """A name for an image to build upon: BuildKit takes none by its id."""
    tag = f"id-{base.id.rpartition(':')[2][:24]}"
    name = repository(engine, "base")
    engine.api.tag(base.id, name, tag)
    return f"{name}:{tag}"


def pull(
    engine: ContainerEngine,
    name: str,
    registry: str | None,
    variables: Mapping[str, str] | None,
    log: BuildLog,
    cancelled: Callable[[], bool],
) -> Base:
    """Pull an image, with its progress in the build log.

    Args:
        engine: where to.
        name: of the image; without a tag, "latest" is meant.
        registry: credentials, as "https://user:password@host"; None takes those of Docker's own configuration.
        variables: environment variables that say where that configuration is; None for this process's.
        log: is told.
        cancelled: true breaks the pull off.

    Raises:
        BuildCanceled: ``cancelled`` said so.
        EnvironmentBuildException: it cannot be pulled; the text says why and what to do.
    """
    log.say(f"Pulling {name}.")
    began = time.monotonic()
    try:
        told = registries.credentials(name, registry, variables)
    except RegistryDeniedException as error:  # most images are for everybody
        log.say(f"Notice: {error.summary}. It is asked for as nobody in particular.")
        told = registries.NOBODY
    registries.pull(engine, name, told, "base", log.say, cancelled)
    found = inspect(engine, name)
    if found is None:
        raise EnvironmentBuildException(f"the image {name} was pulled, and the container engine does not have it")
    log.say(f"Pulled {name} in {time.monotonic() - began:.1f} s{f': {found.digest}' if found.digest else ''}.")
    return found


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
    image = registry_names.in_registry(asked.image, asked.registry) if asked.image else default
    try:
        check_image_name(image)
    except UserErrorException as error:
        raise UserErrorException(f"{error} (base_image of the workspace's settings)") from None
    return BaseAsked(asked, image, after)

"""Environments for containers: a base image and, upon it, a virtual environment in a volume or in layers.

The base is an image that is there, is pulled, or is built of the user's Dockerfile and apt packages. Where its own
Python has all that is asked for, it is used as it is. Else uv builds what ``local`` would build, from the same recipe:
inside the volume ``traindock-<uid>`` of the engine, or as layers of an image.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from traindock.errors import ImageNotFoundException, UserErrorException
from traindock.images.containers import image_pythons, layers, volumes
from traindock.images.containers.bases import Base, BaseAsked
from traindock.images.containers.build_inputs import ImageBuild
from traindock.images.containers.engine_memory import EngineMemory
from traindock.images.containers.engine_work import remove_left_behind
from traindock.images.containers.engines import VOLUME_PLACE, ContainerEngine, DockerWishes, Owner
from traindock.images.containers.fill_request import ContainerBuild, conda_missing
from traindock.images.containers.image_pythons import ImagePython
from traindock.images.containers.plans import ContainerEnvironment, ContainerPlan
from traindock.images.containers.shared_images import SharedImages
from traindock.images.containers.sources import sources_in_container
from traindock.images.containers.wanted import Wanted
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildCanceled, BuildLog, BuildSettings
from traindock.images.venvs import describe

__all__ = [
    "VOLUME_PLACE",
    "ContainerEnvironment",
    "ContainerPlan",
    "DockerWishes",
    "Owner",
    "forget",
    "plan",
    "prepare",
]

_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


def plan(
    recipe: Recipe,
    *,
    engine: ContainerEngine,
    environments: Path,
    settings: BuildSettings | None,
    docker: DockerWishes,
    caller: str,
) -> ContainerPlan:
    """Say what :func:`prepare` would do, without doing it; milliseconds where nothing changed.

    Args:
        recipe: the definition.
        engine: where the container is to run.
        environments: the workspace's folder of them; what is known of an engine's is remembered there.
        settings: as for :func:`traindock.images.venvs.plan`.
        docker: how containers are wanted.
        caller: path of the submitter's interpreter, whose version is taken where the recipe leaves it open.

    Raises:
        EnvironmentBuildException: the base image has no Python that will do.
        UserErrorException: no Python will do, or packages that cannot be had in a container.
    """
    wanted = Wanted.of(recipe, environments, settings, docker, caller)
    memory = EngineMemory(environments, engine, writes=settings is not None)
    asked, base, missing = wanted.look(engine, memory)
    if base is None:
        return ContainerPlan("build", "", missing, wanted.form, asked.words, warnings=wanted.warnings)
    python = image_pythons.known(memory, base.id, recipe.interpreter)
    if python is None:
        why = f"nobody has looked yet which Python and packages {base.name} has"
        return ContainerPlan("build", "", why, wanted.form, asked.words, base.id, base.digest, warnings=wanted.warnings)
    return _with_python(wanted, engine, memory, base, python)


def prepare(
    recipe: Recipe,
    *,
    engine: ContainerEngine,
    environments: Path,
    settings: BuildSettings,
    docker: DockerWishes,
    caller: str,
    owner: Owner,
    log: Path,
    cancelled: Callable[[], bool],
) -> ContainerEnvironment:
    """Make the environment of a recipe ready for containers.

    Args:
        recipe: the definition.
        engine: where the container is to run.
        environments: as for :func:`plan`.
        settings: where packages come from; its ``variables`` are the submitter's.
        docker: how containers are wanted.
        caller: as for :func:`plan`.
        owner: whom the building containers are made for.
        log: the build log, appended to from the first moment.
        cancelled: asked many times a second; true ends the work at once.

    Raises:
        BuildCanceled: ``cancelled`` said so; what is half-built is never used.
        EnvironmentBuildException: it cannot be made; the text has the builder's last lines.
        UserErrorException: as for :func:`plan`.
    """
    started = time.monotonic()
    with BuildLog(log) as out:
        try:
            asked = describe(recipe, "the image's Python")
            out.say(f"Looking for an environment for containers with {asked}")
            wanted = Wanted.of(recipe, environments, settings, docker, caller)
            made = _Preparation(wanted, engine, environments, settings, docker, owner, out, cancelled).run()
        except BuildCanceled:
            out.say("Canceled; nothing half-built is ever used.")
            raise
        except Exception as error:
            told = getattr(error, "log_tail", ())  # the builder's own words stand above
            why = "" if told else f": {(str(error) or repr(error)).splitlines()[0]}"
            out.say(f"The environment is not ready{why or '.'}")
            raise
        seconds = time.monotonic() - started
        out.say(f"The environment is ready after {seconds:.2f} s: {made.python} of {made.base_asked}")
        return replace(made, seconds=seconds)


def forget(environments: Path, engine: ContainerEngine, key: str) -> None:
    """Look again, at the next :func:`plan`, whether an environment is there: it was not where it had been."""
    volumes.forget(engine, EngineMemory(environments, engine), key)


def _with_python(
    wanted: Wanted, engine: ContainerEngine, memory: EngineMemory, base: Base, python: ImagePython
) -> ContainerPlan:
    """The plan, where the base and its Python are known."""
    image_pythons.check_runs_jobs(python, base.name)
    recipe = wanted.recipe
    facts: dict[str, Any] = {
        "form": wanted.form,
        "base_asked": base.name,
        "base_id": base.id,
        "base_digest": base.digest,
    }
    as_it_is: dict[str, Any] = {"python": python.path, "image": base.id, "variables": {"PATH": base.path}}
    if recipe.user_managed:
        why = f"{python.path} of {base.name} is used as it is"
        key = recipe.key(base=base.id)
        return ContainerPlan("user_managed", key, why, **facts, **as_it_is, warnings=recipe.notices)
    request, version, changed = wanted.python_request(python)
    key = replace(recipe, python=version).key(wanted.contents, base.id)
    warnings = (*wanted.warnings, *changed)
    if wanted.translation.unknown:
        if not python.conda:
            raise UserErrorException(conda_missing(wanted.translation.unknown, base.name))
        against = f"{', '.join(wanted.translation.unknown)} can only come from conda"
    elif request != python.path:
        against = f"its Python {python.version} is not {wanted.want.specifier}"
    elif recipe.built_after is not None and wanted.requirements:
        against = "a rebuild is asked for"
    else:
        found = image_pythons.satisfied_by(python, wanted.requirements, recipe.constraints)
        if found is not None:
            why = f"{base.name} satisfies it: {', '.join(found) or 'nothing is asked for'}"
            kept = (*recipe.notices, *wanted.want.warnings, *changed)
            return ContainerPlan("base", key, why, **facts, **as_it_is, warnings=kept, packages=found)
        against = f"{base.name} does not have all of it"
    if wanted.form == "volume":
        return _in_volume(wanted, engine, memory, base, key, against, warnings, facts)
    return _in_image(wanted, engine, memory, base, key, against, warnings, facts)


def _in_volume(
    wanted: Wanted,
    engine: ContainerEngine,
    memory: EngineMemory,
    base: Base,
    key: str,
    against: str,
    warnings: tuple[str, ...],
    facts: Mapping[str, Any],
) -> ContainerPlan:
    found = volumes.known(engine, memory, key, wanted.recipe.built_after)
    place: dict[str, Any] = {"image": base.id, "volume": volumes.volume_name()}
    if found is None:
        why = f"{against}; it is not known to be in the volume {volumes.volume_name()}"
        return ContainerPlan("build", key, why, **facts, **place, warnings=warnings)
    why = f"{against}; it was built before, in the volume {volumes.volume_name()}"
    return ContainerPlan("cached", key, why, **facts, **place, **_environment(found.python, base, found.record, wanted))


def _in_image(
    wanted: Wanted,
    engine: ContainerEngine,
    memory: EngineMemory,
    base: Base,
    key: str,
    against: str,
    warnings: tuple[str, ...],
    facts: Mapping[str, Any],
) -> ContainerPlan:
    found = layers.known(engine, memory, key, wanted.recipe.built_after)
    if found is None:
        why = f"{against}; there is no image {layers.image_name(engine, key)[:40]}…"
        why += f" here: it is pulled from {wanted.registry}, or built" if wanted.registry else ""
        return ContainerPlan("build", key, why, **facts, warnings=warnings)
    why = f"{against}; it was built before, as the image {found.id[:19]}"
    values = _environment(layers.PYTHON, base, found.record, wanted)
    return ContainerPlan("cached", key, why, **facts, image=found.id, **values)


def _environment(python: str, base: Base, record: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    """The part of a plan that tells of a virtual environment."""
    folder = python.removesuffix("/bin/python")
    return {
        "python": python,
        "variables": {"PATH": f"{folder}/bin:{base.path}", "VIRTUAL_ENV": folder},
        "warnings": tuple(dict.fromkeys((*record["warnings"], *wanted.notices))),
        "packages": tuple(record["packages"]),
    }


@dataclass(frozen=True, slots=True)
class _Preparation:
    """One call of :func:`prepare`."""

    wanted: Wanted
    engine: ContainerEngine
    environments: Path
    settings: BuildSettings
    docker: DockerWishes
    owner: Owner
    out: BuildLog
    cancelled: Callable[[], bool]

    def run(self) -> ContainerEnvironment:
        memory = EngineMemory(self.environments, self.engine)
        shared = SharedImages(self.engine, self.docker.registry, self.settings.variables, self.out, self.cancelled)
        asked, base = self._base(memory, shared)
        made = self._made(memory, base, shared)
        why = made.why
        if shared.fetched and made.how != "pulled":
            why = f"{why}; {base.name} was pulled from {shared.registry}"
        images = asked.made_here(self.engine, base) if self.docker.registry else {}
        if made.form == "image" and made.how in ("cached", "built", "pulled"):
            images[layers.image_name(self.engine, made.key)] = made.image
        return replace(made, why=why, warnings=(*made.warnings, *shared.warnings), images=images)

    def _made(self, memory: EngineMemory, base: Base, shared: SharedImages) -> ContainerEnvironment:
        python = image_pythons.find(
            self.engine,
            memory,
            base.id,
            base.name,
            base.config,
            labels=self.owner.labels,
            cancelled=self.cancelled,
            asked=self.wanted.recipe.interpreter,
        )
        looked = _with_python(self.wanted, self.engine, memory, base, python)
        self.out.say(f"{'Miss' if looked.how == 'build' else 'Hit'} for key {looked.key[:12]}: {looked.why}.")
        for warning in looked.warnings:
            self.out.say(f"Notice: {warning}.")
        if looked.how == "cached" and looked.form == "image" and not looked.packages:
            record = layers.record_of(self.engine, memory, looked.image, self.owner.labels)
            looked = replace(looked, packages=tuple(record["packages"]), warnings=tuple(record["warnings"]))
        if looked.how != "build":
            return looked.ready(looked.how)
        if self.cancelled():
            raise BuildCanceled("the build was canceled")
        self._remove_left_behind()
        build = self._build(looked, base, python)
        if looked.form == "image":
            made = layers.build(self.engine, memory, build, shared)
            values = _environment(layers.PYTHON, base, made.record, self.wanted)
            if made.pulled:
                why = f"pulled from {shared.registry}, as {made.pulled}"
                return replace(looked, image=made.id, why=why, **values).ready("pulled")
            return replace(looked, image=made.id, **values).ready("cached" if made.found else "built")
        user = self.owner.user_of(base.id, python.path)
        filled = volumes.fill(self.engine, memory, build, user)
        values = _environment(filled.python, base, filled.record, self.wanted)
        return replace(looked, **values).ready("cached" if filled.found else filled.record["how"])

    def _base(self, memory: EngineMemory, shared: SharedImages) -> tuple[BaseAsked, Base]:
        """The base image; of an exact release that no registry has, another release of its line."""
        asked, base, missing = self.wanted.look(self.engine, memory)
        if base is not None:
            return asked, base
        self.out.say(f"{missing}.")
        others = [each for each in self.wanted.bases if each is not asked]
        try:
            return asked, asked.provide(self.engine, memory, self._image_build(), shared, self.out, self.cancelled)
        except ImageNotFoundException as error:
            if not others:
                raise
            self.out.say(f"Notice: {error.summary}.")
            asked = others[-1]
            return asked, asked.provide(self.engine, memory, self._image_build(), shared, self.out, self.cancelled)

    def _image_build(self) -> ImageBuild:
        """How a Dockerfile of the user, and apt packages, are built."""
        variables = self.settings.environment()
        proxies = {name: value for name in (*_PROXIES, *map(str.lower, _PROXIES)) if (value := variables.get(name))}
        return ImageBuild(proxies=proxies, network=self.docker.network, variables=self.settings.variables)

    def _build(self, looked: ContainerPlan, base: Base, python: ImagePython) -> ContainerBuild:
        sources = sources_in_container(self.wanted.recipe, self.wanted.requirements, self.settings)
        network = self.docker.network or ("host" if sources.on_this_machine else None)
        self.out.say(f"Building it upon Python {python.version} of {base.name}.")
        return ContainerBuild(
            recipe=self.wanted.recipe,
            key=looked.key,
            base=base,
            python=python,
            request=self.wanted.python_request(python)[0],
            want=self.wanted.want,
            requirements=self.wanted.requirements,
            translation=self.wanted.translation,
            sources=sources,
            settings=self.settings,
            warnings=looked.warnings,
            network=network,
            labels=self.owner.labels,
            log=self.out,
            cancelled=self.cancelled,
        )

    def _remove_left_behind(self) -> None:
        mine = {
            name: self.owner.labels[name]
            for name in ("traindock.workspace", "traindock.key")
            if name in self.owner.labels
        }
        if mine:
            remove_left_behind(self.engine, mine)

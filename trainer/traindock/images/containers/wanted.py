"""What a recipe asks of a container, before anything is known of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from traindock.images import addresses, frameworks, pythons
from traindock.images.conda import Translation, translate
from traindock.images.containers.bases import Base, BaseAsked, base_asked
from traindock.images.containers.engine_memory import EngineMemory
from traindock.images.containers.engines import ContainerEngine, DockerWishes
from traindock.images.containers.image_pythons import ImagePython
from traindock.images.interpreters import probe
from traindock.images.pythons import PythonWanted
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildSettings


@dataclass(frozen=True, slots=True)
class Wanted:
    """A recipe's wishes, worked out as far as this machine can.

    Attributes:
        recipe: the definition.
        want: which Pythons will do.
        translation: what is taken from PyPI for its conda packages.
        requirements: all that is to be installed, in pip's words.
        contents: what its addresses lead to now, for the key.
        notices: what is to be said of them.
        bases: the base images that will do, the best one first.
        form: where the virtual environment is to be.
        registry: where images are shared; "" for nowhere.
    """

    recipe: Recipe
    want: PythonWanted
    translation: Translation
    requirements: tuple[str, ...]
    contents: Mapping[str, str]
    notices: tuple[str, ...]
    bases: tuple[BaseAsked, ...]
    form: Literal["volume", "image"]
    registry: str

    @classmethod
    def of(
        cls, recipe: Recipe, environments: Path, settings: BuildSettings | None, docker: DockerWishes, caller: str
    ) -> Wanted:
        """Work out what a recipe asks for; the arguments are those of :func:`.environments.plan`.

        Raises:
            UserErrorException: no Python will do, or the base image's name can be none.
        """
        translation = translate(recipe.conda)
        want = pythons.wanted(recipe, translation.pip, translation.python)
        mine = probe(caller, environments / ".interpreters", remember=settings is not None)
        contents, notices = addresses.contents(
            recipe.pip,
            environments / ".addresses",
            settings.environment() if settings else None,
            offline=settings is not None and settings.offline,
        )
        names = [docker.base_image.replace("{python}", version) for version in _versions(want, mine.minor[1])]
        if recipe.container is not None and (recipe.container.image or recipe.container.dockerfile is not None):
            names = names[:1]
        bases = tuple(base_asked(recipe.container, name, recipe.built_after) for name in dict.fromkeys(names))
        form: Literal["volume", "image"] = "image" if docker.makes_images else "volume"
        requirements = frameworks.requirements_of(recipe, translation.pip)
        return cls(recipe, want, translation, requirements, contents, notices, bases, form, docker.registry)

    def look(self, engine: ContainerEngine, memory: EngineMemory) -> tuple[BaseAsked, Base | None, str]:
        """Return the first of the bases that is there; else the one to get, and why it is missing."""
        answers = [(asked, *asked.look(engine, memory)) for asked in self.bases]
        there = next((answer for answer in answers if answer[1] is not None), None)
        return there or answers[0]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said of the recipe, whatever is made of it."""
        # where conda makes the environment, nothing is taken from PyPI in its place
        translated = () if self.translation.unknown else self.translation.notices
        return (*self.recipe.notices, *self.want.warnings, *translated, *self.notices)

    def python_request(self, python: ImagePython) -> tuple[str, str | None, tuple[str, ...]]:
        """Return what to build upon, as ``uv venv --python`` takes it; its part of the key; and what that changes."""
        attempts = [each for each in (self.want, self.want.relaxed) if each is not None]
        for attempt in attempts:
            if attempt.allows(python.version):
                return python.path, None, attempt.warnings[len(self.want.warnings) :]
        return str(self.want.specifier), str(self.want.specifier), ()


def _versions(want: PythonWanted, mine: int) -> list[str]:
    """Versions for the default base image: the release that is asked for, else the line nearest to the submitter's."""
    exact = [v for s in want.specifier if s.operator == "==" and (v := s.version).count(".") == 2 and "*" not in v]
    minor = min(want.minors, key=lambda each: (abs(each - mine), -each))
    return [*exact, f"3.{minor}"]

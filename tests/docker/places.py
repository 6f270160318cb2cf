"""A workspace's environments of containers, made without runs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from traindock.compute.docker.engine import connect
from traindock.compute.docker.probe import probe
from traindock.images.containers import engines
from traindock.images.containers.engines import VOLUME_PLACE
from traindock.images.containers.environments import (
    ContainerEnvironment,
    ContainerPlan,
    DockerWishes,
    Owner,
    plan,
    prepare,
)
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildCanceled, BuildSettings
from traindock.store.layout import WorkspaceLayout

if TYPE_CHECKING:
    from tests.trainer.images.conftest import Shelf

WORKSPACE_LABEL = "traindock.workspace"
KEY_LABEL = "traindock.key"


class Place:
    """A workspace's folder of environments, and what is asked for there."""

    def __init__(self, root: Path, url: str, base: str, shelf: Shelf, label: str) -> None:
        self.root = root
        self.environments = root / "environments"
        self.log_file = root / "build.txt"
        self.engine = connect(url)
        self.base = base
        self.shelf = shelf
        self.registry = ""
        self.path: str | None = None  # where programs are looked for, such as a builder; None as this process does
        self.labels = {WORKSPACE_LABEL: label, KEY_LABEL: label}
        (root / "workspace").mkdir(parents=True, exist_ok=True)

    @property
    def repository(self) -> str:
        """What the repositories of images that are made here begin with."""
        return engines.repository(self.engine, "").rstrip("/").removeprefix("localhost/")

    @property
    def settings(self) -> BuildSettings:
        return replace(self.shelf.settings, variables={"PATH": self.path or os.environ["PATH"], "HOME": str(self.root)})

    def wishes(self, form: str, base: str | None) -> DockerWishes:
        return DockerWishes(form=form, base_image=base or self.base, registry=self.registry)  # type: ignore[arg-type]

    def _options(self, form: str, settings: BuildSettings | None, base: str | None) -> dict[str, Any]:
        return {
            "engine": self.engine,
            "environments": self.environments,
            "settings": settings or self.settings,
            "docker": self.wishes(form, base),
            "caller": sys.executable,
        }

    def plan(
        self, recipe: Recipe, form: str = "volume", settings: BuildSettings | None = None, base: str | None = None
    ) -> ContainerPlan:
        return plan(recipe, **self._options(form, settings, base))

    def prepare(
        self,
        recipe: Recipe,
        form: str = "volume",
        settings: BuildSettings | None = None,
        base: str | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> ContainerEnvironment:
        layout = WorkspaceLayout(self.root / "workspace")
        owner = Owner(lambda image, python: probe(self.engine, image, python, layout), self.labels)
        return prepare(
            recipe, **self._options(form, settings, base), owner=owner, log=self.log_file, cancelled=cancelled
        )

    def seconds_until_canceled(self, form: str) -> float:
        """Cancel a build that would take a minute, once it is at work; return how long it took to end."""
        self.shelf.source("slow", "1.0", "time.sleep(60)\nreturn _wheel(folder, 'slow', '1.0')")
        asked: list[float] = []

        def cancelled() -> bool:
            if "Building slow" in self.log:
                asked.append(time.monotonic())
            return bool(asked)

        with pytest.raises(BuildCanceled):
            self.prepare(Recipe(pip=("slow",)), form, cancelled=cancelled)
        return time.monotonic() - asked[0]

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8") if self.log_file.exists() else ""

    def ask(self, made: ContainerEnvironment, code: str, *, user: str = "65534:65534") -> str:
        """What Python prints in a container with the environment, mounted as in jobs: read-only."""
        from docker.types import Mount

        mounts = [Mount(VOLUME_PLACE, made.volume, type="volume", read_only=True)] if made.volume else []
        mine = (
            f"{os.getuid()}:{os.getgid()}" if made.volume and "rootless" not in str(self.engine.facts().kind) else user
        )
        output: bytes = self.engine.client.containers.run(
            made.image,
            entrypoint=[made.python, "-c", code],
            user="0:0" if "rootless" in str(self.engine.facts().kind) else mine,
            environment=dict(made.variables),
            mounts=mounts,
            network_mode="none",
            labels=self.labels,
            remove=True,
            stderr=False,
        )
        return output.decode().strip()

    def containers(self) -> list[Any]:
        filters = {"label": f"{WORKSPACE_LABEL}={self.labels[WORKSPACE_LABEL]}"}
        found: list[Any] = self.engine.api.containers(all=True, filters=filters)
        return found

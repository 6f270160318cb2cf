"""A workspace's folder of environments, and interpreters beside this process's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.trainer.images.conftest import Shelf

from traindock.images.recipe import Recipe
from traindock.images.uv import BuildSettings, find_uv
from traindock.images.venvs import Plan, Prepared, plan, prepare

WaitUntil = Callable[[Callable[[], Any], str], Any]


class Place:
    """A workspace's folder of environments, and one build log."""

    def __init__(self, root: Path, shelf: Shelf) -> None:
        self.environments = root / "environments"
        self.log_file = root / "driver" / "build.txt"
        self.shelf = shelf

    def prepare(
        self,
        recipe: Recipe,
        *,
        caller: str = sys.executable,
        cancelled: Callable[[], bool] = lambda: False,
        settings: BuildSettings | None = None,
    ) -> Prepared:
        return prepare(
            recipe,
            environments=self.environments,
            caller=caller,
            log=self.log_file,
            cancelled=cancelled,
            settings=settings or self.shelf.settings,
        )

    def plan(self, recipe: Recipe) -> Plan:
        return plan(recipe, environments=self.environments, caller=sys.executable)

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8")

    @property
    def folders(self) -> list[str]:
        """The environments that are there, whole or not."""
        return sorted(p.name for p in self.environments.glob("*") if p.is_dir() and not p.name.startswith("."))


@pytest.fixture
def place(tmp_path: Path, shelf: Shelf) -> Place:
    return Place(tmp_path / "workspace", shelf)


def output_of(python: str, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter that is not this process's own, with nothing installed."""
    folder = tmp_path_factory.mktemp("other") / "venv"
    subprocess.run([find_uv(), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    return str(folder / "bin" / "python")


def install(python: str, *wheels: Path) -> None:
    command = [find_uv(), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python]
    subprocess.run([*command, *map(str, wheels)], check=True)


def python_of(minor: int) -> str | None:
    from traindock.images import pythons

    return pythons._on_this_machine(f"==3.{minor}.*")

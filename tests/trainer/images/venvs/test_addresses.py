"""Packages that are named by an address."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

import pytest
from tests.trainer.images.venvs.conftest import Place, output_of

from traindock.images.addresses import contents
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildSettings
from traindock.images.venvs import Prepared

PACKAGE_BACKEND = """
import pathlib, zipfile

def build_sdist(folder, settings=None):
    raise NotImplementedError

def build_wheel(folder, settings=None, metadata=None):
    file, info = "byaddress-1.0-py3-none-any.whl", "byaddress-1.0.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder) / file, "w") as wheel:
        wheel.writestr("byaddress.py", f"version = {pathlib.Path('version.txt').read_text()!r}")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: byaddress\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return file
"""


class TestAddresses:
    def package(self, folder: Path, version: str) -> str:
        """A source package in a folder, whose module says ``version``."""
        (folder / "build").mkdir(parents=True, exist_ok=True)
        (folder / "build" / version).touch()  # what a build leaves behind is no content
        (folder / "version.txt").write_text(version)
        (folder / "backend.py").write_text(PACKAGE_BACKEND)
        (folder / "pyproject.toml").write_text(
            '[project]\nname = "byaddress"\nversion = "1.0"\n'
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        )
        return folder.as_uri()

    def version(self, ready: Prepared) -> str:
        return output_of(ready.python, "import byaddress; print(byaddress.version)")

    @pytest.mark.slow
    def test_of_a_folder_are_built_anew_when_its_content_changed(self, place: Place, tmp_path: Path) -> None:
        address = self.package(tmp_path / "with space", "one")
        recipe = Recipe(pip=(f"byaddress @ {address}",))
        assert self.version(place.prepare(recipe)) == "one"
        (tmp_path / "with space" / "build" / "more").touch()
        assert place.prepare(recipe).how == "cached"
        self.package(tmp_path / "with space", "two")
        ready = place.prepare(recipe)
        assert (ready.how, self.version(ready)) == ("built", "two")

    @pytest.mark.slow
    @pytest.mark.parametrize("ref", ["@v1", *(pytest.param(ref, marks=pytest.mark.slow) for ref in ("", "@main"))])
    def test_of_a_repository_are_built_anew_when_it_has_moved(self, place: Place, tmp_path: Path, ref: str) -> None:
        repository = tmp_path / "repository"
        address = self.package(repository, "one")
        git = functools.partial(subprocess.run, cwd=repository, check=True, capture_output=True)
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]

        def commit() -> None:
            git(["git", "add", "."])
            git(["git", *who, "commit", "-m", "x"])
            git(["git", *who, "tag", "--force", "-m", "x", "v1"])

        git(["git", "init", "-b", "main"])
        commit()
        recipe, online = Recipe(pip=(f"byaddress @ git+{address}{ref}",)), BuildSettings()
        assert self.version(place.prepare(recipe, settings=online)) == "one"
        assert place.prepare(recipe, settings=online).how == "cached"
        self.package(repository, "two")
        commit()
        ready = place.prepare(recipe, settings=online)
        assert (ready.how, self.version(ready)) == ("built", "two")
        repository.rename(tmp_path / "gone")
        ready = place.prepare(recipe, settings=online)
        assert (ready.how, self.version(ready)) == ("cached", "two")
        assert "was not asked" in ready.warnings[-1]
        assert "as before" in ready.warnings[-1]
        ready = place.prepare(recipe, settings=BuildSettings(offline=True))
        assert "settings say offline" in ready.warnings[-1]

    def test_that_name_a_commit_need_no_question(self, tmp_path: Path) -> None:
        pinned = f"byaddress @ git+https://example.invalid/a.git@{'0' * 40}"
        assert contents([pinned, "six", "a @ https://example.invalid/a.whl"], tmp_path, {}) == ({}, ())

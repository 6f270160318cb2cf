"""Environments with packages of conda."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.trainer.images.conftest import Shelf
from tests.trainer.images.venvs.conftest import Place

from traindock.errors import EnvironmentBuildException, UserErrorException
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildSettings, find_uv

FAKE_MICROMAMBA = """#!/bin/sh
# creates what --prefix names, as micromamba would, and keeps the file that it was given
while [ $# -gt 0 ]; do
  case "$1" in
    --prefix) prefix="$2"; shift ;;
    --file) cp "$2" "{kept}"; shift ;;
  esac
  shift
done
env > "{kept}.env"
[ -z "$PIP_CONSTRAINT" ] || cp "$PIP_CONSTRAINT" "{kept}.bounds"
echo "fake micromamba at work"
"{uv}" venv --quiet --python "{python}" "$prefix"
"""


class TestCondaPackages:
    @pytest.fixture(autouse=True)
    def no_conda(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """A PATH on which there is no conda of any kind."""
        programs = tmp_path / "bin"
        programs.mkdir()
        monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
        if any(shutil.which(name) for name in ("conda", "mamba", "micromamba")):
            pytest.skip("conda is installed for the whole system")
        return programs

    def test_come_from_pypi_where_it_has_the_same_name_and_this_is_said(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.2.3")
        ready = place.prepare(Recipe(conda=("conda-forge::shelf-one=1.2", "cudatoolkit=10.1", "pip")))
        assert ready.packages == ("shelf-one==1.2.3",)
        assert "conda package conda-forge::shelf-one=1.2 is taken from PyPI" in ready.warnings
        assert "Notice: conda package cudatoolkit=10.1 is left out" in place.log

    def test_that_no_index_knows_are_an_error_naming_all_of_them(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.0")
        with pytest.raises(UserErrorException, match="conda packages shelf-lib, shelf-tool,") as caught:
            place.prepare(Recipe(conda=("shelf-tool", "shelf-one", "shelf-lib")))
        assert "shelf-one" not in str(caught.value)
        assert place.folders == []

    def test_that_are_known_not_to_be_python_are_refused_without_asking(self, place: Place) -> None:
        with pytest.raises(UserErrorException, match="ffmpeg"):
            place.prepare(Recipe(conda=("ffmpeg=4",)))

    def test_are_built_by_conda_where_there_is_one(self, place: Place, no_conda: Path, tmp_path: Path) -> None:
        import yaml

        kept = tmp_path / "kept.yml"
        program = no_conda / "micromamba"
        program.write_text(FAKE_MICROMAMBA.format(kept=kept, uv=find_uv(), python=sys.executable))
        program.chmod(0o755)
        recipe = Recipe(conda=("ffmpeg=4", "numpy"), pip=("shelf-one",), channels=("conda-forge",))
        ready = place.prepare(recipe)
        assert ready.how == "conda"
        assert "fake micromamba at work" in place.log
        document = yaml.safe_load(kept.read_text())
        assert document["channels"] == ["conda-forge"]
        pip = {"pip": [f"--find-links {place.shelf.folder}", "shelf-one"]}
        assert document["dependencies"][2:] == ["ffmpeg=4", "numpy", pip]
        assert place.prepare(recipe).how == "cached"

    def test_are_built_by_conda_upon_the_submitters_python_from_where_the_settings_say(
        self, place: Place, no_conda: Path, tmp_path: Path
    ) -> None:
        import yaml

        kept = tmp_path / "kept.yml"
        program = no_conda / "micromamba"
        program.write_text(FAKE_MICROMAMBA.format(kept=kept, uv=find_uv(), python=sys.executable))
        program.chmod(0o755)
        settings = BuildSettings(
            index_url="https://i", extra_index_urls=("https://e",), find_links=("/shelf",), offline=True
        )
        recipe = Recipe(
            conda=("ffmpeg=4", "numpy=1.23"),
            pip=("shelf-one",),
            pip_options=("--extra-index-url https://own",),
            constraints=("shelf-two<2",),
        )
        ready = place.prepare(recipe, settings=settings)
        assert not any("taken from PyPI" in text for text in (*ready.warnings, place.log))
        variables = dict(line.split("=", 1) for line in Path(f"{kept}.env").read_text().splitlines() if "=" in line)
        assert (variables["PIP_INDEX_URL"], variables["PIP_EXTRA_INDEX_URL"]) == ("https://i", "https://own https://e")
        assert (variables["PIP_NO_INDEX"], variables["MAMBA_OFFLINE"]) == ("1", "true")
        assert Path(f"{kept}.bounds").read_text() == "shelf-two<2\n"
        dependencies = yaml.safe_load(kept.read_text())["dependencies"]
        assert dependencies[0] == f"python=3.{sys.version_info.minor}"
        assert dependencies[-1] == {"pip": ["--find-links /shelf", "shelf-one"]}
        assert [path.name for path in place.environments.iterdir() if path.suffix in (".yml", ".txt")] == []
        place.prepare(replace(recipe, index_url="https://recipe", python="3.9"), settings=settings)
        assert "\nPIP_INDEX_URL=https://recipe\n" in Path(f"{kept}.env").read_text()
        assert yaml.safe_load(kept.read_text())["dependencies"][0] == "python=3.9"

    def test_that_turn_out_to_be_condas_are_not_said_to_come_from_pypi(
        self, place: Place, shelf: Shelf, no_conda: Path, tmp_path: Path
    ) -> None:
        program = no_conda / "micromamba"
        program.write_text(FAKE_MICROMAMBA.format(kept=tmp_path / "kept", uv=find_uv(), python=sys.executable))
        program.chmod(0o755)
        shelf.wheel("shelf-one", "1.0")
        ready = place.prepare(Recipe(conda=("shelf-tool", "shelf-one")))
        assert (ready.how, ready.warnings) == ("conda", ())

    def test_a_failing_conda_is_an_error_with_its_words(self, place: Place, no_conda: Path) -> None:
        program = no_conda / "micromamba"
        program.write_text("#!/bin/sh\necho nothing provides ffmpeg 99\nexit 1\n")
        program.chmod(0o755)
        with pytest.raises(EnvironmentBuildException, match="nothing provides ffmpeg 99"):
            place.prepare(Recipe(conda=("ffmpeg=99",)))
        assert place.folders == []

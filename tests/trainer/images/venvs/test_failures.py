"""Environments that cannot be built."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from tests.trainer.images.conftest import Shelf
from tests.trainer.images.venvs.conftest import Place

from traindock.errors import EnvironmentBuildException
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildSettings
from traindock.images.venvs import Prepared


class TestWhatCannotBeBuilt:
    @pytest.mark.parametrize(
        ("requirement", "words"),
        [("shelf-none", "shelf-none was not found"), ("shelf-one==9", "no version of shelf-one==9")],
    )
    def test_what_never_existed_is_an_error_with_the_resolvers_words(
        self, place: Place, shelf: Shelf, requirement: str, words: str
    ) -> None:
        shelf.wheel("shelf-one", "1.0")
        with pytest.raises(EnvironmentBuildException, match=words) as caught:
            place.prepare(Recipe(pip=(requirement,)))
        assert any(words in line for line in caught.value.log_tail)
        assert words in place.log
        assert "WARNING" not in place.log
        assert place.folders == []

    @pytest.mark.slow
    def test_the_registry_does_not_know_it_either_and_says_so_within_a_minute(self, place: Place) -> None:
        settings = BuildSettings()
        started = time.monotonic()
        with pytest.raises(EnvironmentBuildException) as caught:
            place.prepare(Recipe(pip=("traindock-no-such-package-exists",)), settings=settings)
        assert time.monotonic() - started < 60
        if "dns error" in str(caught.value) or "Failed to fetch" in str(caught.value):
            pytest.skip("no package registry can be reached")
        assert "traindock-no-such-package-exists was not found" in str(caught.value)

    def test_a_build_that_only_another_index_has_is_an_error_naming_that_index(
        self, place: Place, shelf: Shelf
    ) -> None:
        shelf.wheel("torch", "2.1.2")
        with pytest.raises(
            EnvironmentBuildException, match=r"--extra-index-url https://download.pytorch.org/whl/cu118"
        ):
            place.prepare(Recipe(pip=("torch==2.1.2+cu118",)))

    def test_another_content_than_the_hash_says_is_an_error(self, place: Place, shelf: Shelf) -> None:
        wheel = shelf.wheel("shelf-one", "1.0")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        ready = place.prepare(Recipe(pip=(f"shelf-one==1.0 --hash=sha256:{digest}",)))
        assert ready.packages == ("shelf-one==1.0",)
        with pytest.raises(EnvironmentBuildException, match=r"(?i)hash"):
            place.prepare(Recipe(pip=(f"shelf-one==1.0 --hash=sha256:{'0' * 64}",)))

    def test_an_unreachable_index_is_an_error_that_keeps_the_password(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        settings = BuildSettings(index_url="http://someone:geheim@127.0.0.1:9/simple?token=geheim2")
        with pytest.raises(EnvironmentBuildException) as caught:
            place.prepare(Recipe(pip=("shelf-one==1.0",)), settings=settings)
        assert "127.0.0.1:9" in place.log
        assert "geheim" not in place.log
        assert "geheim" not in str(caught.value)
        assert "WARNING" not in place.log, "a dead network is no reason to relax a pin"

    def test_a_folder_that_cannot_be_written_is_a_typed_error(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.0")
        place.environments.parent.mkdir()
        place.environments.touch()
        with pytest.raises(EnvironmentBuildException, match="refuses to take an environment"):
            place.prepare(Recipe(pip=("shelf-one",)))

    def test_missing_certificates_are_named(self, place: Place, tmp_path: Path) -> None:
        settings = BuildSettings(ca_bundle=str(tmp_path / "ca.pem"), offline=True)
        with pytest.raises(EnvironmentBuildException, match=r"ca\.pem"):
            place.prepare(Recipe(pip=("shelf-one",)), settings=settings)


class TestPinsThatNoLongerInstall:
    def relaxed(self, place: Place, *requirements: str) -> Prepared:
        ready = place.prepare(Recipe(pip=requirements))
        assert ready.how == "built"
        return ready

    def test_a_source_that_no_longer_builds_is_replaced_by_a_newer_release_and_said_so(
        self, place: Place, shelf: Shelf
    ) -> None:
        shelf.broken("shelfold", "1.0")
        shelf.wheel("shelfold", "2.0")
        ready = self.relaxed(place, "shelfold==1.0")
        assert ready.packages == ("shelfold==2.0",)
        assert ready.warnings == (
            "shelfold==1.0 no longer installs on this Python, so shelfold>=1.0 is used in its place",
        )
        assert f"WARNING: {ready.warnings[0]}." in place.log
        assert place.prepare(Recipe(pip=("shelfold==1.0",))).warnings == ready.warnings, "a hit says it again"

    def test_so_are_wheels_for_another_python_or_machine(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-old", "1.0", tag="cp27-cp27m-manylinux1_x86_64")
        shelf.wheel("shelf-old", "1.5")
        shelf.wheel("shelf-win", "1.0", tag="py3-none-win32")
        shelf.wheel("shelf-win", "1.5")
        ready = self.relaxed(place, "shelf_old==1.0", "shelf.win === 1.0")
        assert ready.packages == ("shelf-old==1.5", "shelf-win==1.5")
        assert len(ready.warnings) == 2

    @pytest.mark.slow
    def test_other_pins_are_left_alone(self, place: Place, shelf: Shelf) -> None:
        shelf.broken("shelfold", "1.0")
        shelf.wheel("shelfold", "2.0")
        shelf.wheel("shelf-one", "1.0")
        shelf.wheel("shelf-one", "2.0")
        assert self.relaxed(place, "shelfold==1.0", "shelf-one==1.0").packages == ("shelf-one==1.0", "shelfold==2.0")

    def test_without_a_newer_release_it_is_an_error_that_tells_of_the_attempt(self, place: Place, shelf: Shelf) -> None:
        shelf.broken("shelfold", "1.0")
        with pytest.raises(EnvironmentBuildException, match="no longer installs on this Python"):
            place.prepare(Recipe(pip=("shelfold==1.0",)))

    @pytest.mark.parametrize("kind", ["source", pytest.param("wheel", marks=pytest.mark.slow)])
    def test_so_is_a_pin_whose_dependency_no_longer_installs(self, place: Place, shelf: Shelf, kind: str) -> None:
        if kind == "source":
            shelf.broken("shelfold", "1.0")
        else:
            shelf.wheel("shelfold", "1.0", tag="cp27-cp27m-manylinux1_x86_64")
        shelf.wheel("shelfold", "2.0")
        shelf.wheel("shelf-main", "1.0", metadata=["Requires-Dist: shelfold==1.0"])
        shelf.wheel("shelf-main", "2.0", metadata=["Requires-Dist: shelfold"])
        assert self.relaxed(place, "shelf-main==1.0").packages == ("shelf-main==2.0", "shelfold==2.0")

    @pytest.mark.slow
    def test_what_no_pin_of_the_user_asks_for_is_not_relaxed(self, place: Place, shelf: Shelf) -> None:
        shelf.broken("shelfold", "1.0")
        shelf.wheel("shelfold", "2.0")
        shelf.wheel("shelf-main", "1.0", metadata=["Requires-Dist: shelfold==1.0"])
        with pytest.raises(EnvironmentBuildException, match=r"shelfold==1\.0"):
            place.prepare(Recipe(pip=("shelf-main",)))

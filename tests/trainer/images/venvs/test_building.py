"""Environments are built once, and nothing half-built is ever used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from tests.trainer.images.conftest import Shelf
from tests.trainer.images.venvs.conftest import Place, WaitUntil, output_of, python_of

from traindock.errors import EnvironmentBuildException
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildCanceled, BuildSettings
from traindock.images.venvs import Prepared


class TestBuilding:
    def test_is_done_once_and_the_next_one_is_a_hit(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.0")
        shelf.wheel("shelf-one", "2.0")
        recipe = Recipe(pip=("shelf-one==1.0",))
        assert place.plan(recipe).how == "build"
        built = place.prepare(recipe)
        assert built.how == "built"
        assert built.packages == ("shelf-one==1.0",)
        assert output_of(built.python, "import shelf_one; print(shelf_one.version)") == "1.0"
        cached = place.prepare(recipe)
        assert (cached.how, cached.python, cached.packages) == ("cached", built.python, built.packages)
        assert place.plan(recipe).how == "cached"
        assert place.log.count("Building it with uv") == 1

    def test_takes_the_same_definition_in_another_spelling_for_the_same(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.0")
        shelf.wheel("shelf-two", "1.0")
        built = place.prepare(Recipe(pip=("shelf-one", "shelf-two>=1")))
        cached = place.prepare(Recipe(pip=("Shelf_Two >= 1", " SHELF.one ")))
        assert (cached.how, cached.python) == ("cached", built.python)

    def test_keeps_within_the_constraints(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-main", "1.0", metadata=["Requires-Dist: shelf-one"])
        shelf.wheel("shelf-one", "1.0")
        shelf.wheel("shelf-one", "2.0")
        ready = place.prepare(Recipe(pip=("shelf-main",), constraints=("shelf-one<2", "shelf-other<3")))
        assert ready.packages == ("shelf-main==1.0", "shelf-one==1.0")

    def test_is_logged_from_the_first_line_on(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.0")
        ready = place.prepare(Recipe(pip=("shelf-one",)))
        lines = place.log.splitlines()
        assert lines[0] == "Looking for an environment with the submitter's Python and shelf-one"
        assert lines[1].startswith(f"Miss for key {ready.key[:12]}: ")
        assert "shelf-one is not installed" in lines[1]
        assert "no such environment was built before" in lines[1]
        assert " + shelf-one==1.0" in lines
        assert lines[-1].startswith("The environment is ready after")

    def test_compiles_the_packages(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.0")
        ready = place.prepare(Recipe(pip=("shelf-one",)))
        assert list(Path(ready.python).parent.parent.rglob("__pycache__/shelf_one.*.pyc"))

    def test_works_below_a_folder_with_spaces_quotes_and_umlauts(self, tmp_path: Path, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.0")
        place = Place(tmp_path / "Größe 'x' \"y\" 图像", shelf)
        ready = place.prepare(Recipe(pip=("shelf-one",)))
        assert output_of(ready.python, "import shelf_one; print(shelf_one.version)") == "1.0"
        assert place.prepare(Recipe(pip=("shelf-one",))).how == "cached"

    def test_goes_on_when_the_log_cannot_be_written(self, tmp_path: Path, shelf: Shelf) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("there is no /dev/full here")
        shelf.wheel("shelf-one", "1.0")
        place = Place(tmp_path, shelf)
        place.log_file = Path("/dev/full")
        assert place.prepare(Recipe(pip=("shelf-one",))).how == "built"

    @pytest.mark.slow
    def test_upon_another_python_where_the_recipe_asks_for_it(self, place: Place, shelf: Shelf) -> None:
        other = next((p for m in range(8, 20) if m != sys.version_info.minor and (p := python_of(m))), None)
        if other is None:
            pytest.skip("there is no other Python on this machine")
        version = output_of(other, "import sys; print('%d.%d' % sys.version_info[:2])")
        shelf.wheel("shelf-one", "1.0")
        ready = place.prepare(Recipe(python=version, pip=("shelf-one",)))
        assert output_of(ready.python, "import sys; print('%d.%d' % sys.version_info[:2])") == version
        assert place.prepare(Recipe(python=version, pip=("shelf-one",))).how == "cached"

    @pytest.mark.slow
    def test_goes_back_to_another_release_of_its_line_where_the_one_asked_for_cannot_be_fetched(
        self, place: Place, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shelf.wheel("shelf-one", "1.0")
        line = f"3.{sys.version_info.minor}"
        monkeypatch.setattr("traindock.images.pythons._fetchable", lambda: (f"{line}.59",))
        settings = BuildSettings(find_links=(str(shelf.folder),))
        ready = place.prepare(Recipe(python=f"{line}.59", pip=("shelf-one",)), settings=settings)
        assert ready.packages == ("shelf-one==1.0",)
        assert ready.warnings == (f"Python {line}.59 cannot be had; another release of {line} is used",)
        assert "It cannot be fetched" in place.log

    @pytest.mark.parametrize(
        "damage",
        [
            b"{",
            *(
                pytest.param(damage, marks=pytest.mark.slow)
                for damage in (b"", b"[]", b'{"format": 1}', b"\xff\xfe", b'{"format": 1, "key": "0", "packages": 3}')
            ),
        ],
    )
    def test_is_done_anew_when_the_record_is_damaged(self, place: Place, shelf: Shelf, damage: bytes) -> None:
        shelf.wheel("shelf-one", "1.0")
        recipe = Recipe(pip=("shelf-one",))
        first = place.prepare(recipe)
        (place.environments / first.key / "complete.json").write_bytes(damage)
        assert place.prepare(recipe).how == "built"
        assert "complete.json is damaged" in place.log
        assert place.prepare(recipe).how == "cached"

    @pytest.mark.slow
    def test_is_done_anew_when_the_python_beneath_it_is_gone(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.0")
        recipe = Recipe(pip=("shelf-one",))
        python = Path(place.prepare(recipe).python)
        python.unlink()
        python.symlink_to("/no/such/python")
        assert place.prepare(recipe).how == "built"
        assert "the Python that it was built upon is gone" in place.log


class TestAnUnchangedEnvironmentIsToldWithoutStartingAProcess:
    """Which alone would take longer than all else: a row of the benchmarks has the milliseconds."""

    def test_of_the_submitter(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        recipe = Recipe(pip=("numpy", "pytest", "packaging", "pyyaml"), framework=None)
        assert place.prepare(recipe).how == "caller"
        monkeypatch.setattr(subprocess, "Popen", None)
        assert place.prepare(recipe).how == "caller"

    def test_of_the_cache(self, place: Place, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        shelf.wheel("shelf-one", "1.0")
        recipe = Recipe(pip=("shelf-one",))
        place.prepare(recipe)
        monkeypatch.setattr(subprocess, "Popen", None)
        assert place.prepare(recipe).how == "cached"

    def test_of_another_interpreter(
        self, place: Place, shelf: Shelf, other_python: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recipe = Recipe(pip=("not; python_version < '3'",))
        assert place.prepare(recipe, caller=other_python).how == "caller"
        monkeypatch.setattr(subprocess, "Popen", None)
        assert place.prepare(recipe, caller=other_python).how == "caller"


BUILDER = """
import sys
from pathlib import Path
from traindock.images.addresses import contents
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildSettings
from traindock.images.venvs import prepare
root, shelf, log = sys.argv[1:]
settings = BuildSettings(find_links=(shelf,), offline=True)
ready = prepare(Recipe(pip=("slowpack",)), environments=Path(root), caller=sys.executable, log=Path(log),
                cancelled=lambda: False, settings=settings)
print(ready.how)
"""


class TestARebuild:
    def test_takes_what_is_newest_and_is_what_later_runs_get(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.0")
        recipe = Recipe(pip=("shelf-one",))
        first = place.prepare(recipe)
        shelf.wheel("shelf-one", "2.0")
        assert place.prepare(recipe).packages == ("shelf-one==1.0",)
        anew = replace(recipe, built_after=time.time())
        second = place.prepare(anew)
        assert (second.how, second.packages, second.key) == ("built", ("shelf-one==2.0",), first.key)
        assert "a rebuild is asked for" in second.why or "too old" in second.why
        assert output_of(first.python, "import shelf_one; print(shelf_one.version)") == "1.0"  # a job may be using it
        for later in (recipe, anew):
            ready = place.prepare(later)
            assert (ready.how, ready.python) == ("cached", second.python)

    @pytest.mark.slow
    def test_that_fails_leaves_what_was_built_before(self, place: Place, shelf: Shelf) -> None:
        wheel = shelf.wheel("shelf-one", "1.0")
        recipe = Recipe(pip=("shelf-one",))
        first = place.prepare(recipe)
        wheel.unlink()
        with pytest.raises(EnvironmentBuildException):
            place.prepare(replace(recipe, built_after=time.time()))
        assert place.prepare(recipe).python == first.python
        assert place.folders == [first.key]

    def test_is_not_the_submitters_interpreter(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("pytest", "99.0")
        planned = place.plan(Recipe(pip=("pytest",), built_after=time.time()))
        assert (planned.how, "a rebuild is asked for" in planned.why) == ("build", True)


class TestSeveralAtOnce:
    def builder(self, place: Place, name: str) -> tuple[subprocess.Popen[str], Path]:
        log = place.log_file.with_name(f"{name}.txt")
        arguments = [str(place.environments), str(place.shelf.folder), str(log)]
        process = subprocess.Popen(
            [sys.executable, "-c", BUILDER, *arguments], stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT
        )
        return process, log

    @pytest.mark.slow
    def test_two_processes_build_one_environment_once(self, place: Place, shelf: Shelf, wait_until: WaitUntil) -> None:
        shelf.slow("slowpack")
        first, _ = self.builder(place, "first")
        wait_until(shelf.started.exists, "the first build")
        second, second_log = self.builder(place, "second")
        wait_until(lambda: second_log.exists() and "waiting for it" in second_log.read_text(), "the second to wait")
        assert "Building it with uv" not in second_log.read_text()
        shelf.go.touch()
        assert first.communicate(timeout=60)[0].strip() == "built"
        assert second.communicate(timeout=60)[0].strip() == "cached"
        assert "Building it with uv" not in second_log.read_text()
        assert "somebody else has built it" in second_log.read_text()

    @pytest.mark.slow
    def test_waiting_for_somebody_else_can_be_cancelled(
        self, place: Place, shelf: Shelf, wait_until: WaitUntil
    ) -> None:
        shelf.slow("slowpack")
        first, _ = self.builder(place, "first")
        try:
            wait_until(shelf.started.exists, "the first build")
            with pytest.raises(BuildCanceled):
                place.prepare(Recipe(pip=("slowpack",)), cancelled=lambda: "waiting for it" in place.log)
        finally:
            shelf.go.touch()
        assert first.communicate(timeout=60)[0].strip() == "built"

    @pytest.mark.slow
    def test_a_builder_killed_in_mid_build_leaves_nothing_that_is_used(
        self, place: Place, shelf: Shelf, wait_until: WaitUntil
    ) -> None:
        shelf.slow("slowpack")
        first, _ = self.builder(place, "first")
        wait_until(shelf.started.exists, "the build")
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        assert len(place.folders) == 1
        recipe = Recipe(pip=("slowpack",))
        assert "a build of it was not finished" in place.plan(recipe).why
        # what the killed builder had started still works on the folder: nobody builds beneath it
        results: list[Prepared] = []
        again = threading.Thread(target=lambda: results.append(place.prepare(recipe)))
        again.start()
        wait_until(lambda: place.log_file.exists() and "waiting for it" in place.log, "the second builder to wait")
        shelf.go.touch()
        again.join(60)
        assert results[0].how == "built"
        assert output_of(results[0].python, "import slowpack; print(slowpack.version)") == "1.0"


class TestCancelling:
    @pytest.mark.slow
    def test_in_mid_build_ends_the_builder_at_once_and_leaves_nothing(
        self, place: Place, shelf: Shelf, wait_until: WaitUntil
    ) -> None:
        shelf.slow("slowpack")
        asked: list[float] = []

        def cancelled() -> bool:
            if shelf.started.exists() and shelf.started.read_text() and not asked:
                assert "Building slowpack==1.0" in place.log, "uv's words are in the log while it works"
                asked.append(time.monotonic())
            return bool(asked)

        with pytest.raises(BuildCanceled):
            place.prepare(Recipe(pip=("slowpack",)), cancelled=cancelled)
        assert time.monotonic() - asked[0] < 5
        backend = int(shelf.started.read_text())
        wait_until(lambda: not psutil.pid_exists(backend), "the build backend to be gone")
        assert place.folders == []
        assert "Canceled" in place.log
        shelf.go.touch()
        assert place.prepare(Recipe(pip=("slowpack",))).how == "built"

    def test_before_the_build_starts_nothing(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.0")
        with pytest.raises(BuildCanceled):
            place.prepare(Recipe(pip=("shelf-one",)), cancelled=lambda: True)
        assert place.folders == []


def test_the_record_names_what_was_asked_for_and_what_was_installed(place: Place, shelf: Shelf) -> None:
    shelf.wheel("shelf-one", "1.0")
    ready = place.prepare(Recipe(pip=("Shelf_One >= 1",)))
    record = json.loads((place.environments / ready.key / "complete.json").read_text())
    assert record["requirements"] == ["shelf-one>=1"]
    assert record["packages"] == ["shelf-one==1.0"]
    assert os.access(ready.python, os.X_OK)


@pytest.mark.slow
def test_a_small_package_comes_from_the_registry(place: Place) -> None:
    settings = BuildSettings()
    try:
        ready = place.prepare(Recipe(pip=("iniconfig==2.0.0", "six==1.16.0")), settings=settings)
    except EnvironmentBuildException as error:
        if "dns error" in str(error) or "Failed to fetch" in str(error):
            pytest.skip("no package registry can be reached")
        raise
    assert output_of(ready.python, "import six, iniconfig; print(six.__version__)") == "1.16.0"

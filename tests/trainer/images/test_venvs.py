"""Making environments ready: whose Python is used and why, built once, and nothing half-built is ever used."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from traindock.errors import EnvironmentBuildException, UserErrorException
from traindock.images import interpreters
from traindock.images.addresses import contents
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildCanceled, BuildSettings, find_uv
from traindock.images.venvs import Plan, Prepared, plan, prepare

if TYPE_CHECKING:
    from conftest import Shelf

WaitUntil = Callable[[Callable[[], Any], str], Any]


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


def milliseconds(action: Callable[[], object], times: int = 15) -> float:
    """Median of several runs, so that a busy machine does not decide."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


@pytest.fixture(scope="session")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter that is not this process's own, with nothing installed."""
    folder = tmp_path_factory.mktemp("other") / "venv"
    subprocess.run([find_uv(), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    return str(folder / "bin" / "python")


def install(python: str, *wheels: Path) -> None:
    command = [find_uv(), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python]
    subprocess.run([*command, *map(str, wheels)], check=True)


class TestTheSubmittersInterpreter:
    def test_is_used_where_it_satisfies_the_recipe_and_the_log_gives_the_versions(self, place: Place) -> None:
        import numpy

        ready = place.prepare(Recipe(pip=("NumPy >= 1.0", "pytest")))
        assert (ready.how, ready.python) == ("caller", sys.executable)
        assert f"numpy=={numpy.__version__}" in [p.lower() for p in ready.packages]
        assert f"{numpy.__version__}, pytest {pytest.__version__}" in place.log
        assert place.folders == []

    def test_is_used_for_an_environment_without_packages(self, place: Place) -> None:
        assert place.prepare(Recipe()).how == "caller"

    def test_in_place_of_a_python_too_old_for_jobs_is_told(self, place: Place) -> None:
        ready = place.prepare(Recipe(python="3.7", conda=("numpy",)))
        assert (ready.how, len(ready.warnings)) == ("caller", 1)
        assert "Python 3.7 is too old for jobs" in ready.warnings[0]
        assert f"Notice: {ready.warnings[0]}" in place.log

    @pytest.mark.parametrize(
        ("recipe", "why"),
        [
            (Recipe(pip=("pytest<1",)), f"pytest {pytest.__version__} is not <1"),
            (Recipe(pip=("not-there",)), "not-there is not installed"),
            (Recipe(pip=("numpy",), constraints=("pytest<1",)), f"pytest {pytest.__version__} is not <1"),
            (Recipe(pip=(f"pytest --hash=sha256:{'0' * 64}",)), "pytest is asked for by its hash"),
            (Recipe(python=f"<3.{sys.version_info.minor}"), f"is not <3.{sys.version_info.minor}"),
            (Recipe(pip=("pytest @ https://example.invalid/pytest.whl",)), "pytest is asked for by address"),
            (Recipe(conda=("gcc",)), "gcc can only come from conda"),
        ],
    )
    def test_is_not_used_where_it_does_not_and_the_plan_says_why(self, place: Place, recipe: Recipe, why: str) -> None:
        planned = place.plan(recipe)
        assert planned.how == "build"
        assert why in planned.why

    def test_markers_that_do_not_apply_ask_for_nothing(self, place: Place) -> None:
        assert place.plan(Recipe(pip=("not-there; sys_platform == 'win32'",))).how == "caller"

    def test_an_extra_is_satisfied_only_with_all_that_it_adds(
        self, place: Place, shelf: Shelf, other_python: str, tmp_path: Path
    ) -> None:
        folder = tmp_path / "venv"
        subprocess.run([find_uv(), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        python = str(folder / "bin" / "python")
        install(
            python,
            shelf.wheel(
                "shelf-main", "1.0", metadata=["Provides-Extra: fast", "Requires-Dist: shelf-fast>=2; extra == 'fast'"]
            ),
        )
        recipe = Recipe(pip=("shelf-main[fast]",))

        def look() -> Plan:
            return plan(recipe, environments=place.environments, caller=python)

        assert "shelf-fast is not installed" in look().why
        install(python, shelf.wheel("shelf-fast", "1.0"))
        assert "shelf-fast 1.0 is not >=2" in look().why
        install(python, shelf.wheel("shelf-fast", "2.0"))
        assert look().how == "caller"

    def test_of_another_process_is_asked_once_and_again_after_it_changed(
        self, place: Place, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "venv"
        subprocess.run([find_uv(), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        python = str(folder / "bin" / "python")
        assert plan(Recipe(pip=("shelf-one",)), environments=place.environments, caller=python).how == "build"
        install(python, shelf.wheel("shelf-one", "1.0"))
        assert plan(Recipe(pip=("shelf-one",)), environments=place.environments, caller=python).how == "caller"
        subprocess.run([find_uv(), "pip", "uninstall", "--quiet", "--python", python, "shelf-one"], check=True)
        assert plan(Recipe(pip=("shelf-one",)), environments=place.environments, caller=python).how == "build"

    def test_of_another_process_is_asked_again_after_its_import_path_changed(
        self, place: Place, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "venv"
        subprocess.run([find_uv(), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        python = str(folder / "bin" / "python")
        site = Path(output_of(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
        install(python, shelf.wheel("shelf-one", "1.0"))
        shutil.copytree(site, tmp_path / "elsewhere")
        subprocess.run([find_uv(), "pip", "uninstall", "--quiet", "--python", python, "shelf-one"], check=True)
        assert plan(Recipe(pip=("shelf-one",)), environments=place.environments, caller=python).how == "build"
        (site / "more.pth").write_text(f"{tmp_path / 'elsewhere'}\n")
        monkeypatch.setattr(interpreters, "_known", {})  # as another process would see it
        assert plan(Recipe(pip=("shelf-one",)), environments=place.environments, caller=python).how == "caller"

    def test_is_looked_at_as_jobs_see_it_without_what_is_on_the_import_path_of_this_process(
        self, place: Place, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        subprocess.run(
            [
                find_uv(),
                "pip",
                "install",
                "--quiet",
                "--target",
                str(tmp_path / "lib"),
                shelf.wheel("shelf-one", "1.0"),
            ],
            check=True,
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
        monkeypatch.syspath_prepend(str(tmp_path / "lib"))
        planned = place.plan(Recipe(pip=("shelf-one",)))
        assert (planned.how, "shelf-one is not installed" in planned.why) == ("build", True)

    def test_that_is_missing_or_no_python_is_an_error_naming_it(self, place: Place, tmp_path: Path) -> None:
        with pytest.raises(EnvironmentBuildException, match="gone"):
            place.prepare(Recipe(pip=("pytest",)), caller=str(tmp_path / "gone"))
        false = tmp_path / "false"
        false.write_text("#!/bin/sh\necho I am no Python >&2\nexit 3\n")
        false.chmod(0o755)
        with pytest.raises(EnvironmentBuildException, match="I am no Python"):
            place.prepare(Recipe(pip=("pytest",)), caller=str(false))


class TestUserManaged:
    def test_the_interpreter_is_used_as_it_is(self, place: Place, other_python: str) -> None:
        recipe = Recipe(user_managed=True, interpreter=other_python, pip=("not-there",))
        ready = place.prepare(recipe)
        assert (ready.how, ready.python) == ("user_managed", other_python)

    def test_without_a_path_it_is_the_submitters(self, place: Place) -> None:
        assert place.prepare(Recipe(user_managed=True)).python == sys.executable

    def test_a_missing_interpreter_is_an_error_naming_it(self, place: Place) -> None:
        with pytest.raises(EnvironmentBuildException, match="/no/such/python"):
            place.prepare(Recipe(user_managed=True, interpreter="/no/such/python"))

    def test_what_is_no_python_does_not_pass_for_one(self, place: Place) -> None:
        with pytest.raises(EnvironmentBuildException, match="'/bin/true' is no Python 3 interpreter"):
            place.prepare(Recipe(user_managed=True, interpreter="/bin/true"))

    def test_a_python_too_old_for_jobs_is_refused(self, place: Place, tmp_path: Path) -> None:
        old = tmp_path / "python3.7"
        answer = {"version": "3.7.16", "flavour": "CPythonm", "executable": str(old), "path": [], "markers": {}}
        old.write_text(f"#!/bin/sh\necho 'traindock:{json.dumps(answer)}'\n")
        old.chmod(0o755)
        with pytest.raises(
            UserErrorException, match=r"python3\.7 \(Python 3\.7\.16\) is too old: jobs need Python 3\.8"
        ):
            place.prepare(Recipe(user_managed=True, interpreter=str(old)))


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


def python_of(minor: int) -> str | None:
    from traindock.images import pythons

    return pythons._on_this_machine(f"==3.{minor}.*")


class TestAnUnchangedEnvironmentCostsMilliseconds:
    def test_of_the_submitter(self, place: Place) -> None:
        recipe = Recipe(pip=("numpy", "pytest", "packaging", "pyyaml"), framework=None)
        assert place.prepare(recipe).how == "caller"
        assert milliseconds(lambda: place.prepare(recipe)) < 20

    def test_of_the_cache(self, place: Place, shelf: Shelf) -> None:
        shelf.wheel("shelf-one", "1.0")
        recipe = Recipe(pip=("shelf-one",))
        place.prepare(recipe)
        assert milliseconds(lambda: place.prepare(recipe)) < 20

    def test_of_another_interpreter(self, place: Place, shelf: Shelf, other_python: str) -> None:
        recipe = Recipe(pip=("not; python_version < '3'",))
        assert place.prepare(recipe, caller=other_python).how == "caller"
        assert milliseconds(lambda: place.prepare(recipe, caller=other_python)) < 20


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

    def test_of_a_folder_are_built_anew_when_its_content_changed(self, place: Place, tmp_path: Path) -> None:
        address = self.package(tmp_path / "with space", "one")
        recipe = Recipe(pip=(f"byaddress @ {address}",))
        assert self.version(place.prepare(recipe)) == "one"
        (tmp_path / "with space" / "build" / "more").touch()
        assert place.prepare(recipe).how == "cached"
        self.package(tmp_path / "with space", "two")
        ready = place.prepare(recipe)
        assert (ready.how, self.version(ready)) == ("built", "two")

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


class TestSeveralAtOnce:
    def builder(self, place: Place, name: str) -> tuple[subprocess.Popen[str], Path]:
        log = place.log_file.with_name(f"{name}.txt")
        arguments = [str(place.environments), str(place.shelf.folder), str(log)]
        process = subprocess.Popen(
            [sys.executable, "-c", BUILDER, *arguments], stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT
        )
        return process, log

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

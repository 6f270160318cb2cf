"""Whose Python an environment is made with, and why."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.trainer.images.conftest import Shelf
from tests.trainer.images.venvs.conftest import Place, install, output_of

from traindock.errors import EnvironmentBuildException, UserErrorException
from traindock.images import interpreters
from traindock.images.recipe import Recipe
from traindock.images.uv import find_uv
from traindock.images.venvs import Plan, plan


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

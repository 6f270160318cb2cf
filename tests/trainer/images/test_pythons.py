"""Which Python is built upon, and what is refused when a run is submitted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from traindock.errors import EnvironmentBuildException, TrainingException, UserErrorException
from traindock.images import pythons
from traindock.images.pythons import check_buildable
from traindock.images.recipe import Recipe

HERE = sys.version_info.minor


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with no Python but this one; its folder of pyenv's Pythons."""
    monkeypatch.setattr(pythons, "_found", {})
    monkeypatch.setattr(pythons, "_by_uv", lambda specifier: None)
    monkeypatch.setattr(pythons, "_fetchable", lambda: ())
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return tmp_path / "pyenv" / "versions"


def add_python(folder: Path, name: str) -> str:
    program = folder / name / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(program)


def test_the_submitters_own_python_is_taken_where_it_will_do(machine: Path) -> None:
    found = check_buildable(Recipe(pip=("six",)), sys.executable)
    assert found is not None
    assert (found.how, found.request) == ("caller", sys.executable)


def test_another_one_of_this_machine_is_taken_else(machine: Path) -> None:
    add_python(machine, "3.8.10")
    newest = add_python(machine, "3.8.18")
    add_python(machine, "3.7.16")
    add_python(machine, "miniconda3-latest")
    found = check_buildable(Recipe(framework="torch==1.6.*"), sys.executable)
    assert found is not None
    assert (found.how, found.request) == ("found", newest)


def test_one_that_uv_can_fetch_is_taken_else(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "_fetchable", lambda: ("3.12.9", "3.8.20", "3.7.9"))
    found = check_buildable(Recipe(framework="torch==1.6.*"), sys.executable)
    assert found is not None
    assert (found.how, found.request) == ("fetch", "3.8.20")


def test_without_any_the_submit_is_refused_naming_the_python_that_is_needed(machine: Path) -> None:
    with pytest.raises(TrainingException, match=r"torch==1\.6\.\* needs Python 3\.8, .*uv python install 3\.8"):
        check_buildable(Recipe(framework="torch==1.6.*"), sys.executable)
    with pytest.raises(UserErrorException, match=r"3\.8"):
        check_buildable(Recipe(python="3.8"), sys.executable)


def test_once_it_is_installed_the_same_submit_goes_through(machine: Path) -> None:
    recipe = Recipe(python="3.8")
    with pytest.raises(UserErrorException):
        check_buildable(recipe, sys.executable)
    add_python(machine, "3.8.18")
    assert check_buildable(recipe, sys.executable) is not None


@pytest.mark.parametrize("version", ["1.0", "1.1.0", "1.3"])
def test_a_torch_too_old_for_jobs_is_refused_with_the_oldest_that_is_not(version: str) -> None:
    suffix = "" if version.count(".") == 2 else ".*"
    with pytest.raises(TrainingException, match=r"3\.7 and older only.* use 1\.4 or newer"):
        check_buildable(Recipe(framework=f"torch=={version}{suffix}"), sys.executable)


def test_a_framework_and_a_python_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(TrainingException, match=r"needs Python 3\.8 to 3\.10, and Python 3\.12 was asked for"):
        check_buildable(Recipe(framework="torch==1.13.*", python="3.12"), sys.executable)


@pytest.mark.parametrize("python", ["3.6.2", "3.7", "2.7", "==3.6.*"])
def test_a_python_too_old_for_jobs_is_replaced_by_a_newer_one_and_said_so(machine: Path, python: str) -> None:
    found = check_buildable(Recipe(python=python), sys.executable)
    assert found is not None
    assert found.how == "caller"
    assert python in found.warnings[0]


def test_a_release_that_cannot_be_had_is_replaced_by_another_of_its_line(machine: Path) -> None:
    other = add_python(machine, "3.8.18")
    found = check_buildable(Recipe(python="3.8.1"), sys.executable)
    assert found is not None
    assert found.request == other
    assert "3.8.1 cannot be had" in found.warnings[0]


def test_the_release_itself_is_preferred(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_python(machine, "3.8.18")
    monkeypatch.setattr(pythons, "_fetchable", lambda: ("3.8.20", "3.8.1"))
    found = check_buildable(Recipe(python="3.8.1"), sys.executable)
    assert found is not None
    assert (found.request, found.warnings) == ("3.8.1", ())


def test_offline_nothing_is_fetched(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "_fetchable", lambda: ("3.8.20", "3.8.1"))
    with pytest.raises(UserErrorException, match="not on this machine, and the workspace's settings say offline"):
        check_buildable(Recipe(python="3.8.1"), sys.executable, offline=True)
    other = add_python(machine, "3.8.18")
    found = check_buildable(Recipe(python="3.8.1"), sys.executable, offline=True)
    assert found is not None
    assert (found.request, len(found.warnings)) == (other, 1)


def test_the_submitters_own_is_a_release_of_its_line_too(machine: Path) -> None:
    found = check_buildable(Recipe(python=f"3.{HERE}.59"), sys.executable)
    assert found is not None
    assert (found.how, len(found.warnings)) == ("caller", 1)


def test_conda_says_which_python_too(machine: Path) -> None:
    python = add_python(machine, "3.9.18")
    found = check_buildable(Recipe(conda=("python=3.9", "numpy")), sys.executable)
    assert found is not None
    assert found.request == python


def test_conda_packages_that_nothing_can_provide_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserErrorException, match="packages gcc=9, openmpi,"):
        check_buildable(Recipe(conda=("gcc=9", "numpy", "openmpi")), sys.executable)


def test_an_interpreter_that_is_used_as_it_is_must_be_one_and_nothing_more() -> None:
    with pytest.raises(EnvironmentBuildException, match="'/bin/true' is no Python 3 interpreter"):
        check_buildable(Recipe(user_managed=True, interpreter="/bin/true"), sys.executable)
    assert check_buildable(Recipe(user_managed=True, framework="torch==1.0.*"), sys.executable) is None


def test_the_check_starts_no_process_where_the_submitters_python_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    assert check_buildable(Recipe(framework=None, pip=("torch>=2", "pillow")), sys.executable)


def test_what_uv_prints_besides_the_path_does_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "uv"
    fake.write_text(f"#!/bin/sh\necho warning: shims >&2\necho warning: on stdout too\necho {sys.executable}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(pythons, "find_uv", lambda: str(fake))
    assert pythons._by_uv("==3.8.*") == sys.executable
    fake.write_text("#!/bin/sh\necho error: none\nexit 2\n")
    assert pythons._by_uv("==3.8.*") is None


def test_uv_lists_what_it_can_fetch_without_a_network_unless_it_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pythons._fetchable.cache_clear()
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("UV_PYTHON_DOWNLOADS", raising=False)
    assert any(version.startswith("3.8.") for version in pythons._fetchable())
    pythons._fetchable.cache_clear()
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    assert pythons._fetchable() == ()
    pythons._fetchable.cache_clear()


def test_this_python_is_found_by_its_version() -> None:
    found = pythons._on_this_machine(f"==3.{HERE}.*")
    assert found is not None
    assert os.access(found, os.X_OK)

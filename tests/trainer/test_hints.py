"""What a user is told to do about a run that failed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from traindock.hints import hint
from traindock.states import Reason


def failed(
    code: int = 1, kind: str = "", message: str = "", command: tuple[str, ...] = (), notebook: str | None = None
) -> Any:
    error = {"type": kind, "message": message} if kind else None
    spec = SimpleNamespace(command=command, notebook=notebook, type="traindock.scriptrun", compute_target="box")
    exited = {"exit_code": code, "error": error}
    return SimpleNamespace(id="ants_1_0", reason=Reason.EXITED_NONZERO, environment={}, exit=exited, spec=spec)


@pytest.mark.parametrize(
    ("run", "what"),
    [
        (failed(), "script"),
        (failed(notebook="train.ipynb"), "notebook"),
        (failed(command=("sh", "train.sh")), "command"),
    ],
)
def test_resubmitting_is_no_advice_for_files_that_have_to_change(run: Any, what: str) -> None:
    assert hint(run).startswith(
        f"Mend the {what} in its folder and submit it from there; resubmitting sends the files as"
    )


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "subprocess.CalledProcessError",
            "Command '['/env/bin/python', '-m', 'pip', 'install', 'x']' returned non-zero exit status 1.",
        ),
        ("subprocess.CalledProcessError", "Command 'pip3 install x' returned non-zero exit status 127."),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'pip'"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/opt/bin/pip3.11'"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'conda'"),
    ],
)
def test_whoever_installs_from_a_script_is_told_to_ask_for_packages(kind: str, message: str) -> None:
    assert "pip_packages" in hint(failed(kind=kind, message=message))


def test_a_command_whose_pip_is_missing_is_told_the_same() -> None:
    assert "pip_packages" in hint(failed(127, command=("sh", "-c", "pip install x && python train.py")))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'data/pipeline.csv'"),
        ("subprocess.CalledProcessError", "Command 'make install' returned non-zero exit status 2."),
        ("ValueError", "pip install x"),
    ],
)
def test_other_errors_have_their_own_advice(kind: str, message: str) -> None:
    assert "cannot install packages" not in hint(failed(kind=kind, message=message))


def test_a_file_that_a_container_has_not_is_to_be_mounted_in_python_or_at_a_terminal() -> None:
    run = failed(kind="FileNotFoundError", message="[Errno 2] No such file or directory: '/data/a.csv'")
    run.environment = {"image": "sha256:1"}
    assert "update(mounts=['/data:/data:ro'])" in hint(run)
    assert "`traindock computes update box --mount /data:/data:ro`" in hint(run)


@pytest.mark.parametrize(
    "line",
    [
        "/env/bin/python: No module named pip",
        "ModuleNotFoundError: No module named 'pip'",
        "/bin/sh: 1: pip: not found",
        "train.sh: line 3: pip3.11: command not found",
        "ERROR: Could not install packages due to an OSError: [Errno 30] Read-only file system: '/traindock/envs/x'",
        "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/usr/lib/python3'",
        "error: externally-managed-environment",
    ],
)
def test_so_is_whoever_went_on_without_what_was_to_be_installed(line: str) -> None:
    """The error that ended the script is another one then, or none that is known."""
    for run in (failed(kind="ModuleNotFoundError", message="No module named 'x'"), failed(kind="ValueError"), failed()):
        assert "cannot install packages" not in hint(run, ["begun", "done"])
        assert "cannot install packages" in hint(run, ["begun", line, "Traceback (most recent call last):", "…"])


@pytest.mark.parametrize(
    "line",
    [
        "ModuleNotFoundError: No module named 'pipeline'",
        "No module named pipeline",
        "pip: 3 fruits",
        "OSError: [Errno 30] Read-only file system: '/data/x'",
    ],
)
def test_what_only_sounds_like_it_is_something_else(line: str) -> None:
    assert "cannot install packages" not in hint(failed(kind="ValueError"), [line])


def test_a_file_that_is_not_on_this_machine_is_not_to_be_given_by_an_absolute_path_again() -> None:
    found = hint(failed(kind="FileNotFoundError", message="[Errno 2] No such file or directory: '/data/nowhere.csv'"))
    assert "mend the path" in found
    assert "absolute" not in found

"""What a user is told to do about a run that failed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from traindock.hints import hint
from traindock.states import Reason


def failed(code: int = 1, kind: str = "", message: str = "", command: tuple[str, ...] = ()) -> Any:
    error = {"type": kind, "message": message} if kind else None
    spec = SimpleNamespace(command=command, type="traindock.scriptrun")
    return SimpleNamespace(
        reason=Reason.EXITED_NONZERO, environment={}, exit={"exit_code": code, "error": error}, spec=spec
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


def test_a_file_that_is_not_on_this_machine_is_not_to_be_given_by_an_absolute_path_again() -> None:
    found = hint(failed(kind="FileNotFoundError", message="[Errno 2] No such file or directory: '/data/nowhere.csv'"))
    assert "mend the path" in found
    assert "absolute" not in found

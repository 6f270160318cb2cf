"""Executing a notebook from the terminal: whatever ends it, what was executed is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import REPOSITORY, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def execution(tmp_path: Path) -> Any:
    """Begin to execute a notebook that prints, and then does what is given; its copy goes into ``kept``."""

    def begin(then: str) -> subprocess.Popen[str]:
        import nbformat  # here, since each process that runs tests reads this file, and it takes a second and a half

        cells = [nbformat.v4.new_code_cell("print('printed')"), nbformat.v4.new_code_cell(then)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "some.ipynb")
        command = [sys.executable, REPOSITORY / "notebooks/run_notebook.py", tmp_path / "some.ipynb"]
        environment = {**os.environ, "TUTORIAL_FOLDER": str(tmp_path / "kept")}
        # A shell starts background commands with SIGINT ignored, and what they start inherits that.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(command, env=environment, text=True, stdout=-1, stderr=-1)
        finally:
            signal.signal(signal.SIGINT, before)

    return begin


def kept_output(tmp_path: Path) -> str:
    import nbformat

    copy = nbformat.read(tmp_path / "kept/some.ipynb", as_version=4)
    return "".join(output["text"] for output in copy.cells[0].outputs)


@pytest.mark.parametrize(
    ("then", "code", "told"),
    [("1 + 1", 0, ""), ("1 / 0", 1, "ZeroDivisionError"), ("import os; os._exit(3)", 1, "Kernel died")],
)
def test_the_executed_copy_is_kept_however_it_ends(
    execution: Any, tmp_path: Path, then: str, code: int, told: str
) -> None:
    out, err = (process := execution(then)).communicate(timeout=120)
    assert process.returncode == code
    assert told in err
    assert "printed" in out
    assert kept_output(tmp_path) == "printed\n"
    assert str(tmp_path / "kept/some.ipynb") in out + err


def test_a_notebook_that_leaves_with_a_text_is_ended_by_that_text_alone(execution: Any) -> None:
    _, err = (process := execution("import sys; sys.exit('EPOCHS=two is wrong')")).communicate(timeout=120)
    assert process.returncode == 1
    assert err.split("\n")[-3].strip() == "EPOCHS=two is wrong"
    assert "sys.exit" not in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("EPOCHS", "two", "a whole number from 1 on"),
        ("EPOCHS", "0", "a whole number from 1 on"),
        ("EPOCHS", "2.5", "a whole number from 1 on"),
        ("GPU", "perhaps", "auto, yes, no"),
    ],
)
def test_a_wrong_setting_of_the_tutorial_is_named_before_anything_is_done(
    tmp_path: Path, name: str, value: str, told: str
) -> None:
    notebook = REPOSITORY / "notebooks/train_and_register_pytorch.ipynb"
    done = subprocess.run(
        [sys.executable, REPOSITORY / "notebooks/run_notebook.py", notebook],
        env={**os.environ, "TUTORIAL_FOLDER": str(tmp_path / "kept"), f"TUTORIAL_{name}": value},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"\nTUTORIAL_{name}={value} is wrong: it may be {told}" in done.stderr
    assert "ValueError" not in done.stdout + done.stderr


def test_it_is_kept_when_ctrl_c_ends_it(execution: Any, tmp_path: Path) -> None:
    process = execution(f"import pathlib, time; pathlib.Path({str(tmp_path / 'begun')!r}).touch(); time.sleep(600)")
    wait_for((tmp_path / "begun").exists, "the second cell")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "KeyboardInterrupt" in err
    assert "executed so far" in err
    assert kept_output(tmp_path) == "printed\n"

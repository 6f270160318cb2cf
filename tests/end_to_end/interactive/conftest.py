"""Processes that log into runs of their own, as notebooks do."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import PYTHON, wait_for

from traindock import (
    Experiment,
    Run,
    Workspace,
)


@pytest.fixture
def experiment(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """An experiment; the test works in an empty folder, as a notebook would in its own."""
    here = tmp_path / "notebook"
    here.mkdir()
    monkeypatch.chdir(here)
    return Experiment(workspace, "tests")


Kernel = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def kernel(experiment: Experiment) -> Iterator[Kernel]:
    """Start another process that logs into a run; its code finds ``experiment`` and says ``ready`` when it waits."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        head = f"""
            import multiprocessing, os, sys, time
            from traindock import *
            experiment = Experiment(Workspace({str(experiment.workspace.layout.root)!r}), {experiment.name!r})
            def ready(*words):
                os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # whole, whoever else prints
        """
        process = subprocess.Popen(
            [PYTHON, "-c", textwrap.dedent(head) + textwrap.dedent(code)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its forks hold the pipe, too
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that a kernel prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the kernel ended with code {process.wait()}"
    return line.strip()


def ended(run: Run) -> str:
    """Wait for the end of a run, and return its state."""
    wait_for(lambda: run.record.state.terminal, f"the end of {run.id}")
    return run.get_status()


def states(run: Run) -> list[str]:
    return [change.state.value for change in run.record.history]

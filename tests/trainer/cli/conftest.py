"""What the tests of the command line share: calling it, and runs to look at."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.recorded_runs import Record, recorder

from traindock.cli.main import main
from traindock.workspace import Workspace


@dataclass(frozen=True)
class Answer:
    """What one call of the command gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout, which must be all there is."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The JSON error on stderr, which must be all there is."""
        error: dict[str, str] = json.loads(self.err)["error"]
        return error


Cli = Callable[..., Answer]


@pytest.fixture
def cli(workspace: Workspace, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Call the command in this process, in the test's workspace."""

    def call(*words: object, here: bool = True) -> Answer:
        capfd.readouterr()
        named = ["--workspace", str(workspace.layout.root)] if here else []
        try:
            code = main([*named, *map(str, words)])
        except SystemExit as leave:
            code = int(leave.code or 0)
        sys.stdout.flush()
        printed = capfd.readouterr()
        return Answer(code, printed.out, printed.err)

    return call


@pytest.fixture
def process(workspace: Workspace) -> Callable[..., subprocess.Popen[bytes]]:
    """Start the command as a process of its own, in the test's workspace."""

    def start(*words: object, **options: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "traindock", "--workspace", str(workspace.layout.root), *map(str, words)]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        # A shell starts background commands with SIGINT ignored, and what they start inherits that.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(command, **{**streams, **options})
        finally:
            signal.signal(signal.SIGINT, before)

    return start


@pytest.fixture
def record(workspace: Workspace) -> Record:
    """Record a run as if it had been submitted and driven, without a dispatcher; returns its id."""
    return recorder(workspace)


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    """Write a training script into a folder of its own."""

    def write(text: str) -> Path:
        folder = tmp_path / "my project"
        folder.mkdir(exist_ok=True)
        path = folder / "train.py"
        path.write_text(textwrap.dedent(text), "utf-8")
        return path

    return write


def is_root() -> bool:
    return os.getuid() == 0

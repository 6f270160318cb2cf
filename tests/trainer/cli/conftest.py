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

from traindock.cli.main import main
from traindock.runtime.metric_log import MetricLog
from traindock.states import Reason, State, outcome
from traindock.store import run_records
from traindock.workspace import Workspace

_LIVES = {
    State.NOT_STARTED: (),
    State.RUNNING: (State.PREPARING, State.QUEUED, State.RUNNING),
    State.COMPLETED: (State.PREPARING, State.QUEUED, State.RUNNING, State.FINALIZING),
    State.FAILED: (State.PREPARING, State.QUEUED, State.RUNNING, State.FINALIZING),
    State.CANCELED: (State.CANCEL_REQUESTED,),
}


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


Record = Callable[..., str]


@pytest.fixture
def record(workspace: Workspace) -> Record:
    """Record a run as if it had been submitted and driven, without a dispatcher; returns its id."""
    count = iter(range(10_000))

    def record(
        state: State = State.COMPLETED,
        *,
        reason: Reason = Reason.FINISHED,
        experiment: str = "digits",
        metrics: dict[str, list[float]] | None = None,
        files: dict[str, str] | None = None,
        log: bytes = b"",
        script: str = "train.py",
        detail: str = "",
        **facts: Any,
    ) -> str:
        number = next(count)
        created = 1_700_000_000.0 + 60 * number
        folder = run_records.publish(
            workspace.layout,
            workspace.record,
            run_id=f"{experiment}_{int(created)}_{number * 0x11111111 & 0xFFFFFFFF:08x}",
            experiment=experiment,
            number=run_records.take_number(workspace.layout, experiment),
            created=created,
            **{
                "user": "ann",
                "spec": {
                    "snapshot": "0" * 64,
                    "compute_target": "local",
                    "environment": {},
                    "interpreter": sys.executable,
                    "script": script,
                    "arguments": ["--lr", "0.1"],
                },
                **facts,
            },
        )
        layout = folder.layout
        layout.stdout.write_bytes(log)
        for name, values in (metrics or {}).items():
            for value in values:
                MetricLog(str(layout.metrics)).number(name, value)
        for name, content in (files or {}).items():
            path = layout.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        for each in _LIVES[state]:
            folder.advance(each)
        if state.terminal:
            assert outcome(reason) is state
            folder.advance(state, reason=reason, detail=detail)
        return folder.id

    return record


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

"""What tests of faults look at."""

from __future__ import annotations

from traindock import (
    Run,
)
from traindock.store.layout import RunLayout

SLEEPER = "import time; print('started'); time.sleep(600)"


def stdout(run: Run) -> str:
    try:
        return (run.path / "driver" / "stdout.txt").read_text()
    except FileNotFoundError:
        return ""


def started(run: Run) -> bool:
    return "started" in stdout(run)


def layout_of(run: Run) -> RunLayout:
    return run.workspace.layout.run(run.id)

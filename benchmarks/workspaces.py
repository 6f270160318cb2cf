"""A workspace for a row to measure in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from benchmarks.harness import Bench
from traindock import Workspace


@contextmanager
def workspace_of(bench: Bench) -> Iterator[Workspace]:
    """A workspace of the benchmark's own, with nothing of the user's; its processes are ended afterwards."""
    before = dict(os.environ)
    for name in ("DATA", "CONFIG", "STATE"):
        os.environ[f"XDG_{name}_HOME"] = str(bench.folder / name.lower())
    os.environ["TRAINDOCK_LEASE_DIR"] = str(bench.folder / "leases")
    workspace = Workspace.create("bench", path=bench.folder / "workspace", show_output=False)
    try:
        yield workspace
    finally:
        root = str(workspace.layout.root)
        for process in processes_below(root):
            with contextlib.suppress(psutil.Error):
                process.kill()
                process.wait(10)
        os.environ.clear()
        os.environ.update(before)


def processes_below(root: str) -> list[psutil.Process]:
    """Return the processes that were started with a path below ``root``."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(word.startswith(root) for word in process.info["cmdline"] or [])
    ]

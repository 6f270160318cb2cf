"""A workspace for a row to measure in; and, as a program, one with many runs for a server to open.

``python -m benchmarks.workspaces --seed 10000 FOLDER`` makes it in ``FOLDER``, see :mod:`benchmarks.seeding`. Only who
has the same user's data and configuration folders (XDG_DATA_HOME, XDG_CONFIG_HOME) finds it, and takes it for his own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.harness import Bench
from benchmarks.seeding import seed
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workspaces", description="Make a workspace to try.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder, which becomes it")
    parser.add_argument("--seed", type=int, required=True, metavar="RUNS", help="how many runs it is to have")
    parser.add_argument("--name", default="seeded", help="of the workspace; default: seeded")
    options = parser.parse_args()
    began = time.monotonic()
    workspace = Workspace.create(options.name, path=options.folder, show_output=False)
    seed(workspace, options.seed)
    print(f"{options.seed:,} runs in {workspace.layout.root}, made in {time.monotonic() - began:.1f} s: {workspace.id}")


if __name__ == "__main__":
    main()

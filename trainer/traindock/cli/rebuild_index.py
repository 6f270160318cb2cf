"""``traindock rebuild-index``."""

from __future__ import annotations

import argparse
import time

from traindock.cli import parsers
from traindock.cli.finding import open_workspace
from traindock.cli.output import emit, say
from traindock.cli.text import clean, duration
from traindock.store.run_records import run_ids


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock rebuild-index`` understands."""
    parser.teach(
        """
        Throw the workspace's index away and make it anew from the runs' folders, which are the record. Nothing that
        anybody said is lost. Not needed in daily life: a damaged index is noticed and rebuilt by itself.
        """,
        "traindock rebuild-index",
    )


def run(args: argparse.Namespace) -> int:
    """Rebuild, and say what was found."""
    workspace = open_workspace(args, tell=True)
    began = time.monotonic()
    found = workspace.rebuild_index()
    seconds = time.monotonic() - began
    folders = len(run_ids(workspace.layout))
    if args.json:
        emit({"runs": found, "folders": folders, "seconds": seconds})
        return 0
    say(f"{found} run{'' if found == 1 else 's'} in {clean(workspace.layout.index)}, after {duration(seconds)}")
    if folders > found:
        say(f"{folders - found} more in {clean(workspace.layout.runs)} cannot be read: 'traindock doctor' names them")
    return 0

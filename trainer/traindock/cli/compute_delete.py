"""``traindock computes delete``."""

from __future__ import annotations

import argparse

from traindock.cli import parsers
from traindock.cli.finding import open_workspace
from traindock.cli.findings import some
from traindock.cli.output import emit, note, say
from traindock.compute_target import ComputeTarget


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock computes delete`` understands."""
    parser.teach(
        """
        Delete a compute target. A run that is on it goes on to its end, and those that wait for it fail and say so.
        Runs that have ended, environments and images stay.
        """,
        """
        traindock computes delete gpucluster
        """,
    )
    parser.add_argument("name", metavar="NAME", help="the compute target")


def run(args: argparse.Namespace) -> int:
    """Delete the target."""
    target = ComputeTarget(open_workspace(args), args.name)
    unfinished = [found.id for found in target.get_active_runs()]
    target.delete()
    if args.json:
        emit({"deleted": target.name, "unfinished_runs": unfinished})
        return 0
    say(f"Compute target {target.name} ({target.kind}) was deleted")
    if unfinished:
        runs = "1 run" if len(unfinished) == 1 else f"{len(unfinished)} runs"
        note(args, f"{runs} on it had not ended ({some(unfinished)}): what is at work goes on, what waits for it fails")
    return 0

"""``%traindock compare``."""

from __future__ import annotations

import argparse

from traindock.cli import parsers
from traindock.cli.finding import find_runs, look_after, open_workspace
from traindock_widgets.comparison import compare


def configure(parser: parsers.Parser) -> None:
    """Say what ``%traindock compare`` understands."""
    parser.teach(
        "Show two to ten runs beside each other: curves over one axis, parameters and results, code line by line.",
        """
        traindock compare last digits:3
        traindock compare digits:1 digits:2 digits:3
        """,
    )
    parser.add_argument(
        "run_names", metavar="RUN", nargs="+", help='an id, a part of one, EXPERIMENT:NUMBER, or "last"'
    )


def run(args: argparse.Namespace) -> int:
    """Show the runs."""
    workspace = open_workspace(args)
    found = find_runs(args, workspace, args.run_names)
    look_after(workspace)
    compare(*found).show()
    return 0

"""``%traindock show``."""

from __future__ import annotations

import argparse

from traindock.cli import parsers
from traindock.cli import show as in_text
from traindock.cli.finding import find_run, look_after, open_workspace
from traindock.notebook import in_kernel
from traindock_widgets import displaying


def configure(parser: parsers.Parser) -> None:
    """Say what ``%traindock show`` understands."""
    parser.teach(
        "Show a run's card, live until the run ends; with --text everything about the run as text.",
        """
        traindock show last
        traindock show pytorch-hymenoptera:3
        traindock show last --text
        """,
    )
    parser.add_argument("run_name", metavar="RUN", help='an id, a part of one, EXPERIMENT:NUMBER, or "last"')
    parser.add_argument("--text", action="store_true", help="as text in place of the card")


def run(args: argparse.Namespace) -> int:
    """Show the run."""
    if args.text or args.json or not in_kernel():
        return in_text.run(args)
    workspace = open_workspace(args)
    found = find_run(args, workspace, args.run_name)
    look_after(workspace)
    displaying.show(found)
    return 0

"""``%traindock submit``."""

from __future__ import annotations

import argparse

from traindock.cli import parsers, submitting
from traindock_widgets.magics.watching import watch


def configure(parser: parsers.Parser) -> None:
    """Say what ``%traindock submit`` understands: what the command line's does."""
    submitting.configure(parser)


def run(args: argparse.Namespace) -> int:
    """Submit and show the run's card; or say what would be done."""
    submitted = submitting.published(args)
    if submitted is not None:
        watch(submitted, wait=args.wait)
    return 0

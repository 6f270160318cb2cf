"""``traindock cancel``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from traindock.cli import parsers
from traindock.cli.endings import sentence
from traindock.cli.finding import command, find_runs, open_workspace
from traindock.cli.output import emit, say
from traindock.cli.text import clean
from traindock.errors import Detached
from traindock.run_types import CHILD, INTERACTIVE

if TYPE_CHECKING:
    from traindock.store.run_records import RunRecord


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock cancel`` understands."""
    parser.teach(
        """
        Ask runs to end: their processes get SIGTERM, and SIGKILL after a grace time. What they have written so far
        is kept. A run that has ended is left as it is.
        """,
        """
        traindock cancel last
        traindock cancel digits:3 digits:4 --wait
        """,
    )
    parser.add_argument(
        "run_names", metavar="RUN", nargs="+", help='an id, a part of one, EXPERIMENT:NUMBER, or "last"'
    )
    parser.add_argument("--wait", action="store_true", help="return when they have ended")


def run(args: argparse.Namespace) -> int:
    """Ask, and wait if that was asked for."""
    workspace = open_workspace(args)
    # All are found before the first is canceled: a slip of the pen must not end half of them.
    runs = find_runs(args, workspace, args.run_names)
    documents: list[dict[str, Any]] = []
    asked = []
    for each in runs:
        ended = each.record.state.terminal
        if not ended:
            each.cancel()
            asked.append(each)
        record = each.record
        documents.append({"id": each.id, "state": record.state.value, "requested": not ended})
        if not args.json:
            asked_for = f"Asked run {each.id} to end{_whose_code(args, record)}"
            say(clean(f"Run {each.id} had ended: {sentence(record)}" if ended else asked_for))
    if args.wait:
        for each in asked:
            try:
                each.wait_for_completion(raise_on_error=False)
            except (Detached, KeyboardInterrupt):
                raise Detached(
                    f"stopped waiting; run {each.id} has been asked to end and is {each.get_status()}. "
                    f"Look again: {command(args, 'show', each.id)}"
                ) from None
            if not args.json:
                say(clean(f"{each.id} {sentence(each.record)}"))
        documents = [{**document, "state": each.get_status()} for document, each in zip(documents, runs, strict=True)]
    if args.json:
        emit({"runs": documents})
    return 0


def _whose_code(args: argparse.Namespace, record: RunRecord) -> str:
    """Say of a run without processes of its own who ends its code."""
    if record.spec.type == CHILD and record.parent:
        return f": it ends with its part of the code; to end the code: {command(args, 'cancel', record.parent)}"
    if record.spec.type == INTERACTIVE:
        return ": the process that logs into it is told at its next call"
    return ""

"""``traindock move``."""

from __future__ import annotations

import argparse

from traindock.cli import parsers
from traindock.cli.finding import find_run, open_workspace
from traindock.cli.output import emit, say
from traindock.cli.text import clean


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock move`` understands."""
    parser.teach(
        """
        Move a run that waits in the queue of its compute target. A run that begins meanwhile stays where it is, and the
        command says so.
        """,
        """
        traindock move digits:7 --before digits:5
        traindock move last --first
        traindock move last --last
        """,
    )
    parser.add_argument("run_name", metavar="RUN", help='an id, a part of one, EXPERIMENT:NUMBER, or "last"')
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--before", metavar="RUN", help="before this run")
    where.add_argument("--first", action="store_true", help="before all others that wait")
    where.add_argument("--last", action="store_true", help="behind all others that wait now")


def run(args: argparse.Namespace) -> int:
    """Move it, and say what comes next in the queue."""
    from traindock import run_queue

    workspace = open_workspace(args)
    found = find_run(args, workspace, args.run_name)
    before = find_run(args, workspace, args.before) if args.before is not None else None
    run_queue.move(found, before, first=args.first)
    target = found.record.spec.compute_target
    waiting = [record.id for record in run_queue.waiting(workspace, target)]
    if args.json:
        emit({"compute": target, "waiting": waiting})
    elif found.id in waiting:
        place = waiting.index(found.id) + 1
        say(clean(f"Run {found.id} is number {place} of {len(waiting)} that wait for {target!r}"))
    else:
        say(clean(f"Run {found.id} was moved in the queue of {target!r}, and has begun since"))
    return 0

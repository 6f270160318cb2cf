"""``traindock delete``."""

from __future__ import annotations

import argparse
import sys

from traindock.cli import parsers
from traindock.cli.finding import find_runs, open_workspace
from traindock.cli.output import emit, note, say
from traindock.cli.text import clean, size
from traindock.errors import UserErrorException

_NAMED = 10


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock delete`` understands."""
    parser.teach(
        """
        Delete runs that have ended, with their files, logs and metrics, and give their space back to the disk. Models
        that were registered from them stay whole. Without --yes you are asked first.
        """,
        """
        traindock delete digits:3 digits:4
        traindock delete last --with-children --yes
        """,
    )
    parser.add_argument(
        "run_names", metavar="RUN", nargs="+", help='an id, a part of one, EXPERIMENT:NUMBER, or "last"'
    )
    parser.add_argument("--with-children", action="store_true", help="delete their child runs with them")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    """Ask, and delete them: all or, where one cannot be deleted, none."""
    from traindock.run_deletion import delete, family

    workspace = open_workspace(args)
    wanted = [each.id for each in find_runs(args, workspace, args.run_names)]
    if not args.yes:
        # What cannot be done is said before anybody is asked.
        doomed = family(workspace, wanted, with_children=args.with_children)
        if not _agreed(args, doomed):
            note(args, "nothing was deleted")
            return 1
    deleted = delete(workspace, wanted, with_children=args.with_children)
    if deleted.trouble:
        note(args, f"traindock: warning: not all of their space is free yet: {deleted.trouble}")
    if args.json:
        emit({"runs": [{"id": run_id} for run_id in deleted.run_ids], "freed_bytes": deleted.freed_bytes})
        return 0
    for run_id in deleted.run_ids:
        say(clean(f"Deleted run {run_id}"))
    say(f"{size(deleted.freed_bytes)} freed")
    return 0


def _agreed(args: argparse.Namespace, doomed: list[str]) -> bool:
    if args.json or not sys.stdin.isatty():
        raise UserErrorException("nobody can be asked here whether the runs may be deleted: say so by --yes")
    for run_id in doomed[:_NAMED]:
        note(args, run_id)
    if len(doomed) > _NAMED:
        note(args, f"… and {len(doomed) - _NAMED} more")
    print(f"Delete {'this run' if len(doomed) == 1 else f'these {len(doomed)} runs'}? [y/N] ", end="", file=sys.stderr)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")

"""``traindock computes update``."""

from __future__ import annotations

import argparse

from traindock.cli import parsers
from traindock.cli.compute_documents import compute_document, setting_lines
from traindock.cli.compute_options import add_settings, all_settings, given_settings, settings_of
from traindock.cli.finding import open_workspace
from traindock.cli.output import emit, say
from traindock.compute_target import ComputeTarget


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock computes update`` understands."""
    parser.teach(
        """
        Change settings of a compute target for the next runs; those that have been launched keep what they had. What is
        not named stays; what can be given several times, such as --mount, replaces all that there was.
        """,
        """
        traindock computes update gpucluster --max-nodes 2
        traindock computes update gpucluster --mount /data:/data:ro --mount /scratch:/scratch
        traindock computes update gpucluster --cpus 4 --unset vm_size
        """,
    )
    parser.add_argument("name", metavar="NAME", help="the compute target")
    parser.add_argument(
        "--unset",
        action="append",
        default=[],
        choices=tuple(all_settings()),
        metavar="SETTING",
        help="give this one its default again: a name as 'traindock computes show' has it",
    )
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Change the target."""
    given = given_settings(args)
    if not given and not args.unset:
        args.parser.error("say what to change, such as --max-nodes 2")
    if twice := sorted(set(given) & set(args.unset)):
        args.parser.error(f"{twice[0]} is given, and unset: one of both")
    target = ComputeTarget(open_workspace(args), args.name)
    known = settings_of(type(target))
    # Of another kind's setting there is no default: the target refuses it by its name.
    defaults = {name: known[name].default if name in known else None for name in args.unset}
    target.update(**given, **defaults)
    if args.json:
        emit(compute_document(target))
        return 0
    say([f"Compute target {target.name} ({target.kind}) was changed", *setting_lines(target)])
    return 0

"""``traindock computes create``."""

from __future__ import annotations

import argparse

from traindock.cli import parsers
from traindock.cli.compute_documents import compute_document
from traindock.cli.compute_options import add_settings, given_settings
from traindock.cli.finding import command, open_workspace
from traindock.cli.output import emit, say
from traindock.cli.text import clean
from traindock.compute_target import ComputeTarget, class_of, kinds


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock computes create`` understands."""
    parser.teach(
        """
        Make a compute target, to which runs are then sent by its name. One of this name with the same settings is left
        as it is; one with others is an error.
        """,
        """
        traindock computes create gpucluster --vm-size STANDARD_NC6 --max-nodes 4
        traindock computes create small --cpus 2 --memory 8g --mount /data:/data:ro
        traindock computes create many --kind local --max-nodes 4
        """,
    )
    parser.add_argument("name", metavar="NAME", help="2 to 24 letters, digits or -, starting with a letter")
    parser.add_argument(
        "--kind",
        choices=kinds(),
        default="docker",
        help="docker, the default: containers of an engine on this machine; local: processes of this machine, which "
        "have --max-nodes, by default half the processor cores, and --gpu alone",
    )
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Make the target."""
    configuration = class_of(args.kind).configured(**given_settings(args))
    workspace = open_workspace(args, tell=True)
    is_there = args.name in workspace.compute_targets
    target = ComputeTarget.create(workspace, args.name, configuration)
    if args.json:
        emit({**compute_document(target), "made": not is_there})
        return 0
    say(f"Compute target {target.name} ({target.kind}) {'is there, as described' if is_there else 'was made'}")
    say(f"Use it: {clean(command(args, 'submit', '--compute', target.name))} train.py")
    return 0

"""``traindock computes``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, Final

from traindock.cli import parsers
from traindock.cli.compute_documents import compute_document, engine_text, node_text
from traindock.cli.finding import open_workspace
from traindock.cli.output import emit, say, tabulate
from traindock.cli.text import Column, clean

#: What can be done with one, what that is in a line, and the module that does it.
_VERBS: Final = (
    ("create", "make one", "compute_create"),
    ("show", "show everything about one", "compute_show"),
    ("update", "change one", "compute_update"),
    ("delete", "delete one", "compute_delete"),
)


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock computes`` understands."""
    parser.teach(
        """
        List the compute targets of the workspace: how many nodes they have and how many of them are at work, what a
        node has, which GPUs there are, and the container engine of those that have one. "local" is always there; more
        are made with "create", or with ComputeTarget.create in Python.
        """,
        """
        traindock computes
        traindock computes --json | jq '.computes[].name'
        traindock computes create gpucluster --vm-size STANDARD_NC6 --max-nodes 4
        traindock computes create --help                which settings there are
        """,
    )
    parser.mixed = False  # argparse finds no verbs between options
    verbs = parser.add_subparsers(title="with one of them", metavar="VERB")
    for name, summary, module in _VERBS:
        verbs.add_parser(name, help=summary, module=module)
    parser.usage = "%(prog)s [-h] [--workspace PATH|NAME] [--json] [VERB …]"


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    from traindock.compute_target import ComputeTarget

    documents = [
        {**compute_document(target), "running": target.get_status().running_node_count}
        for target in ComputeTarget.list(open_workspace(args))
    ]
    if args.json:
        emit({"computes": documents})
        return 0
    columns = [
        Column("NAME"),
        Column("KIND"),
        Column("BUSY", right=True),
        Column("NODES", right=True),
        Column("GPU", rank=2),
        Column("DEVICES", least=12, rank=1),
    ]
    rows = [
        [
            document["name"],
            document["kind"],
            document["running"],
            document.get("max_nodes", ""),
            _gpu(document),
            ", ".join(str(device.get("name")) for device in document.get("devices", ())) or "none",
        ]
        for document in documents
    ]
    if any("engine" in document for document in documents):
        columns += [Column("NODE", rank=3), Column("ENGINE", least=12, rank=4)]
        rows = [
            [*row, node_text(document), engine_text(document)] for row, document in zip(rows, documents, strict=True)
        ]
    tabulate(columns, rows)
    for document in documents:
        if document.get("trouble"):
            say(clean(f"{document['name']}: {document['trouble']}"))
    return 0


def _gpu(document: Mapping[str, Any]) -> str:
    """What becomes of runs that ask for GPUs; "-" where there are none, as "required" would read as if all did."""
    gpu = str(document.get("gpu", ""))
    return "-" if gpu == "required" and not document.get("devices") else gpu

"""``traindock computes``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from traindock.cli import parsers
from traindock.cli.finding import open_workspace
from traindock.cli.output import emit, say
from traindock.cli.text import Column, screen_width, table


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock computes`` understands."""
    parser.teach(
        """
        List the compute targets of the workspace, how many nodes they have, how many of them are at work, and which
        GPUs there are. "local" is always there; more are made with ComputeTarget.create in Python.
        """,
        """
        traindock computes
        traindock computes --json | jq '.computes[].name'
        """,
    )


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    from traindock.compute_target import ComputeTarget

    documents = []
    for target in ComputeTarget.list(open_workspace(args)):
        described = target.backend().describe()
        running = target.get_status().running_node_count
        documents.append(
            {**described, "name": target.name, "kind": target.kind, "settings": target.settings, "running": running}
        )
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
    say(table(columns, rows, screen_width()))
    return 0


def _gpu(document: Mapping[str, Any]) -> str:
    """What becomes of runs that ask for GPUs; "-" where there are none, as "required" would read as if all did."""
    gpu = str(document.get("gpu", ""))
    return "-" if gpu == "required" and not document.get("devices") else gpu

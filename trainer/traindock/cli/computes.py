"""``traindock computes``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from traindock.cli import parsers
from traindock.cli.finding import open_workspace
from traindock.cli.output import emit, say
from traindock.cli.text import Column, clean, screen_width, table
from traindock.compute.node_shapes import memory_text


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock computes`` understands."""
    parser.teach(
        """
        List the compute targets of the workspace: how many nodes they have and how many of them are at work, what a
        node has, which GPUs there are, and the container engine of those that have one. "local" is always there; more
        are made with ComputeTarget.create in Python.
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
        described = target.backend().describe(target.workspace.settings)
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
    if any("engine" in document for document in documents):
        columns += [Column("NODE", rank=3), Column("ENGINE", least=12, rank=4)]
        rows = [[*row, _node(document), _engine(document)] for row, document in zip(rows, documents, strict=True)]
    say(table(columns, rows, screen_width()))
    for document in documents:
        if document.get("trouble"):
            say(clean(f"{document['name']}: {document['trouble']}"))
    return 0


def _node(document: Mapping[str, Any]) -> str:
    """What a node has, as far as it is less than the whole machine."""
    shape: Mapping[str, Any] = document.get("node") or {}
    parts = [f"{shape['cpus']:g} cpus"] if shape.get("cpus") is not None else []
    if shape.get("memory_bytes") is not None:
        parts.append(memory_text(shape["memory_bytes"]))
    if shape.get("gpus") is not None:
        parts.append(f"{shape['gpus']} GPU{'' if shape['gpus'] == 1 else 's'}")
    return ", ".join(parts) or "the machine"


def _engine(document: Mapping[str, Any]) -> str:
    if "engine" not in document:
        return "-"
    if document.get("engine_version") is None:
        return "does not answer"
    return f"{document['engine_version']} ({document['engine_kind']})"


def _gpu(document: Mapping[str, Any]) -> str:
    """What becomes of runs that ask for GPUs; "-" where there are none, as "required" would read as if all did."""
    gpu = str(document.get("gpu", ""))
    return "-" if gpu == "required" and not document.get("devices") else gpu

"""``traindock computes show``."""

from __future__ import annotations

import argparse
from typing import Any

from traindock.cli import parsers
from traindock.cli.compute_documents import compute_document, engine_text, node_text, setting_lines
from traindock.cli.finding import open_workspace
from traindock.cli.output import emit, say
from traindock.cli.text import clean, moment, pairs
from traindock.compute_target import ComputeTarget


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock computes show`` understands."""
    parser.teach(
        """
        Show a compute target: its nodes and what they do, what a node has, its container engine, its settings, and the
        runs on it that have not ended.
        """,
        """
        traindock computes show gpucluster
        traindock computes show gpucluster --json | jq .status
        """,
    )
    parser.add_argument("name", metavar="NAME", help="the compute target")


def run(args: argparse.Namespace) -> int:
    """Print the target."""
    target = ComputeTarget(open_workspace(args), args.name)
    document = compute_document(target)
    status = target.get_status().serialize()
    unfinished = [found.id for found in target.get_active_runs()]
    if args.json:
        emit({**document, "status": status, "unfinished_runs": unfinished})
        return 0
    say([f"Compute target {clean(target.name)}", *pairs(_facts(target, document, status), "  ")])
    if lines := setting_lines(target):
        say(["", "Settings", *lines])
    if unfinished:
        say(["", "Runs that have not ended", *(f"  {clean(run_id)}" for run_id in unfinished)])
    return 0


def _facts(target: ComputeTarget, document: dict[str, Any], status: dict[str, Any]) -> list[tuple[str, object]]:
    counts = status["nodeStateCounts"]
    changed = moment(target.modified) if target.modified != target.created else ""
    return [
        ("Kind", target.kind),
        ("State", status["provisioningState"]),
        ("", document.get("trouble")),
        ("Made", moment(target.created)),
        ("Changed", changed),
        (
            "Nodes",
            f"{counts['runningNodeCount']} at work, {counts['idleNodeCount']} idle, "
            f"at most {status['scaleSettings']['maxNodeCount']}",
        ),
        ("A node has", node_text(document)),
        ("GPUs", ", ".join(str(device.get("name")) for device in document.get("devices", ())) or "none"),
        ("Engine", f"{engine_text(document)} at {document['engine']}" if "engine" in document else ""),
    ]

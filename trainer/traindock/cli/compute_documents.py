"""What the commands about compute targets say of one: as a document, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from traindock.cli.text import pairs
from traindock.compute.node_shapes import memory_text
from traindock.documents import timestamp

if TYPE_CHECKING:
    from traindock.compute_target import ComputeTarget


def compute_document(target: ComputeTarget) -> dict[str, Any]:
    """One compute target with all that is known of it without looking at its runs."""
    return {
        **target.backend().describe(target.workspace.settings),
        "name": target.name,
        "kind": target.kind,
        "settings": target.settings,
        "created": timestamp(target.created),
        "modified": timestamp(target.modified),
    }


def node_text(document: Mapping[str, Any]) -> str:
    """What a node has, as far as it is less than the whole machine; of GPUs also how many there are, if too few."""
    shape: Mapping[str, Any] = document.get("node") or {}
    parts = [f"{shape['cpus']:g} cpus"] if shape.get("cpus") is not None else []
    if shape.get("memory_bytes") is not None:
        parts.append(memory_text(shape["memory_bytes"]))
    if shape.get("gpus") is not None:
        here = len(document.get("devices") or ())
        short = f" asked for, {here or 'none'} here" if shape["gpus"] > here else ""
        parts.append(f"{shape['gpus']} GPU{'' if shape['gpus'] == 1 else 's'}{short}")
    return ", ".join(parts) or "the machine"


def engine_text(document: Mapping[str, Any]) -> str:
    """Which container engine there is, "-" for none."""
    if "engine" not in document:
        return "-"
    if document.get("engine_version") is None:
        return "does not answer"
    return f"{document['engine_version']} ({document['engine_kind']})"


def setting_lines(target: ComputeTarget) -> list[str]:
    """Return the settings by their names, but those that are nothing."""
    return pairs([(name, _shown(name, value)) for name, value in target.settings.items()], "  ")


def _shown(name: str, value: Any) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "memory" and isinstance(value, int):
        return memory_text(value)
    if name == "mounts":
        return ", ".join(f"{source}:{target}{':ro' if read_only else ''}" for source, target, read_only in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    return f"{value:g}" if isinstance(value, float) else value

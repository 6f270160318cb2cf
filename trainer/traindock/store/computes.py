"""``computes.json``: the compute targets that a workspace's owner has made. "local" is there without being made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from traindock.errors import StoreException
from traindock.store.changes import Changes
from traindock.store.events import locked
from traindock.store.files import read_json, write_json
from traindock.store.layout import WorkspaceLayout

#: {"kind": …, "settings": {…}, "created": seconds since 1970}
ComputeRecord: TypeAlias = dict[str, Any]


def load(layout: WorkspaceLayout) -> dict[str, ComputeRecord]:
    """Return the compute targets by name, "local" first.

    Raises:
        StoreException: the file is damaged.
    """
    try:
        document = read_json(layout.computes)
    except FileNotFoundError:
        document = {"format": 1, "computes": {}}
    try:
        made = {str(name): dict(record) for name, record in document["computes"].items()}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise StoreException(f"{layout.computes} is damaged: it lists no compute targets") from None
    return {"local": {"kind": "local", "settings": {}, "created": 0.0}, **made}


def change(layout: WorkspaceLayout, decide: Callable[[dict[str, ComputeRecord]], None]) -> None:
    """Let ``decide`` change the records in place, under a lock, and write them."""
    with locked(layout.root / ".computes.lock"):
        records = load(layout)
        decide(records)
        records.pop("local", None)
        write_json(layout.computes, {"format": 1, "computes": records})
    Changes(layout.changes).announce("computes/")

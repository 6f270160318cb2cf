"""``computes.json``: the compute targets that a workspace's owner has made. "local" is there without being made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from traindock.errors import StoreException
from traindock.store.changes import Changes
from traindock.store.copying import storage_error
from traindock.store.events import locked
from traindock.store.files import read_json, write_json
from traindock.store.layout import WorkspaceLayout
from traindock.store.ownership import check_writable

FORMAT: Final = 1

#: {"kind": …, "settings": {…}, "created": seconds since 1970, "modified": likewise, when it was last made or changed}
ComputeRecord: TypeAlias = dict[str, Any]


def load(layout: WorkspaceLayout) -> dict[str, ComputeRecord]:
    """Return the compute targets by name, "local" first.

    Raises:
        StoreException: the file is damaged.
    """
    try:
        document = read_json(layout.computes)
    except FileNotFoundError:
        document = {"format": FORMAT, "computes": {}}
    except StoreException as error:
        if isinstance(error.__cause__, ValueError):
            raise _damaged(layout, error.__cause__) from None
        raise
    try:
        if document["format"] > FORMAT:
            raise StoreException(
                f"{layout.computes} has format {document['format']}, and this version of Traindock knows formats up "
                f"to {FORMAT}: upgrade with 'pip install -U traindock'"
            )
        made = {
            str(name): {
                **record,
                "kind": str(record["kind"]),
                "settings": dict(record["settings"]),
                "created": float(record.get("created", 0)),
                "modified": float(record.get("modified") or record.get("created", 0)),
            }
            for name, record in document["computes"].items()
            if name != "local"
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _damaged(layout, error) from None
    return {"local": {"kind": "local", "settings": {}, "created": 0.0, "modified": 0.0}, **made}


def _damaged(layout: WorkspaceLayout, error: Exception) -> StoreException:
    return StoreException(
        f"{layout.computes} is damaged ({error!r}): mend it, or delete it and make your compute targets again"
    )


def change(layout: WorkspaceLayout, decide: Callable[[dict[str, ComputeRecord]], None]) -> None:
    """Let ``decide`` change the records in place, under a lock, and write them.

    Raises:
        WorkspaceReadOnlyException: another host has the workspace.
        StoreException: the disk is full or refuses.
    """
    check_writable(layout)
    try:
        with locked(layout.root / ".computes.lock"):
            records = load(layout)
            decide(records)
            records.pop("local", None)
            write_json(layout.computes, {"format": FORMAT, "computes": records})
    except OSError as error:
        raise storage_error(error, f"write {layout.computes}") from error
    Changes(layout).announce("computes/")

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
#: Of so many targets is kept how they were before they were changed or deleted.
MOST_FORMER: Final = 50

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


def former(layout: WorkspaceLayout) -> list[ComputeRecord]:
    """Return ``kind`` and ``settings`` of targets as they were before they were changed or deleted.

    Something of their runs may be left where they were, until :func:`forget_former` is told otherwise.

    Raises:
        StoreException: the file is damaged.
    """
    try:
        document = read_json(layout.computes)
    except FileNotFoundError:
        return []
    return [dict(record) for record in document.get("former", ())]


def forget_former(layout: WorkspaceLayout, gone: ComputeRecord) -> None:
    """Forget a target as it was, since nothing is left of its runs there.

    Raises:
        WorkspaceReadOnlyException: another host has the workspace.
        StoreException: the disk is full or refuses.
    """
    check_writable(layout)
    try:
        with locked(layout.root / ".computes.lock"):
            left = [record for record in former(layout) if record != gone]
            _write(layout, load(layout), left)
    except OSError as error:
        raise storage_error(error, f"write {layout.computes}") from error


def _write(layout: WorkspaceLayout, records: dict[str, ComputeRecord], left: list[ComputeRecord]) -> None:
    made = {name: record for name, record in records.items() if name != "local"}
    write_json(layout.computes, {"format": FORMAT, "computes": made, "former": left})


def _where(record: ComputeRecord) -> ComputeRecord:
    return {"kind": record["kind"], "settings": record["settings"]}


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
            before = [_where(record) for name, record in records.items() if name != "local"]
            decide(records)
            now = [_where(record) for record in records.values()]
            left = [record for record in former(layout) if record not in now]
            left += [record for record in before if record not in now and record not in left]
            _write(layout, records, left[-MOST_FORMER:])
    except OSError as error:
        raise storage_error(error, f"write {layout.computes}") from error
    Changes(layout).announce("computes/")

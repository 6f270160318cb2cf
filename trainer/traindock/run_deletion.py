"""Deleting runs: which of them may be deleted, and which go together."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from traindock.compute.processes import lock_is_held
from traindock.errors import (
    RunHasChildrenException,
    RunNotEndedException,
    RunNotFoundException,
    StoreException,
    TraindockError,
)
from traindock.store import deleting
from traindock.store.files import read_json
from traindock.store.index import RunQuery
from traindock.store.run_records import run_ids
from traindock.store.signing import Signature

if TYPE_CHECKING:
    from traindock.store.run_records import RunFolder, RunRecord
    from traindock.workspace import Workspace

_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was deleted.

    Attributes:
        run_ids: the runs, each after its children.
        freed_bytes: what that has given back to the disk.
        trouble: why not all could be given back yet, as a clause, or ""; the next dispatcher tries it again.
    """

    run_ids: tuple[str, ...]
    freed_bytes: int
    trouble: str


def delete(workspace: Workspace, wanted: Sequence[str], *, with_children: bool = False) -> Deleted:
    """Delete runs, all of them or none; see :meth:`traindock.Run.delete`.

    Args:
        workspace: where.
        wanted: which.
        with_children: whether their children, and so on, go with them.

    Raises:
        RunNotFoundException: there is no such run.
        RunNotEndedException: one of them goes on.
        RunHasChildrenException: one has children that are not among them, and ``with_children`` is false.
        WorkspaceReadOnlyException: another host has the workspace.
        StoreException: the disk refuses; nothing is deleted.
    """
    while True:
        offset = _announced(workspace)
        doomed = family(workspace, wanted, with_children=with_children)
        alone = partial(_no_new_children, workspace, doomed)
        if deleting.hide(workspace.layout, doomed, offset, alone):
            break
    with contextlib.suppress(StoreException):  # it catches up when it is asked again
        workspace.index.catch_up()
    finished = deleting.finish(workspace.layout)
    return Deleted(tuple(doomed), finished.freed_bytes, finished.trouble)


def family(workspace: Workspace, wanted: Sequence[str], *, with_children: bool) -> list[str]:
    """Return the runs that go when the given ones are deleted, each after its children; raises as :func:`delete`."""
    parents: dict[str, str] = {}
    turns: dict[str, float] = {}
    pending = list(dict.fromkeys(wanted))
    while pending:
        run_id = pending.pop()
        folder = workspace.run_folder(run_id)
        try:
            record = folder.load()
        except RunNotFoundException:
            if run_id not in parents:
                raise
            continue  # somebody else has just deleted it
        _check_ended(folder, record, parents.get(run_id))
        turns[run_id] = record.turn
        for child in _children(workspace, run_id):
            if child not in wanted and child not in parents:
                parents[child] = run_id
                pending.append(child)
    if parents and not with_children:
        parent = next(iter(parents.values()))
        more = f" and {len(parents) - _NAMED} more" if len(parents) > _NAMED else ""
        raise RunHasChildrenException(
            f"run {parent} has children, which would be deleted with it: {', '.join([*parents][:_NAMED])}{more}. "
            "Allow that (with_children=True, --with-children), or delete them first",
            [*parents],
        )
    return sorted(turns, key=lambda run_id: (-turns[run_id], run_id))


def _check_ended(folder: RunFolder, record: RunRecord, parent: str | None) -> None:
    if record.state.terminal:
        return
    # Nothing is ever launched for a run that is not this user's, or was copied with its workspace: its end never comes.
    # But one that is this user's, and whose record was damaged since, may have a job.
    if record.signature is not Signature.VALID and not lock_is_held(folder.layout.launch_lock):
        return
    child = f"run {record.id}, a child of {parent}," if parent is not None else f"run {record.id}"
    raise RunNotEndedException(
        f"{child} has not ended ({record.state.value}), so that it cannot be deleted: cancel it, wait for its end, and "
        "delete it then"
    )


def _children(workspace: Workspace, run_id: str) -> list[str]:
    try:
        return [row.id for row in workspace.index.runs(RunQuery(parent=run_id))]
    except StoreException:  # the disk is full, which is what deleting is to mend
        return [each for each in run_ids(workspace.layout) if _parent(workspace, each) == run_id]


def _parent(workspace: Workspace, run_id: str) -> str | None:
    """Return the id of the run that another one is a part of; None where there is none, or no such run."""
    with contextlib.suppress(TraindockError, OSError, AttributeError):
        parent: str | None = read_json(workspace.run_folder(run_id).layout.run_json).get("parent")
        return parent
    return None


def _announced(workspace: Workspace) -> int:
    """Return how long the log of changes is."""
    with contextlib.suppress(FileNotFoundError):
        return workspace.layout.changes.stat().st_size
    return 0


def _no_new_children(workspace: Workspace, doomed: Sequence[str], subjects: Sequence[str]) -> bool:
    """Whether none of the runs that were announced has one of ``doomed`` as its parent, but is not among them."""
    for subject in subjects:
        kind, _, run_id = subject.partition("/")
        if kind == "run" and run_id not in doomed and _parent(workspace, run_id) in doomed:
            return False
    return True

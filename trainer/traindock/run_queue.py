"""The queues of compute targets: which runs wait there, in which order, and how one is moved."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from traindock.errors import (
    RunNotFoundException,
    RunNotSignedException,
    RunNotWaitingException,
    TraindockError,
    UserErrorException,
)
from traindock.run_types import WITHOUT_JOB
from traindock.states import State
from traindock.store import queue_moves
from traindock.store.ownership import check_writable
from traindock.store.run_records import Order, RunFolder, RunRecord, can_be_told, take_turn
from traindock.store.signing import Signature

if TYPE_CHECKING:
    from traindock.run import Run
    from traindock.workspace import Workspace

_WAITING: Final = (State.NOT_STARTED, State.PREPARING, State.QUEUED)


def waits(record: RunRecord) -> bool:
    """Whether a run waits for its turn, or is prepared for it."""
    return (
        record.state in _WAITING
        and not record.admitted
        and not record.cancel_requested
        and record.signature is Signature.VALID
        and record.spec.type not in WITHOUT_JOB
    )


def waiting(workspace: Workspace, target: str) -> list[RunRecord]:
    """Return the runs that wait for a compute target, in the order in which they go."""
    return _waiting(workspace, workspace.index.unfinished(), target)


def _waiting(workspace: Workspace, unfinished: Iterable[str], target: str) -> list[RunRecord]:
    """Return those of some runs that wait for a compute target, in the order in which they go."""
    found = []
    for run_id in unfinished:
        with contextlib.suppress(TraindockError):  # deleted meanwhile, or damaged
            record = workspace.run_folder(run_id).load()
            if record.spec.compute_target == target and waits(record):
                found.append(record)
    return sorted(found, key=rank)


def rank(record: RunRecord) -> tuple[Order, str]:
    """Return a run's position in the queue of its target, to sort by."""
    return record.order, record.id


def move(run: Run, before: Run | str | None, *, first: bool = False) -> None:
    """Move a run in the queue of its compute target; see :meth:`traindock.Run.move_before` and ``move_to_front``.

    Args:
        run: which.
        before: the run, or its id, before which it goes; None for the end.
        first: it goes before all that wait, whichever the first of them is.

    Raises:
        RunNotWaitingException: it, or ``before``, does not wait there (any more); nothing is changed.
        RunNotSignedException: somebody else submitted it, or it was copied with its workspace.
        UserErrorException: ``before`` is the run itself, or is no run of this workspace.
        WorkspaceReadOnlyException: another host has the workspace.
        IndexBusyException: another program keeps the index locked; nothing is changed.
        StoreException: the disk is full or refuses; nothing is changed.
    """
    from traindock.dispatcher import start

    workspace = run.workspace
    before_id = _id_of(workspace, before)
    if before_id == run.id:
        raise UserErrorException(f"run {run.id} cannot go before itself: name another run of the queue")
    check_writable(workspace.layout)
    # Other programs may keep the index locked, and no run begins while one is moved. Which runs there are has to be no
    # newer than this: what is submitted meanwhile comes behind them all.
    unfinished = workspace.index.unfinished()
    with queue_moves.moving(workspace.layout) as moves:
        record = _checked(run.record)
        others = [each for each in _waiting(workspace, unfinished, record.spec.compute_target) if each.id != run.id]
        if first:
            before_id = others[0].id if others else None
        order = _order(workspace, record, others, before_id)
        if order is not None:
            moves.note()
            if can_be_told(order):
                _put(run._folder, order)
            else:
                _renumber(workspace, run, others, before_id)
    start.ensure(workspace.layout)


def _id_of(workspace: Workspace, run: Run | str | None) -> str | None:
    if run is None or isinstance(run, str):
        return run
    if getattr(getattr(run, "workspace", None), "id", None) != workspace.id:
        raise UserErrorException(f"{run!r:.80} is no run of workspace {workspace.name!r}: name one that waits there")
    return str(run.id)


def _checked(record: RunRecord) -> RunRecord:
    """Return a record that says that its run waits.

    Raises:
        RunNotSignedException: it is not one of this user's, submitted here.
        RunNotWaitingException: it does not wait.
    """
    if record.signature is not Signature.VALID:
        why = (
            "was copied with its workspace"
            if record.signature is Signature.COPIED
            else "was submitted by somebody else"
        )
        raise RunNotSignedException(f"run {record.id} {why}, and is never launched here: it has no place in a queue")
    if not waits(record):
        raise RunNotWaitingException(f"run {record.id} cannot be moved: {_instead(record)}. Nothing was changed.")
    return record


def _instead(record: RunRecord) -> str:
    """Say of a run that does not wait what it does."""
    if record.spec.type in WITHOUT_JOB:
        return "its code runs elsewhere, and it waits for no node"
    if record.state.terminal:
        return f"it has ended ({record.state.value})"
    if record.cancel_requested:
        return "it has been asked to end"
    return "it is just beginning" if record.state in _WAITING else f"it has begun ({record.state.value})"


def _elsewhere(workspace: Workspace, run_id: str, target: str) -> str:
    """Say of a run that does not wait for a target what it does."""
    try:
        record = workspace.run_folder(run_id).load()
    except RunNotFoundException:
        return "there is no such run (any more)"
    if record.signature is not Signature.VALID:
        return "it is not yours, and has no place in the queue"
    return f"it waits for {record.spec.compute_target!r}, not for {target!r}" if waits(record) else _instead(record)


def _order(workspace: Workspace, record: RunRecord, others: Sequence[RunRecord], before: str | None) -> Order | None:
    """Return the new place of a run; None where it stands there already."""
    place = len(others)
    if before is not None:
        ids = [each.id for each in others]
        if before not in ids:
            why = _elsewhere(workspace, before, record.spec.compute_target)
            raise RunNotWaitingException(f"run {record.id} cannot go before {before}: {why}. Nothing was changed.")
        place = ids.index(before)
    if all(rank(each) < rank(record) for each in others[:place]) and all(
        rank(each) > rank(record) for each in others[place:]
    ):
        return None
    if place == len(others):
        # Later ones come behind it, as behind one that is submitted now.
        return take_turn(workspace.layout)
    behind = Fraction(others[place].order)
    ahead = [Fraction(each.order) for each in others[:place] if each.order < others[place].order]
    return (ahead[-1] + behind) / 2 if ahead else Fraction(math.floor(behind) - 1)


def _renumber(workspace: Workspace, run: Run, others: Sequence[RunRecord], before: str | None) -> None:
    """Give all that wait new places, with the run among them, in front of those that they have.

    One after the other from the first on, so that at any time those that have theirs are before the others.
    """
    ids = [each.id for each in others]
    ids.insert(len(ids) if before is None else ids.index(before), run.id)
    front = math.floor(min(Fraction(each.order) for each in others)) - len(ids)
    for number, run_id in enumerate(ids):
        try:
            _put(workspace.run_folder(run_id), Fraction(front + number))
        except (RunNotWaitingException, RunNotFoundException):  # somebody has ended or deleted it meanwhile
            if run_id == run.id:
                raise


def _put(folder: RunFolder, order: Order) -> None:
    """Record a run's new place, if it still waits."""
    folder.transact(lambda present: _moved(present, order), durable=True)


def _moved(present: RunRecord, order: Order) -> list[dict[str, Any]]:
    _checked(present)
    return [{"type": "moved", "order": str(Fraction(order))}]

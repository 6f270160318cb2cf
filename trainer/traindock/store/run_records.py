"""One run as its folder tells it: what was submitted, and what has happened since.

``run.json`` never changes after the submit; everything that happens is an event. :func:`fold` turns both into a
:class:`RunRecord`, and is the only place that knows what an event means.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

from traindock import faultpoints, run_data
from traindock.errors import InternalError, RunNotFoundException, RunNotSignedException, StoreException
from traindock.names import check_name, is_name
from traindock.spec import RunSpec
from traindock.states import TRANSITIONS, Reason, State, check_transition, outcome
from traindock.store import events, signing
from traindock.store.changes import Changes
from traindock.store.events import Event
from traindock.store.files import read_json, sync_folder, write_json
from traindock.store.identity import WorkspaceRecord
from traindock.store.layout import RunLayout, WorkspaceLayout
from traindock.store.ownership import check_writable

#: A place in a queue. Between two of them there is always a third one, however often runs are moved.
Order: TypeAlias = float | Fraction

FORMAT = 1
# Bounded, since whatever stands in an events file is read.
_ORDER = re.compile(r"-?\d{1,1000}(/[1-9]\d{0,999})?", re.ASCII)
# What any float takes at most as text, with the end of its line.
_TURN_BYTES = 25


def can_be_told(order: Order) -> bool:
    """Whether a place in a queue can be recorded: halved some thousand times, it is too long for that."""
    return _ORDER.fullmatch(str(Fraction(order))) is not None


def _later() -> dict[State, frozenset[State]]:
    later: dict[State, frozenset[State]] = {}
    for state in State:
        found: set[State] = set()
        new = set(TRANSITIONS[state])
        while new:
            found |= new
            new = {after for each in new for after in TRANSITIONS[each]} - found
        later[state] = frozenset(found)
    return later


# From each state, all that may follow it at some time: what a reader accepts if a line in between is damaged.
_LATER = _later()


@dataclass(frozen=True, slots=True)
class StateChange:
    """A state, when it began (seconds since 1970), and what is known about it."""

    state: State
    time: float
    reason: Reason | None = None
    detail: str = ""


@dataclass(slots=True)
class RunRecord:
    """Everything the record says about a run; times are seconds since 1970.

    Attributes:
        created: when it was submitted, by the clock as it was then.
        turn: its place among the workspace's runs, see :func:`take_turn`.
        data: what it was given to learn from, as far as its arguments tell, see ``run_data.found``.
        order: its place in the queue of its compute target: its turn, until it is moved, see ``run_queue``.
        admitted: whether it has got its nodes, and is being launched or was.
        resources: by series (see ``dispatcher.sampling``) the "unit", the "limit" and whose that is ("limit_of"), the
            "peak", and of GPUs the "device"; empty until the first look at its job.
        event_files: the folders of its files, such as "logs/train", in which there are TensorBoard event files.
    """

    id: str
    experiment: str
    number: int
    created: float
    turn: float
    order: Order
    user: str
    spec: RunSpec
    signature: signing.Signature
    parent: str | None = None
    properties: dict[str, str] = field(default_factory=dict)
    data: list[dict[str, Any]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    display_name: str = ""
    description: str = ""
    history: list[StateChange] = field(default_factory=list)
    detail: str = ""
    admitted: bool = False
    cancel_requested_by: str | None = None
    started: float | None = None
    ended: float | None = None
    exit: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    event_files: list[str] = field(default_factory=list)

    @property
    def state(self) -> State:
        """The current state; a run without any event has not started."""
        return self.history[-1].state if self.history else State.NOT_STARTED

    @property
    def reason(self) -> Reason | None:
        """Why the run ended, or None while it has not."""
        return self.history[-1].reason if self.history else None

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked for the run to end."""
        return self.cancel_requested_by is not None


class RunFolder:
    """The record of one run: reads it, and appends to it.

    Args:
        workspace: layout of the workspace.
        identity: its ``workspace.json``, against which signatures are checked.
        run_id: must name an existing run.
    """

    def __init__(self, workspace: WorkspaceLayout, identity: WorkspaceRecord, run_id: str) -> None:
        self.id = check_name("run id", run_id)
        self.layout = workspace.run(run_id)
        self._workspace = workspace
        self._identity = identity

    def load(self) -> RunRecord:
        """Read the whole record.

        Raises:
            RunNotFoundException: there is no such run.
            StoreException: its ``run.json`` is damaged.
        """
        return fold(self.document(), events.read(self.layout.events)[0], self._identity, self.id)

    def document(self) -> dict[str, Any]:
        """Return the content of ``run.json``."""
        try:
            document = read_json(self.layout.run_json)
        except (FileNotFoundError, NotADirectoryError):
            raise RunNotFoundException(
                f"there is no run {self.id!r} in workspace {self._identity.name!r} ({self._workspace.root})"
            ) from None
        if not isinstance(document, dict) or document.get("id") != self.id:
            raise StoreException(f"{self.layout.run_json} is damaged: it does not describe run {self.id}")
        return document

    def settle(self) -> None:
        """Wait for a writer that has announced a change, and holds the record's lock until it is written.

        Raises:
            OSError: the record is there and cannot be opened.
        """
        events.read_settled(self.layout.events)

    def append(self, *new: Event, durable: bool = False) -> None:
        """Append events to the record.

        Raises:
            RunNotSignedException: the run is not this user's.
        """
        self.transact(lambda _: new, durable=durable)

    def transact(self, decide: Callable[[RunRecord], Iterable[Event]], *, durable: bool = False) -> RunRecord:
        """Append what ``decide`` makes of the record as it is, under its lock, and return the new record.

        Raises:
            RunNotSignedException: the run is not this user's.
        """
        document = self.document()
        seen: list[Event] = []

        def decide_on(before: list[Event]) -> list[Event]:
            record = fold(document, before, self._identity, self.id)
            if record.signature is signing.Signature.INVALID:
                raise RunNotSignedException(
                    f"run {self.id} was not submitted by you to this workspace (its signature does not match), "
                    "so it is shown but never launched or changed"
                )
            seen.extend(before)
            return list(decide(record))

        new = events.transact(
            self.layout.events,
            decide_on,
            durable=durable,
            announce=lambda: Changes(self._workspace).announce(f"run/{self.id}"),
        )
        return fold(document, seen + new, self._identity, self.id)

    def advance(
        self,
        state: State,
        *,
        reason: Reason | None = None,
        detail: str = "",
        also: Iterable[Event] = (),
        since: float | None = None,
    ) -> RunRecord:
        """Bring the run into ``state``, durably, together with the events ``also``.

        Args:
            state: the new one.
            reason: why the run ended; for terminal states.
            detail: a sentence about it.
            also: what is recorded just before.
            since: when the state began, in seconds since 1970, if that was not now.

        Raises:
            InvalidTransition: the table of transitions forbids it.
        """

        def decide(record: RunRecord) -> list[Event]:
            check_transition(record.state, state, reason)
            change: Event = {"type": "state", "state": state.value}
            if reason is not None:
                change["reason"] = reason.value
            if detail:
                change["detail"] = detail
            if since is not None:
                change["t"] = since
            return [*also, change]

        return self.transact(decide, durable=True)


def fold(document: dict[str, Any], happened: list[Event], identity: WorkspaceRecord, run_id: str) -> RunRecord:
    """Make one record of ``run.json`` and the events; events that make no sense are left out, never raised."""
    try:
        record = RunRecord(
            id=run_id,
            experiment=document["experiment"],
            number=int(document["number"]),
            created=float(document["created"]),
            turn=float(document.get("turn", document["created"])),
            order=float(document.get("turn", document["created"])),
            user=str(document.get("user", "")),
            spec=RunSpec.from_json(document["spec"]),
            signature=signing.check(document, identity.id, identity.previous_ids),
            parent=document.get("parent"),
            properties=dict(document.get("properties", {})),
            data=run_data.readable(document.get("data")),
            tags=dict(document.get("tags", {})),
            display_name=str(document.get("display_name", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreException(f"the run.json of run {run_id} is damaged: {error!r}") from None
    for event in happened:
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError, InternalError):
            _apply(record, event)
    return record


def _apply(record: RunRecord, event: Event) -> None:
    kind, when = event["type"], float(event["t"])
    if kind == "state":
        state = State(event["state"])
        reason = Reason(event["reason"]) if "reason" in event else None
        if not _believable(record, state, reason):
            return
        record.detail = str(event.get("detail", ""))
        record.history.append(StateChange(state, when, reason, record.detail))
        if state is State.RUNNING:
            record.started = when
        elif state.terminal:
            record.ended = when
    elif kind == "detail":
        record.detail = str(event["detail"])
    elif kind == "admitted":
        record.admitted = bool(event["value"])
    elif kind == "moved" and _ORDER.fullmatch(event["order"]):
        record.order = Fraction(event["order"])
    elif kind == "cancel":
        record.cancel_requested_by = record.cancel_requested_by or str(event.get("by") or "unknown")
    elif kind == "tags":
        for name in event.get("remove", ()):
            record.tags.pop(name, None)
        record.tags.update(event.get("set", {}))
    elif kind == "properties":
        for name, value in event["add"].items():
            record.properties.setdefault(name, value)
    elif kind in ("display_name", "description"):
        setattr(record, kind, str(event["value"]))
    elif kind == "environment":
        record.environment = dict(event["value"])
    elif kind == "resources":
        record.resources = {str(name): dict(fact) for name, fact in event["value"].items()}
    elif kind == "event_files":
        record.event_files = [str(folder) for folder in event["value"]]
    elif kind == "exit":
        record.exit = dict(event["value"])
    elif kind == "warning" and (text := str(event["text"])) not in record.warnings:  # steps may be repeated
        record.warnings.append(text)


def _believable(record: RunRecord, state: State, reason: Reason | None) -> bool:
    """Whether a state that was recorded can have come about; what led to it may have been damaged since."""
    first = not record.history and state is State.NOT_STARTED
    ends_well = (outcome(reason) is state) if reason is not None else not state.terminal
    return ends_well and (first or state in _LATER[record.state])


def publish(
    workspace: WorkspaceLayout,
    identity: WorkspaceRecord,
    fill: Callable[[RunLayout], None] = lambda _: None,
    /,
    *,
    run_id: str,
    **facts: Any,
) -> RunFolder:
    """Write a new run, signed, so that it appears whole or not at all.

    Args:
        workspace: where.
        identity: the workspace's record.
        fill: puts more into the run's folder before anybody can see it; the folder has another name then.
        run_id: must be new.
        **facts: the fields of ``run.json`` besides format, id, workspace and signature; ``spec`` as JSON.

    Raises:
        WorkspaceReadOnlyException: another host has the workspace.
        RunNotFoundException: its parent was deleted meanwhile.
        StoreException: the disk is full or refuses; nothing is left behind.
    """
    document = {"format": FORMAT, "id": run_id, "workspace": identity.id, **facts}
    document["signature"] = signing.sign(document)
    check_writable(workspace)
    layout = workspace.run(f".new-{run_id}")
    published = False

    def rename() -> None:
        nonlocal published
        parent = facts.get("parent")
        if parent is not None and not workspace.run(parent).run_json.exists():
            raise RunNotFoundException(f"run {parent!r}, of which the new one is to be a part, is gone: submit it anew")
        os.rename(layout.root, workspace.runs / run_id)  # noqa: PTH104 (fails where there is a run of this id)
        published = True

    try:
        layout.root.mkdir(mode=0o700)
        for folder in (layout.driver, layout.metrics, layout.requests, layout.uploads):
            folder.mkdir()
        write_json(layout.run_json, document)
        events.append(layout.events, {"type": "state", "state": State.NOT_STARTED.value}, durable=True)
        fill(layout)
        sync_folder(layout.root)
        faultpoints.reached("submit.after-event")
        Changes(workspace).publish(f"run/{run_id}", rename)
        sync_folder(workspace.runs)
    except BaseException as error:
        if published and isinstance(error, OSError):
            # It may have been launched already. All that is amiss is that a power cut could take it.
            return RunFolder(workspace, identity, run_id)
        shutil.rmtree(layout.root, ignore_errors=True)
        if isinstance(error, OSError):
            raise StoreException(f"cannot record the run in {workspace.runs}: {error.strerror}") from error
        raise
    return RunFolder(workspace, identity, run_id)


def run_ids(workspace: WorkspaceLayout, end: str = "") -> list[str]:
    """Return the ids of all runs that have a folder, in no particular order; other folders there are passed over.

    Args:
        workspace: whose.
        end: only of those that end with it.
    """
    try:
        return [name for name in os.listdir(workspace.runs) if name.endswith(end) and is_name("run id", name)]
    except FileNotFoundError:
        return []


def missing_runs(workspace: WorkspaceLayout, run_ids: Iterable[str]) -> set[str]:
    """Return which of the given runs have no folder any more."""
    # Each is looked for: a folder's time of change is too coarse to tell that nothing was removed from it since.
    runs, name = os.fspath(workspace.runs), workspace.run("").run_json.name
    found = set()
    for run_id in run_ids:
        try:
            os.stat(f"{runs}/{run_id}/{name}")  # noqa: PTH116 - a Path for each would take six times as long
        except (FileNotFoundError, NotADirectoryError):
            found.add(run_id)
    return found


def take_number(workspace: WorkspaceLayout, experiment: str) -> int:
    """Return the next run number of an experiment, 1 for its first run; never gives one twice.

    Raises:
        WorkspaceReadOnlyException: another host has the workspace.
        StoreException: the disk is full or refuses.
    """
    check_writable(workspace)
    folder = workspace.experiments / experiment
    counter = folder / "last_number"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with events.locked(folder / ".lock"):
            try:
                last = int(counter.read_text())
            except (FileNotFoundError, ValueError):
                last = _highest_number(workspace, experiment)
            write_json(counter, last + 1, durable=False)
    except OSError as error:
        raise StoreException(f"cannot number the run in {folder}: {error.strerror}") from error
    return last + 1


def take_turn(workspace: WorkspaceLayout) -> float:
    """Return a run's place among the runs of its workspace: greater than that of all that were submitted before.

    It is the time, in seconds since 1970, or the next number after the last turn where the clock was set back since.
    Runs that are submitted in the same moment have an order, too.

    Raises:
        WorkspaceReadOnlyException: another host has the workspace.
        StoreException: the disk is full or refuses.
    """
    check_writable(workspace)
    try:
        fd = os.open(workspace.last_turn, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            turn = max(time.time(), _after(os.pread(fd, _TURN_BYTES, 0)))
            # In place, and not synced: where it is lost, the clock alone decides, which is seldom set back.
            os.pwrite(fd, f"{turn!r}\n".rjust(_TURN_BYTES).encode(), 0)
        finally:
            os.close(fd)
    except OSError as error:
        raise StoreException(f"cannot write {workspace.last_turn}: {error.strerror}") from error
    return turn


def _after(last: bytes) -> float:
    """Return the next number after a turn that was written; what is no turn comes before all."""
    try:
        turn = float(last)
    except ValueError:
        return -math.inf
    return math.nextafter(turn, math.inf) if math.isfinite(turn) else -math.inf


def _highest_number(workspace: WorkspaceLayout, experiment: str) -> int:
    highest = 0
    for run_id in run_ids(workspace):
        if run_id.rsplit("_", 2)[0] == experiment:
            with contextlib.suppress(FileNotFoundError, StoreException, KeyError, TypeError, ValueError):
                highest = max(highest, int(read_json(workspace.run(run_id).run_json)["number"]))
    return highest

"""What is new about one run since a place in it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from jupyterlab_traindock.live.merging import Merged
from jupyterlab_traindock.live.places import Place
from jupyterlab_traindock.managers.runs import trouble_of
from jupyterlab_traindock.managers.tensorboards import url_of
from jupyterlab_traindock.utf8 import unfinished
from traindock.dispatcher import start
from traindock.documents import plain, seconds_of, timestamp
from traindock.errors import TraindockError
from traindock.run import Run
from traindock.runtime.files import DRIVER_LOGS
from traindock.store.metric_files import opened, read_range
from traindock.store.metrics import MetricReader
from traindock.store.run_records import RunRecord

#: Most bytes of one log in a message; what lies before them is told as a gap.
LOG_BYTES: Final = 64 << 10
#: Metrics are listed at the end of a run if they are no more than so many.
MOST_LISTED: Final = 200
#: Most points that one look reads; the rest comes with the next one.
MOST_POINTS: Final = 1_000_000
_LINE_FEED: Final = ord("\n")
#: Seconds that one look takes at most.
MOST_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Wanted:
    """What a follower of a run wants to know besides its state.

    Attributes:
        metrics: whether its metrics.
        resources: whether what its job uses.
        logs: names of the logs.
    """

    metrics: bool = True
    resources: bool = True
    logs: tuple[str, ...] = tuple(DRIVER_LOGS)


@dataclass(frozen=True)
class News:
    """What is new.

    Attributes:
        message: for the follower; empty where nothing is.
        place: where it stands then.
        more: whether there is more already.
        ended: whether the run has ended and all of it was told.
    """

    message: dict[str, Any] = field(default_factory=dict)
    place: Place = field(default_factory=Place)
    more: bool = False
    ended: bool = False


class RunFeed:
    """Reads one run, once for all that follow it from the same place. For one thread.

    Args:
        run: the run.
        describe: begins to gather everything about it, for its end, which takes long where it has left much; once
            that is done, whoever follows has to be told :meth:`news` again.
    """

    def __init__(self, run: Run, describe: Callable[[Run], Future[dict[str, Any]]]) -> None:
        self.run = run
        self.workspace = run.workspace
        self._describe = describe
        self._description: tuple[int, Future[dict[str, Any]]] | None = None
        self._layout = run.workspace.layout.run(run.id)
        self._reader = MetricReader.of_run(self._layout)
        self._used = MetricReader(self._layout.resources)
        self._record: tuple[int, RunRecord] | None = None
        self._upkeep = start.Upkeep(run.workspace.layout)
        #: Why no dispatcher gets to work on it, as the last :meth:`look_after` has found.
        self.trouble: start.Trouble | None = None

    @property
    def events_path(self) -> Path:
        """What changes with the run's state, name or tags."""
        return self._layout.events

    @property
    def data_paths(self) -> list[Path]:
        """What changes with its metrics, its use of resources, and its logs."""
        layout = self._layout
        logs = (layout.driver / name for name in DRIVER_LOGS.values())
        return [layout.metrics, layout.imported, layout.resources, *logs]

    def look_after(self) -> None:
        """Have a dispatcher at work while the run has no end."""
        record = self._load()[1]
        if not record.state.terminal:
            with contextlib.suppress(TraindockError, OSError):  # which is trouble
                self._upkeep.look()
        self.trouble = trouble_of(self.workspace, record)

    def news(self, place: Place, wanted: Wanted) -> News:
        """Return what is new since ``place``.

        Raises:
            RunNotFoundException: the run was deleted.
            TraindockError: its record is damaged.
        """
        # The state first: once it is terminal, all else is complete when it is read after it.
        size, record = self._load()
        message = self._changed_state(record, size, place)
        metrics, more = place.metrics, False
        if wanted.metrics:
            merged, metrics, more = _merged(self._reader, place.metrics)
            if merged:
                message["metrics"] = merged.document()
        resources = place.resources
        if wanted.resources:
            merged, resources, left = _merged(self._used, place.resources)
            more = more or left
            if merged:
                message["resources"] = {"series": merged.document()["series"]}
        logs = dict(place.logs)
        for name in wanted.logs:
            text = self._log(name, logs, whole=record.state.terminal)
            if text:
                message.setdefault("logs", {})[name] = text
        ended = place.ended
        if record.state.terminal and not more and not ended:
            description = self._described(size)
            if description.done():
                message["run"] = short(plain(description.result()))
                ended = True
        return News(message, Place(size, metrics, resources, tuple(sorted(logs.items())), ended), more, ended)

    def state_news(self, place: Place) -> News:
        """Return what is new about the state alone: metrics, logs and the end wait for :meth:`news`; raises alike."""
        size, record = self._load()
        return News(self._changed_state(record, size, place), replace(place, events=size))

    def _changed_state(self, record: RunRecord, size: int, place: Place) -> dict[str, Any]:
        """Return the state for a message; empty where the follower has it."""
        return {} if size == place.events else {"state": plain(_state(record, self.workspace.id))}

    def _described(self, size: int) -> Future[dict[str, Any]]:
        """Return everything about the run, as it is when the record of what happened has this size."""
        if self._description is None or self._description[0] != size:
            self._description = (size, self._describe(self.run))
        return self._description[1]

    def _load(self) -> tuple[int, RunRecord]:
        """Return the size of the record of what happened, and what it says."""
        try:
            size = self._layout.events.stat().st_size
        except FileNotFoundError:
            size = 0
        if self._record is None or self._record[0] != size or not self._layout.run_json.exists():
            self._record = (size, self.run.record)
        return self._record

    def _log(self, name: str, offsets: dict[str, int], *, whole: bool) -> dict[str, Any]:
        """Return what was appended to a log, its last part if that is much, and go on in ``offsets``.

        Args:
            name: of the log.
            offsets: how many bytes of each log were told.
            whole: whether nothing will be appended any more, so that a character cut at the end stays so.
        """
        with opened(self._layout.driver / DRIVER_LOGS[name]) as descriptor:
            if descriptor is None:
                return {}
            size = os.fstat(descriptor).st_size
            known = offsets.get(name)
            begin = min(known or 0, size)
            skipped = max(0, size - begin - LOG_BYTES)
            data = read_range(descriptor, begin + skipped, size)
        if skipped:  # a line that is cut in two helps nobody
            cut = data.find(b"\n") + 1
            skipped += cut
            data = data[cut:]
        if not whole:
            data = data[: len(data) - unfinished(data)]
        offsets[name] = begin + skipped + len(data)
        if not data and not skipped:
            return {}
        return {"offset": begin + skipped, "gap": skipped, **_text(data, begin + skipped)}


def _text(data: bytes, offset: int) -> dict[str, Any]:
    """Return the text of a part of a log; of one that is no UTF-8, where its lines begin as well.

    Args:
        data: the part.
        offset: where it begins in the log.
    """
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        lines = [offset + at + 1 for at, byte in enumerate(data) if byte == _LINE_FEED]
        return {"text": data.decode("utf-8", "replace"), "end": offset + len(data), "lines": lines}


def _merged(reader: MetricReader, cursor: str | None) -> tuple[Merged, str | None, bool]:
    """Return what was logged since a cursor, the cursor behind it, and whether there is more."""
    merged = Merged()
    deadline = time.monotonic() + MOST_SECONDS
    while True:
        batch, cursor = reader.since(cursor, most_series=merged.room)
        merged.add(batch)
        if not batch.more or not merged.room or merged.points > MOST_POINTS or time.monotonic() > deadline:
            return merged, cursor, batch.more


def short(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out metrics that are very many: None tells to ask for them."""
    return {**document, "metrics": None} if len(document["metrics"]) > MOST_LISTED else document


def _state(record: RunRecord, workspace_id: str) -> dict[str, Any]:
    """What may change about a run that goes on, or has ended."""
    return {
        "state": record.state.value,
        "reason": record.reason.value if record.reason else None,
        "detail": record.detail,
        "display_name": record.display_name,
        "description": record.description,
        "tags": record.tags,
        "cancel_requested_by": record.cancel_requested_by,
        "created": timestamp(record.created),
        "started": timestamp(record.started),
        "ended": timestamp(record.ended),
        "seconds": seconds_of(record),
        "warnings": record.warnings,
        "resources": record.resources,
        "tensorboard": url_of(workspace_id, record.id, record.event_files),
        "history": [
            {
                "state": change.state.value,
                "time": timestamp(change.time),
                "reason": change.reason.value if change.reason else None,
                "detail": change.detail,
            }
            for change in record.history
        ],
    }


def wanted_of(asked: Mapping[str, Any]) -> Wanted:
    """Return what a subscription asks for."""
    logs = tuple(dict.fromkeys(asked.get("logs", DRIVER_LOGS)))
    return Wanted(asked.get("metrics", True), asked.get("resources", True), logs)

"""The dispatcher keeps a network disk's workspace in its host's hands."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

from tests.conftest import wait_for

from traindock.dispatcher.heartbeat import Heartbeat
from traindock.errors import StoreException, WorkspaceReadOnlyException
from traindock.store.ownership import Ownership


class Told:
    """An ownership whose beats end as they are told to."""

    beat_seconds = 0.01

    def __init__(self, *ends: Exception | None) -> None:
        self.ends = list(ends)
        self.beats = 0
        self.released_after: int | None = None

    def beat(self) -> None:
        self.beats += 1
        end = self.ends.pop(0) if self.ends else None
        if end is not None:
            raise end

    def release(self) -> None:
        self.released_after = self.beats


def heartbeat(told: Told, lost: Callable[[], None] = lambda: None) -> Heartbeat:
    made = Heartbeat(cast("Ownership", told), lost)
    made.start()
    return made


def test_it_goes_on_while_the_disk_refuses() -> None:
    told = Told(StoreException("full"), OSError("away"))
    made = heartbeat(told)
    wait_for(lambda: told.beats > 4, "beats after the trouble")
    made.release()


def test_it_ends_and_says_so_once_another_host_has_taken_over() -> None:
    lost = threading.Event()
    told = Told(None, WorkspaceReadOnlyException("b has it"))
    made = heartbeat(told, lost.set)
    assert lost.wait(60)
    made.join(60)
    assert told.beats == 2


def test_nothing_is_refreshed_after_the_workspace_was_given_back() -> None:
    told = Told()
    made = heartbeat(told)
    wait_for(lambda: told.beats, "the first beat")
    made.release()
    assert not made.is_alive()
    assert told.released_after == told.beats

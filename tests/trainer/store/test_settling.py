"""The index of a host that only reads, where what another host writes is seen late and out of order."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.trainer.store.publishing import WHOLE_LIFE, publisher

from traindock import Workspace
from traindock.states import Reason, State
from traindock.store import settling
from traindock.store.changes import Changes
from traindock.store.events import append
from traindock.store.index import Index, RunQuery


class Clock:
    """Stands in for the module ``time``."""

    now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(settling, "time", clock := Clock())
    return clock


@pytest.fixture
def writer(workspace: Workspace) -> Workspace:
    """The workspace as the host that writes sees it."""
    workspace.layout.settings.write_text('[network_disk]\nuse = "yes"\n')
    return Workspace(workspace.layout.root)


@pytest.fixture
def reader(writer: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The same, as a host sees it that only reads."""
    publisher(writer)("a", State.PREPARING, State.QUEUED)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "reader"))
    return Workspace(writer.layout.root)


def state(workspace: Workspace) -> State:
    [row] = workspace.index.runs(RunQuery())
    return row.state


def write_late(writer: Workspace) -> None:
    """Record what was announced before."""
    append(writer.layout.run("a").events, {"type": "state", "state": State.RUNNING.value})


def test_an_event_that_comes_after_its_announcement_is_seen(writer: Workspace, reader: Workspace, clock: Clock) -> None:
    assert state(reader) is State.QUEUED
    clock.now += 100
    state(reader)
    Changes(writer.layout).announce("run/a")
    assert state(reader) is State.QUEUED
    write_late(writer)
    clock.now += 2
    assert state(reader) is State.RUNNING


def test_another_process_of_that_host_sees_it_too(writer: Workspace, reader: Workspace, clock: Clock) -> None:
    state(reader)
    Changes(writer.layout).announce("run/a")
    state(reader)
    write_late(writer)
    clock.now += 500
    assert state(Workspace(reader.layout.root)) is State.RUNNING


def test_an_index_that_was_made_anew_looks_at_unfinished_runs_again(
    writer: Workspace, reader: Workspace, clock: Clock
) -> None:
    reader.rebuild_index()
    assert state(reader) is State.QUEUED
    write_late(writer)
    clock.now += 2
    assert state(reader) is State.RUNNING


def test_what_has_settled_is_left_alone(
    writer: Workspace, reader: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state(reader) is State.QUEUED
    folder = writer.run_folder("a")
    for later in WHOLE_LIFE[2:]:
        folder.advance(later, reason=Reason.FINISHED if later.terminal else None)
    assert state(reader) is State.COMPLETED
    looks: list[str] = []
    take_over = Index._take_over
    monkeypatch.setattr(Index, "_take_over", lambda *arguments: (looks.append(arguments[2]), take_over(*arguments)))
    for _ in range(300):
        clock.now += 0.5
        state(reader)
    assert 20 < len(looks) < 80
    looks.clear()
    clock.now += 1000
    state(reader)
    assert looks == []


def test_the_host_that_writes_looks_once(writer: Workspace, clock: Clock) -> None:
    publisher(writer)("a", State.PREPARING)
    state(writer)
    with writer.index._writing() as connection:
        assert settling.due(connection) == []

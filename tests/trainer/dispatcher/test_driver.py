"""What a run's driver does while the disk refuses, or what it launches is not there any more."""

from __future__ import annotations

import errno
import threading
from typing import Any

import pytest
from tests.conftest import wait_for

from traindock import Workspace
from traindock.compute.base import EnvironmentGone, Job, NeverStarted, Plan
from traindock.compute.local import LocalBackend
from traindock.dispatcher import driver
from traindock.errors import StoreException
from traindock.states import Reason, State


class Disk:
    """Refuses to seal, for a reason, until there is room."""

    def __init__(self, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
        from traindock.dispatcher import finish

        self.has_room = threading.Event()
        self._number = number
        self._seal = finish.seal
        monkeypatch.setattr(finish, "seal", self.seal)

    def seal(self, *arguments: Any) -> Any:
        if not self.has_room.is_set():
            raise StoreException("cannot seal") from OSError(self._number, "refused")
        return self._seal(*arguments)


@pytest.mark.slow
def test_a_run_whose_files_wait_for_the_disk_lets_the_next_one_start(
    drive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(errno.ENOSPC, monkeypatch)
    first = drive("pass")
    wait_for(lambda: "waiting" in first.folder.load().detail, "the first run to wait for the disk")
    assert first.folder.load().state is State.FINALIZING
    second = drive("print('second')")
    wait_for(lambda: second.folder.load().state is State.FINALIZING, "the second run to have run")
    disk.has_room.set()
    for each in (first, second):
        wait_for(lambda each=each: each.folder.load().state is State.COMPLETED, "the runs to end")


def test_a_run_whose_files_can_never_be_sealed_ends_and_says_so(drive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Disk(errno.ENAMETOOLONG, monkeypatch)
    run = drive("pass").folder
    wait_for(lambda: run.load().state.terminal, "the run to end")
    record = run.load()
    assert record.reason is Reason.FINISHED
    assert "could not be made final" in record.warnings[0]


def test_a_run_whose_start_came_to_nothing_is_queued_until_it_is_launched_again(
    workspace: Workspace, drive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was about to start it ended before the script was executed: there is no mark of a start."""
    launch, follow = LocalBackend.launch, LocalBackend.follow
    seen: list[State] = []

    def launch_second(self: LocalBackend, job: Job, *arguments: Any) -> None:
        if seen:
            launch(self, job, *arguments)

    def follow_second(self: LocalBackend, job: Job, *arguments: Any) -> Any:
        if not seen:
            seen.append(workspace.run_folder(job.run_id).load().state)
            raise NeverStarted("its GPU was leased to somebody else since")
        return follow(self, job, *arguments)

    monkeypatch.setattr(LocalBackend, "launch", launch_second)
    monkeypatch.setattr(LocalBackend, "follow", follow_second)
    run = drive("print('executed')").folder
    wait_for(lambda: run.load().state.terminal, "the run to end")
    record = run.load()
    assert (record.state, seen) == (State.COMPLETED, [State.QUEUED])
    assert [change.state for change in record.history].count(State.RUNNING) == 1
    assert run.layout.stdout.read_text() == "executed\n"


class TestAnEnvironmentThatIsGoneAtTheLaunch:
    """It is prepared once more; ``prepared`` counts how often."""

    @pytest.fixture
    def prepared(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Have the first launch of each run miss its environment."""
        launch, prepare = LocalBackend.launch, LocalBackend.prepare
        ids: list[str] = []

        def launch_second(self: LocalBackend, job: Job, *arguments: Any) -> None:
            if len(ids) == 1:
                raise EnvironmentGone("the image was removed")
            launch(self, job, *arguments)

        def counted(self: LocalBackend, job: Job, *arguments: Any) -> Plan:
            ids.append(job.run_id)
            return prepare(self, job, *arguments)

        monkeypatch.setattr(LocalBackend, "launch", launch_second)
        monkeypatch.setattr(LocalBackend, "prepare", counted)
        return ids

    def test_lets_the_run_complete(self, drive: Any, prepared: list[str]) -> None:
        run = drive("print('executed')").folder
        wait_for(lambda: run.load().state.terminal, "the run to end")
        assert (run.load().state, len(prepared)) == (State.COMPLETED, 2)

    def test_starts_nothing_that_was_canceled_meanwhile(
        self, drive: Any, prepared: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever cancels a run while its environment is built again must not see its script run."""
        prepare = LocalBackend.prepare

        def canceled_in_the_second(self: LocalBackend, job: Job, *arguments: Any) -> Plan:
            plan = prepare(self, job, *arguments)
            if len(prepared) == 2:
                its_driver = threading.current_thread()
                assert isinstance(its_driver, driver.RunDriver)
                its_driver.folder.append({"type": "cancel"})
                its_driver.notice()
            return plan

        monkeypatch.setattr(LocalBackend, "prepare", canceled_in_the_second)
        run = drive("print('executed')").folder
        wait_for(lambda: run.load().state.terminal, "the run to end")
        assert (run.load().state, len(prepared)) == (State.CANCELED, 2)
        assert not run.layout.started_json.exists()

"""How following a container's job ends: with nothing of it left, and with the reason that it ended for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.trainer.compute.docker.conftest import PlayedEngine, mark_as_started

from traindock.compute.base import Job, Outcome
from traindock.compute.docker import cancelling, follow
from traindock.compute.processes import Identity
from traindock.states import Reason
from traindock.store.files import write_json


def follow_to_end(job: Job, url: str) -> Outcome:
    return follow.follow(job, url, lambda: None, lambda text: None, patience=0)


class TestAContainerThatOutlivesItsLauncher:
    """The launcher has recorded the job's end and gave its lock back, and the container's first process stays."""

    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(follow, "_END_SECONDS", 0.02)
        monkeypatch.setattr(follow, "_KILL_SECONDS", 0.02)

    @pytest.fixture
    def ended(self, job: Job) -> Job:
        mark_as_started(job)
        write_json(job.layout.exit_json, {"exit_code": 0, "signal": None, "started": 1.0, "ended": 2.0, "seconds": 1.0})
        return job

    @pytest.fixture
    def main(self, ended: Job) -> Iterator[subprocess.Popen[bytes]]:
        """A process of this machine as the first one of the job's container."""
        with subprocess.Popen(["sleep", "600"]) as process:
            identity = Identity.of(process.pid)
            assert identity is not None
            cancelling.mains[cancelling.key_of(ended)] = identity
            yield process
            process.kill()

    def test_is_killed_before_the_job_is_said_to_be_over(
        self, ended: Job, played: PlayedEngine, main: subprocess.Popen[bytes]
    ) -> None:
        def kill() -> None:
            main.kill()
            main.wait()
            played.stop()

        played.run(ended)
        played.on_kill = kill
        outcome = follow_to_end(ended, played.url)
        assert played.asked == ["POST kill", "POST wait"]
        assert main.poll() is not None
        assert (outcome.left, (outcome.exit or {})["exit_code"]) == ((), 0)

    def test_is_killed_without_the_engine_where_that_is_gone(
        self, ended: Job, tmp_path: Path, main: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(follow, "_KILL_SECONDS", 10.0)
        outcome = follow_to_end(ended, f"unix://{tmp_path}/gone.sock")
        assert main.wait(10) == -9
        assert outcome.left == ()

    def test_is_told_of_where_nothing_ends_it(
        self, ended: Job, tmp_path: Path, main: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The run's end then says that something of it goes on."""
        monkeypatch.setattr(follow.processes, "send_signal", lambda *_: False)
        outcome = follow_to_end(ended, f"unix://{tmp_path}/gone.sock")
        assert main.poll() is None
        assert outcome.left

    def test_is_left_alone_where_it_is_not_the_jobs(self, ended: Job, played: PlayedEngine) -> None:
        played.run(ended)
        assert played.container is not None
        played.container["Config"]["Labels"] = {}
        assert follow_to_end(ended, played.url).left == ()
        assert played.asked == []


@pytest.mark.parametrize(
    ("live_restore", "mark", "reason"),
    [
        (False, {}, Reason.ENGINE_RESTARTED),
        (True, {}, Reason.KILLED_BY_SIGNAL),
        (False, {"time": 4e9}, Reason.KILLED_BY_SIGNAL),
        (True, {"boot_id": "another"}, Reason.ENGINE_RESTARTED),
    ],
    ids=["ended-by-it", "kept-by-live-restore", "job-is-younger", "machine-restarted"],
)
def test_a_restart_is_why_a_job_ended_only_where_it_ended_jobs(
    job: Job, played: PlayedEngine, live_restore: bool, mark: dict[str, Any], reason: Reason
) -> None:
    """The engine was started after the job; but one that keeps its containers while it is away has ended none.

    No setting of the engine keeps a job while the machine itself is restarted.
    """
    mark_as_started(job, **mark)
    played.run(job)
    played.stop()
    played.live_restore = live_restore
    cause = follow_to_end(job, played.url).cause
    assert cause is not None
    assert cause.reason == reason, cause.detail
    assert ("machine" in cause.detail) == ("boot_id" in mark)

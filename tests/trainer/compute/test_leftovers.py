"""What is found of a job whose launcher was killed, where its environment does not tell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import wait_for

from traindock.compute.leftovers import Leftovers
from traindock.compute.processes import Identity, Started, alive, boot_id

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")

# A stand-in for a launcher: leads a session, and starts what it is given.
LAUNCHER = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(1000)"


@pytest.fixture
def stdout(tmp_path: Path) -> Path:
    (tmp_path / "stdout.txt").touch()
    return tmp_path / "stdout.txt"


class Job:
    """A launcher and one process below it that carries no variable of the job."""

    def __init__(self, mark: Path, stdout: Path | None, *before: str) -> None:
        command = ["env", "-i", *before, "sh", "-c", f"echo $$ > {mark}; exec sleep 1000"]
        with open(stdout or os.devnull, "ab") as output:
            self.launcher = subprocess.Popen(
                [sys.executable, "-c", LAUNCHER, *command], stdout=output, stderr=output, start_new_session=True
            )
        pid = int(wait_for(lambda: mark.exists() and mark.read_text().strip(), "the process"))
        found, launcher = Identity.of(pid), Identity.of(self.launcher.pid)
        assert found is not None
        assert launcher is not None
        self.process = found
        self.started = Started(launcher, None, "", 0.0)

    def kill_launcher(self) -> None:
        self.launcher.kill()
        self.launcher.wait()


@pytest.fixture
def jobs() -> Iterator[list[Job]]:
    yield (made := [])
    for job in made:
        job.kill_launcher()
        if alive(job.process):
            os.kill(job.process.pid, 9)


def test_what_was_seen_below_the_launcher_is_ended(tmp_path: Path, stdout: Path, jobs: list[Job]) -> None:
    jobs.append(job := Job(tmp_path / "mark", None, "setsid"))
    leftovers = Leftovers("run_1", 1, stdout)
    leftovers.look(job.started.launcher)
    job.kill_launcher()
    assert leftovers.kill(job.started) == []
    assert not alive(job.process)


def test_a_process_of_the_launchers_session_is_ended(tmp_path: Path, stdout: Path, jobs: list[Job]) -> None:
    jobs.append(job := Job(tmp_path / "mark", None))
    job.kill_launcher()
    assert Leftovers("run_1", 1, stdout).kill(job.started) == []
    assert not alive(job.process)


def test_a_process_that_writes_into_the_jobs_log_is_ended(tmp_path: Path, stdout: Path, jobs: list[Job]) -> None:
    jobs.append(job := Job(tmp_path / "mark", stdout, "setsid"))
    job.kill_launcher()
    assert Leftovers("run_1", 1, stdout).kill(None) == []
    assert not alive(job.process)


def test_others_are_left_alone(tmp_path: Path, stdout: Path, jobs: list[Job]) -> None:
    jobs.append(job := Job(tmp_path / "mark", None, "setsid"))
    with open(stdout, "rb") as log:
        reader = subprocess.Popen(["sleep", "1000"], stdin=log)
    try:
        for number in (job.launcher.pid, os.getsid(0), 0):  # given to somebody else, or nonsense
            mark = Started(Identity(number, 1.0, boot_id()), None, "", 0.0)
            assert Leftovers("run_1", 1, stdout).kill(mark) == []
        assert alive(job.process)
        assert job.launcher.poll() is None
        assert reader.poll() is None
    finally:
        reader.kill()
        reader.wait()

"""Processes are known by more than their number, and nobody else's is ever signalled."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from traindock.compute import processes
from traindock.compute.processes import Identity


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait(10)


def identity_of(process: subprocess.Popen[bytes]) -> Identity:
    identity = Identity.of(process.pid)
    assert identity is not None
    return identity


def strangers(identity: Identity) -> list[Identity]:
    """What another process with the same number, before, after or on another boot, would have been."""
    return [
        dataclasses.replace(identity, started=identity.started - 100),
        dataclasses.replace(identity, started=identity.started + 100),
        dataclasses.replace(identity, boot_id=str(uuid.uuid4())),
    ]


def test_a_process_is_alive_until_it_has_ended_waited_for_or_not(sleeper: subprocess.Popen[bytes]) -> None:
    identity = identity_of(sleeper)
    assert processes.alive(identity)
    sleeper.send_signal(signal.SIGKILL)
    assert processes.wait_gone(identity, 10)
    assert not processes.alive(identity)  # a zombie by now: nobody has waited for it
    sleeper.wait(10)
    assert not processes.alive(identity)
    assert Identity.of(sleeper.pid) is None


def test_another_process_of_the_same_number_is_not_taken_for_it(sleeper: subprocess.Popen[bytes]) -> None:
    for stranger in strangers(identity_of(sleeper)):
        assert not processes.alive(stranger)
        assert processes.wait_gone(stranger, 0)
        assert not processes.send_signal(stranger, signal.SIGKILL)
        assert not processes.signal_launcher(stranger)
        assert processes.terminate(stranger, 0.1)
    assert sleeper.poll() is None


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1])
def test_impossible_numbers_name_nobody(pid: int) -> None:
    nobody = Identity(pid, 1.0, processes.boot_id())
    assert Identity.of(pid) is None
    assert not processes.alive(nobody)
    assert not processes.send_signal(nobody, signal.SIGTERM)
    assert processes.wait_gone(nobody, 0)


def test_without_descriptors_of_processes_it_works_as_well(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    identity = identity_of(sleeper)
    assert not any(processes.send_signal(stranger, signal.SIGKILL) for stranger in strangers(identity))
    assert not processes.wait_gone(identity, 0.05)
    assert processes.send_signal(identity, signal.SIGTERM)
    assert processes.wait_gone(identity, 10)
    assert not processes.send_signal(identity, signal.SIGTERM)


def test_waiting_ends_with_the_process_or_with_the_time(sleeper: subprocess.Popen[bytes]) -> None:
    identity = identity_of(sleeper)
    begin = time.monotonic()
    assert not processes.wait_gone(identity, 0.1)
    assert 0.1 <= time.monotonic() - begin < 5
    threading.Timer(0.1, sleeper.kill).start()
    assert processes.wait_gone(identity)
    assert time.monotonic() - begin < 10


def test_what_does_not_hear_is_killed() -> None:
    deaf = subprocess.Popen(["sh", "-c", "trap '' TERM; echo; while :; do sleep 0.05; done"], stdout=subprocess.PIPE)
    assert deaf.stdout is not None
    deaf.stdout.readline()
    assert processes.terminate(identity_of(deaf), 0.2)
    assert deaf.wait(10) == -signal.SIGKILL
    deaf.stdout.close()


def test_a_lock_is_seen_while_somebody_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not processes.lock_is_held(path)
    assert not path.exists()
    with open(path, "w") as file:
        assert not processes.lock_is_held(path)
        fcntl.flock(file, fcntl.LOCK_EX)
        assert processes.lock_is_held(path)
    assert not processes.lock_is_held(path)


def test_what_is_left_of_a_job_is_found_by_its_environment_and_killed() -> None:
    run_id = uuid.uuid4().hex

    def start(run: str, attempt: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "TRAINDOCK_RUN_ID": run, "TRAINDOCK_ATTEMPT": attempt}
        return subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 60"], env=environment, start_new_session=True)

    mine = [start(run_id, "1"), start(run_id, "1")]
    others = [start(run_id, "2"), start(run_id + "x", "1")]
    try:
        assert {found.pid for found in processes.processes_of_job(run_id, 1)} >= {one.pid for one in mine}
        assert processes.kill_job(run_id, 1) == []
        assert [one.wait(10) for one in mine] == [-signal.SIGKILL] * 2
        assert [one.poll() for one in others] == [None, None]
    finally:
        processes.kill_job(run_id, 2)
        processes.kill_job(run_id + "x", 1)
        for one in [*mine, *others]:
            one.kill()
            one.wait(10)


def test_who_kills_a_job_is_not_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = uuid.uuid4().hex
    code = (
        "from traindock.compute import processes; import os\n"
        f"print(processes.kill_job({run_id!r}, 1), os.environ['TRAINDOCK_RUN_ID'])"
    )
    environment = {**os.environ, "TRAINDOCK_RUN_ID": run_id, "TRAINDOCK_ATTEMPT": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == f"[] {run_id}\n"


@pytest.mark.parametrize(
    "content", [None, b"", b" " * 4096, b"\0" * 4096, b'{"exit_code": 0', b"[]", b'{"exit_code": 0}']
)
def test_an_unfinished_or_damaged_exit_record_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "exit.json"
    if content is not None:
        path.write_bytes(content)
    assert processes.read_exit(path) is None


def test_an_exit_record_of_a_newer_launcher_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "exit.json"
    values = {"exit_code": 3, "signal": None, "started": 1.0, "ended": 2.0, "seconds": 1.0, "news": [1]}
    path.write_text(json.dumps(values).ljust(9000))
    record = processes.read_exit(path)
    assert record is not None
    assert (record.exit_code, record.seconds, record.left_behind) == (3, 1.0, ())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"pid": "x", "pid_started": null}'])
def test_a_mark_that_cannot_be_read_is_still_a_mark(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "started.json"
    assert processes.read_started(path) is None
    path.write_bytes(content)
    started = processes.read_started(path)
    assert started is not None
    assert not processes.alive(started.launcher)
    assert started.child is None

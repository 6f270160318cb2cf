"""Holding a run: what others learn of it, and that nobody's process is ended for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.conftest import PYTHON

from traindock import run_types
from traindock.compute import held, processes
from traindock.compute.base import Job
from traindock.compute.held import RESERVED, Hold, fitted, follow
from traindock.compute.local import LocalBackend
from traindock.errors import StoreException
from traindock.store.layout import RunLayout


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    made = RunLayout(tmp_path / "run")
    made.driver.mkdir(parents=True)
    made.metrics.mkdir()
    return made


def test_a_held_run_looks_like_a_started_job(layout: RunLayout) -> None:
    hold = Hold(layout, "run")
    assert processes.lock_is_held(layout.launch_lock)
    started = processes.read_started(layout.started_json)
    assert started is not None
    assert started.launcher == processes.Identity.of(os.getpid())
    assert processes.read_exit(layout.exit_json) is None
    hold.end(layout, 0)
    assert not processes.lock_is_held(layout.launch_lock)
    found = processes.read_exit(layout.exit_json)
    assert found is not None
    assert (found.exit_code, found.error, found.canceled) == (0, None, False)


def test_the_lock_stays_held_when_the_folder_gets_its_name(layout: RunLayout, tmp_path: Path) -> None:
    hold = Hold(layout, "run")
    layout.root.rename(tmp_path / "named")
    named = RunLayout(tmp_path / "named")
    assert processes.lock_is_held(named.launch_lock)
    hold.end(named, 1, {"type": "E", "message": "m"})
    found = processes.read_exit(named.exit_json)
    assert found is not None
    assert found.error == {"type": "E", "message": "m"}


def test_a_process_that_was_forked_behind_our_back_does_not_keep_an_ended_run(layout: RunLayout) -> None:
    hold = Hold(layout, "run")
    copy = os.dup(hold._lock)
    try:
        hold.end(layout, 0)
        assert not processes.lock_is_held(layout.launch_lock)
    finally:
        os.close(copy)


def test_an_end_that_the_disk_refuses_can_be_tried_again(layout: RunLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = Hold(layout, "run")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(held.os, "pwrite", full)
        with pytest.raises(StoreException, match="No space left"):
            hold.end(layout, 0)
    assert processes.lock_is_held(layout.launch_lock)
    hold.end(layout, 0)
    assert processes.read_exit(layout.exit_json) is not None


def test_following_ends_when_the_hold_does(layout: RunLayout) -> None:
    hold, news, ticks = Hold(layout, "run"), threading.Event(), list[int]()

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            hold.end(layout, 7)
        news.set()

    outcome = follow(layout, tick, news)
    assert len(ticks) == 3
    assert outcome.exit is not None
    assert outcome.exit["exit_code"] == 7


def test_following_stops_where_the_tick_says_so(layout: RunLayout) -> None:
    hold = Hold(layout, "run")

    def tick() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        follow(layout, tick, threading.Event())
    hold.drop()
    assert follow(layout, tick, threading.Event()).exit is None


@pytest.mark.parametrize(
    "error",
    [
        {"type": "E" * 50_000, "message": "ä" * 50_000, "traceback": ["x" * 300] * 1000},
        {"type": "E", "message": "m" * 50_000},
        {"type": "E", "message": "m", "traceback": ["\0" * 300] * 1000},
    ],
)
def test_an_exit_record_always_fits_into_its_room(error: dict[str, Any]) -> None:
    text = fitted({"exit_code": 1, "error": error})
    assert len(text) <= RESERVED
    assert json.loads(text)["error"]["type"].startswith("E")


@pytest.mark.parametrize("kind", sorted(run_types.WITHOUT_JOB))
def test_no_backend_ends_a_process_that_was_there_before(layout: RunLayout, kind: str) -> None:
    code = "print(input(), flush=True); input()"
    process = subprocess.Popen([PYTHON, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    hold = Hold(layout, "run")
    try:
        identity = processes.Identity.of(process.pid)
        assert identity is not None
        document = {"pid": identity.pid, "pid_started": identity.started, "boot_id": identity.boot_id}
        layout.started_json.write_text(json.dumps(document))
        backend = LocalBackend("local", {})

        def job(kind: str) -> Job:
            return cast("Job", SimpleNamespace(layout=layout, spec=SimpleNamespace(type=kind)))

        backend.cancel(job(kind))
        process.stdin.write("alive\n")
        process.stdin.flush()
        assert process.stdout.readline() == "alive\n"
        backend.cancel(job(run_types.SCRIPT))  # as it does to a launcher
        assert process.wait(10) == -signal.SIGTERM
    finally:
        hold.drop()
        process.kill()
        process.communicate()

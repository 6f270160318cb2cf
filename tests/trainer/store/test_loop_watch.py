"""Awaiting that files change, many at a time."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from pathlib import Path

import pytest

from traindock.store import watch
from traindock.store.loop_watch import LoopWatcher


@pytest.fixture(params=["inotify", "polled"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "polled":
        monkeypatch.setattr(watch, "_new_inotify", lambda: None)


@pytest.mark.slow
@pytest.mark.usefixtures("way")
def test_each_of_many_learns_of_its_own_file_and_none_takes_a_thread_or_stays_open(tmp_path: Path) -> None:
    files = [tmp_path / str(number) for number in range(40)]

    async def follow(file: Path) -> None:
        with LoopWatcher([file]) as watcher:
            while not file.exists():
                await watcher.wait(60)

    async def follow_all() -> int:
        following = [asyncio.create_task(follow(file)) for file in files]
        await asyncio.sleep(0)
        opened = len(os.listdir("/dev/fd"))
        await asyncio.to_thread(files[0].touch)
        await following[0]
        assert not any(task.done() for task in following[1:])
        for file in files[1:]:
            file.touch()
        await asyncio.gather(*following)
        return opened

    gc.collect()  # what earlier tests left open is closed now and not in between
    before = len(os.listdir("/dev/fd"))
    begun = time.monotonic()
    opened = asyncio.run(follow_all())
    assert time.monotonic() - begun < 30, "nobody waited out its pause"
    assert opened - before < 20, "all share one watcher"
    assert len(os.listdir("/dev/fd")) <= before


def test_a_wait_ends_when_its_time_is_up(tmp_path: Path) -> None:
    async def wait() -> None:
        with LoopWatcher([tmp_path / "nothing"]) as watcher:
            await watcher.wait(0.01)

    asyncio.run(wait())

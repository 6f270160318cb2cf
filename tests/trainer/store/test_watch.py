"""Watching files: what counts as a change, with inotify and by looking."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.conftest import wait_for

from traindock.store import watch
from traindock.store.watch import Watcher

WAYS = [pytest.param(True, id="polled")]
if sys.platform == "linux":
    WAYS.append(pytest.param(False, id="inotify"))


@pytest.fixture(params=WAYS)
def poll(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def seen(watcher: Watcher, wanted: Path) -> bool:
    """Whether ``wanted`` is reported within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if wanted in watcher.wait(1):
            return True
    return False


def quiet(watcher: Watcher) -> bool:
    return not watcher.wait(0.3)


@pytest.mark.slow
def test_a_file_that_grows_is_reported_and_its_neighbours_are_not(tmp_path: Path, poll: bool) -> None:
    file, neighbour = tmp_path / "a file", tmp_path / "b"
    file.write_text("x")
    neighbour.write_text("x")
    with Watcher([file], poll=poll) as watcher:
        neighbour.write_text("more")
        assert quiet(watcher)
        with file.open("a") as out:
            out.write("y")
        assert watcher.wait(10) == {file}
        assert quiet(watcher)


def test_changes_between_two_waits_are_reported(tmp_path: Path, poll: bool) -> None:
    files = [tmp_path / f"{n}.log" for n in range(20)]
    with Watcher(files, poll=poll) as watcher:
        for file in files[:5]:
            file.write_text("x")
        found: set[Path] = set()
        while len(found) < 5:
            found |= watcher.wait(10)
        assert found == set(files[:5])


@pytest.mark.slow
def test_a_file_whose_parents_do_not_exist_yet(tmp_path: Path, poll: bool) -> None:
    file = tmp_path / "runs" / "r 1" / "driver" / "stdout.txt"
    with Watcher([file], poll=poll) as watcher:
        assert quiet(watcher)
        file.parent.mkdir(parents=True)
        file.write_text("first")
        assert seen(watcher, file)
        while watcher.wait(0.3):
            pass
        with file.open("a") as out:
            out.write("second")
        assert seen(watcher, file)


@pytest.mark.slow
def test_a_file_that_is_replaced_and_removed(tmp_path: Path, poll: bool) -> None:
    file, other = tmp_path / "state.json", tmp_path / "state.tmp"
    file.write_text("1")
    with Watcher([file], poll=poll) as watcher:
        other.write_text("22")
        other.rename(file)
        assert seen(watcher, file)
        while watcher.wait(0.3):
            pass
        file.unlink()
        assert seen(watcher, file)
        while watcher.wait(0.3):
            pass
        file.write_text("333")
        assert seen(watcher, file)


@pytest.mark.slow
def test_a_folder_with_what_is_below_it(tmp_path: Path, poll: bool) -> None:
    folder = tmp_path / "metrics"
    with Watcher([folder], recursive=True, poll=poll) as watcher:
        (folder / "1-a").mkdir(parents=True)
        assert seen(watcher, folder)
        while watcher.wait(0.3):
            pass
        (folder / "1-a" / "0.bin").write_bytes(b"x")
        assert seen(watcher, folder)
        while watcher.wait(0.3):
            pass
        (folder / "2-b" / "deep").mkdir(parents=True)
        assert seen(watcher, folder)
        while watcher.wait(0.3):
            pass
        (folder / "2-b" / "deep" / "1.bin").write_bytes(b"x")
        assert seen(watcher, folder)


def test_a_folder_without_what_is_below_it(tmp_path: Path, poll: bool) -> None:
    (tmp_path / "sub").mkdir()
    with Watcher([tmp_path], poll=poll) as watcher:
        (tmp_path / "sub" / "file").write_text("x")
        watcher.wait(0.3)  # looking may notice that the folder's own time has changed
        (tmp_path / "request.json").write_text("{}")
        assert seen(watcher, tmp_path)


def test_a_folder_that_is_removed_and_made_again(tmp_path: Path, poll: bool) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    with Watcher([folder], poll=poll) as watcher:
        folder.rmdir()
        assert seen(watcher, folder)
        folder.mkdir()
        assert seen(watcher, folder)
        while watcher.wait(0.3):
            pass
        (folder / "x").write_text("x")
        assert seen(watcher, folder)


def test_paths_come_and_go(tmp_path: Path, poll: bool) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    with Watcher([first], poll=poll) as watcher:
        watcher.add(second)
        watcher.remove(first)
        watcher.remove(first)
        first.write_text("x")
        assert quiet(watcher)
        second.write_text("x")
        assert seen(watcher, second)


def test_another_process_is_noticed(tmp_path: Path, poll: bool) -> None:
    file = tmp_path / "file"
    with Watcher([file], poll=poll) as watcher:
        subprocess.run([sys.executable, "-c", f"open({str(file)!r}, 'w').write('x')"], check=True)
        assert seen(watcher, file)


def test_wake_ends_a_wait_from_another_thread(tmp_path: Path, poll: bool) -> None:
    with Watcher([tmp_path / "nothing"], poll=poll) as watcher:
        timer = threading.Timer(0.05, watcher.wake)
        timer.start()
        assert watcher.wait(30) == set()
        timer.join()
        assert quiet(watcher)


def test_a_wait_without_patience_returns_at_once(tmp_path: Path, poll: bool) -> None:
    with Watcher([tmp_path / "nothing"], poll=poll) as watcher:
        assert watcher.wait(0) == set()


def test_nothing_stays_open(tmp_path: Path, poll: bool) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        watcher = Watcher([tmp_path / "x", tmp_path], poll=poll)
        watcher.close()
        watcher.close()
    wait_for(lambda: len(os.listdir("/dev/fd")) <= before, "the kernel to take the descriptors back")


def test_without_a_free_inotify_instance_it_looks_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_new_inotify", lambda: None)
    file = tmp_path / "file"
    with Watcher([file]) as watcher:
        file.write_text("x")
        assert watcher.wait(10) == {file}


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_at_the_limit_of_watches_it_looks_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    import inotify_simple

    def refuse(self: object, path: object, mask: object) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(inotify_simple.INotify, "add_watch", refuse)
    file = tmp_path / "file"
    with Watcher([file], poll=False) as watcher:
        file.write_text("x")
        assert watcher.wait(10) == {file}

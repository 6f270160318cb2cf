"""One host at a time writes into a workspace on a network disk."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from traindock.compute.processes import Identity, boot_id
from traindock.errors import StoreException, WorkspaceReadOnlyException
from traindock.store import ownership
from traindock.store.changes import Changes
from traindock.store.layout import WorkspaceLayout
from traindock.store.ownership import Ownership

LIMIT = 60.0


class Clock:
    """Seconds since the boot, as a test wants them; hosts have one each, which go alike."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


Host = Callable[[str], Ownership]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def host(tmp_path: Path, clock: Clock) -> Host:
    """Return how a process of the host of this name sees the workspace: each host has a folder of its own."""
    (tmp_path / "ws").mkdir()

    def make(name: str) -> Ownership:
        (tmp_path / name).mkdir(exist_ok=True)
        return Ownership(WorkspaceLayout(tmp_path / "ws", local=tmp_path / name), clock)

    return make


def may_write(host: Ownership) -> bool:
    try:
        host.check()
    except WorkspaceReadOnlyException:
        return False
    return True


def test_the_first_to_write_owns_the_workspace(host: Host) -> None:
    a, b = host("a"), host("b")
    assert may_write(a)
    assert not may_write(b)
    assert may_write(a)


def test_processes_of_one_host_own_it_together(host: Host) -> None:
    host("a").check()
    host("a").check()
    assert os.listdir(host("a")._layout.owners) == ["00000001.json"]


def test_the_refusal_names_the_host_and_says_when_to_try_again(host: Host, clock: Clock) -> None:
    a, b = host("a"), host("b")
    a.check()
    file = a._layout.owner(1)
    file.write_text(json.dumps({**json.loads(file.read_text()), "host": "gpu-7", "pid": 4711}))
    with pytest.raises(WorkspaceReadOnlyException, match=r"host 'gpu-7' \(process 4711 .*try again in 60 s"):
        b.check()
    clock.now += 25
    with pytest.raises(WorkspaceReadOnlyException, match=r"silent for 25 s, so try again in 35 s"):
        b.check()


def test_a_host_takes_over_once_it_has_seen_the_owner_silent_for_the_limit(host: Host, clock: Clock) -> None:
    a, b = host("a"), host("b")
    a.beat()
    clock.now += 10 * LIMIT  # nobody looked
    assert not may_write(b)
    clock.now += LIMIT - 1
    assert not may_write(b)
    clock.now += 1
    assert may_write(b)
    assert not may_write(a)


def test_whoever_only_reads_begins_to_watch_but_takes_nothing_over(host: Host, clock: Clock) -> None:
    a, b = host("a"), host("b")
    a.beat()
    assert b.elsewhere() is not None
    clock.now += LIMIT
    assert b.elsewhere() is not None
    assert not b._layout.owner(2).exists()
    assert may_write(b)
    assert b.elsewhere() is None
    assert a.elsewhere() is not None


def test_an_owner_that_is_heard_keeps_the_workspace(host: Host, clock: Clock) -> None:
    a, b = host("a"), host("b")
    a.beat()
    for _ in range(50):
        assert not may_write(b)
        clock.now += a.beat_seconds
        a.beat()
    assert a._layout.owner(1).exists()
    assert not a._layout.owner(2).exists()


def test_what_was_watched_survives_the_process(host: Host, clock: Clock) -> None:
    host("a").beat()
    assert not may_write(host("b"))
    clock.now += LIMIT
    assert may_write(host("b"))


def test_what_was_watched_before_a_restart_counts_no_more(
    host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    host("a").beat()
    assert not may_write(host("b"))
    monkeypatch.setattr(ownership, "boot_id", lambda: "another")
    clock.now += LIMIT
    assert not may_write(host("b"))


def test_an_owner_that_slept_does_not_trust_what_it_knew(host: Host, clock: Clock) -> None:
    a, b = host("a"), host("b")
    a.beat()
    may_write(b)
    clock.now += LIMIT
    b.beat()
    with pytest.raises(WorkspaceReadOnlyException):
        a.check()
    with pytest.raises(WorkspaceReadOnlyException):
        a.beat()
    assert may_write(b)


def test_an_owner_that_slept_goes_on_where_nobody_took_over(host: Host, clock: Clock) -> None:
    a, b = host("a"), host("b")
    a.beat()
    clock.now += LIMIT / 2
    a.check()
    assert a._layout.owner(2).exists()  # another host could have been about to create it
    assert not may_write(b)


def test_a_host_that_left_need_not_be_waited_for(host: Host) -> None:
    a, b = host("a"), host("b")
    a.beat()
    a.release()
    assert b.elsewhere() is None
    assert may_write(b)
    assert not may_write(a)


def test_a_host_cannot_give_back_what_another_has_taken(host: Host, clock: Clock) -> None:
    a, b, c = host("a"), host("b"), host("c")
    a.beat()
    may_write(b)
    clock.now += LIMIT
    b.beat()
    a.release()
    assert not may_write(c)


def test_a_host_that_was_restarted_takes_over_from_itself(
    host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    host("a").beat()
    monkeypatch.setattr(ownership, "boot_id", lambda: "another")
    clock.now = 5.0
    assert may_write(host("a"))
    assert not may_write(host("b"))


def test_a_file_of_an_earlier_boot_is_not_trusted_however_the_clocks_stand(
    host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    host("a").beat()
    monkeypatch.setattr(ownership, "boot_id", lambda: "another")
    clock.now += 1
    host("a").check()
    assert host("a")._layout.owner(2).exists()


def test_of_hosts_that_try_at_once_one_wins(host: Host, clock: Clock) -> None:
    hosts = [host(f"host-{number}") for number in range(8)]
    for generation in range(1, 6):
        together = threading.Barrier(len(hosts))
        won: list[Ownership] = []

        def race(one: Ownership, together: threading.Barrier = together, won: list[Ownership] = won) -> None:
            together.wait()
            if may_write(one):
                won.append(one)

        racers = [threading.Thread(target=race, args=[one]) for one in hosts]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        assert len(won) == 1
        assert won[0]._layout.owner(generation).exists()
        won[0].release()


def test_a_client_that_lists_the_folder_as_it_was_is_refused_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = host("a"), host("b")
    a.beat()
    a.release()
    b.beat()
    monkeypatch.setattr(os, "listdir", lambda _: ["00000001.json"])
    assert not may_write(a)


def test_a_number_that_was_given_before_and_cleared_away_wins_nothing(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = host("a"), host("b")
    listed = os.listdir
    for _ in range(30):
        a.beat()
        a.release()
    a.beat()
    assert not a._layout.owner(2).exists()
    a._layout.owner(1).write_text(a._layout.owner(30).read_text())  # what b's client still shows
    first = [["00000001.json"]]
    monkeypatch.setattr(os, "listdir", lambda path: first.pop() if first else listed(path))
    assert not may_write(b)


def test_an_owner_file_without_sense_is_another_host_until_it_has_been_silent(
    host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "_FILLED_SECONDS", 0.0)
    b = host("b")
    b._layout.owners.mkdir()
    b._layout.owner(1).write_text("")
    with pytest.raises(WorkspaceReadOnlyException, match="another host has it"):
        b.check()
    b._layout.owner_seen.write_text("[]")  # damaged: the watch begins again
    assert not may_write(b)
    clock.now += LIMIT
    assert may_write(b)


def test_a_disk_that_refuses_is_no_other_host(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    a = host("a")
    a._layout.owners.write_text("no folder")
    with pytest.raises(StoreException, match="cannot see who owns"):
        a.check()


def test_a_disk_of_this_machine_has_no_owner(tmp_path: Path) -> None:
    layout = WorkspaceLayout(tmp_path)
    ownership.check_writable(layout)
    Changes(layout).announce("run/x")
    assert not ownership.is_elsewhere(layout)
    assert os.listdir(tmp_path) == ["changes.log"]


def at_work_alone(root: Path, boot: str = "of another machine", pid: int = 4711) -> Path:
    """Write what a dispatcher writes that takes the disk for one of its own machine's, as an NFS server may."""
    file = root / "dispatcher.json"
    process = {"pid": pid, "started": 1.0, "boot_id": boot}
    file.write_text(json.dumps({"version": "1", "process": process, "host": "nas", "since": 1.0}))
    return file


def test_a_dispatcher_to_which_the_disk_is_its_own_is_a_host_that_has_the_workspace(host: Host, clock: Clock) -> None:
    a = host("a")
    file = at_work_alone(a._layout.root)
    assert a.elsewhere() is not None
    with pytest.raises(WorkspaceReadOnlyException, match=r"host 'nas' \(process 4711 "):
        a.check()
    for second in range(5):
        clock.now += LIMIT - 1
        os.utime(file, (second, second))  # what it does while it is at work
        assert not may_write(a)
    clock.now += LIMIT
    assert may_write(a)


def test_it_need_not_be_waited_for_once_it_has_left(host: Host) -> None:
    a = host("a")
    file = at_work_alone(a._layout.root)
    assert not may_write(a)
    file.unlink()
    assert may_write(a)


def test_it_need_not_be_waited_for_where_it_was_killed_on_this_machine(host: Host) -> None:
    a = host("a")
    at_work_alone(a._layout.root, boot=boot_id(), pid=2**22 + 1)
    assert a.elsewhere() is None
    assert may_write(a)


def test_its_lock_is_minded_whatever_else_is_known(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "_LEAVING_SECONDS", 0.1)
    a = host("a")
    lock = os.open(a._layout.root / "dispatcher.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert a.elsewhere() is not None
        assert not may_write(a)
        clock.now += LIMIT
        assert not may_write(a)
        fcntl.flock(lock, fcntl.LOCK_SH)  # of a dispatcher that knows of other hosts
        assert may_write(a)
    finally:
        os.close(lock)


@pytest.mark.slow
def test_a_dispatcher_of_this_machine_that_is_about_to_leave_is_waited_for(host: Host) -> None:
    a = host("a")
    file = a._layout.root / "dispatcher.json"
    own = Identity.of(os.getpid())
    assert own is not None
    file.write_text(json.dumps({"process": asdict(own)}))
    leaving = threading.Timer(0.3, file.unlink)
    leaving.start()
    assert may_write(a)
    leaving.join()


@pytest.mark.parametrize("change", ["owners", "settings"])
def test_who_took_the_disk_for_the_machines_own_has_to_open_it_again_once_it_is_not(
    tmp_path: Path, change: str
) -> None:
    changes = Changes(WorkspaceLayout(tmp_path))
    changes.announce("run/x")
    if change == "owners":
        (tmp_path / "owners").mkdir()
    else:
        (tmp_path / "settings.toml").write_text('[network_disk]\nuse = "yes"\n')
    with pytest.raises(WorkspaceReadOnlyException, match="has to be opened again"):
        changes.announce("run/y")
    (tmp_path / "settings.toml").write_text('[network_disk]\nuse = "no" \n')
    changes.announce("run/z")
    assert changes.read(0)[0] == ["run/x", "run/z"]


def test_nothing_is_announced_where_another_host_has_the_workspace(host: Host, tmp_path: Path) -> None:
    host("a").beat()
    changes = Changes(host("b")._layout)
    with pytest.raises(WorkspaceReadOnlyException):
        changes.announce("run/x")
    with pytest.raises(WorkspaceReadOnlyException):
        changes.publish("run/x", lambda: pytest.fail("was published"))
    assert not (tmp_path / "ws" / "changes.log").exists()

"""A GPU has one holder at a time, whoever asks and whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from traindock.compute import leases as module
from traindock.compute import processes
from traindock.compute.leases import Lease, Leases
from traindock.errors import StoreException
from traindock.runtime import supervisor

LAUNCHER = Path(supervisor.__file__).with_name("launcher.py")
TWO = ["fake-0", "fake-1"]


@pytest.fixture
def leases(tmp_path: Path) -> Leases:
    return Leases(tmp_path / "leases")


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.005)
    return value


def taken(leases: Leases, count: int, candidates: list[str] = TWO, **holder: Any) -> Lease:
    lease = leases.try_acquire(count, candidates, holder)
    assert lease is not None
    return lease


def test_what_is_leased_is_not_leased_again_until_released(leases: Leases) -> None:
    first, second = taken(leases, 1), taken(leases, 1)
    assert (first.uuids, second.uuids) == (("fake-0",), ("fake-1",))
    assert leases.try_acquire(1, TWO, {}) is None
    first.release()
    first.release()
    third = taken(leases, 1)
    assert third.uuids == ("fake-0",)
    third.release()
    second.release()


def test_all_or_none(leases: Leases) -> None:
    held = taken(leases, 1, ["fake-1"])
    assert leases.try_acquire(2, TWO, {}) is None
    assert leases.try_acquire(3, TWO, {}) is None
    assert leases.holders()["fake-0"] is None
    held.release()
    both = taken(leases, 2, ["fake-1", "fake-0", "fake-1"])
    assert both.uuids == ("fake-1", "fake-0")
    assert len(both.fds) == 2
    both.release()
    assert taken(leases, 0).fds == ()


def test_several_that_want_all_devices_each_get_them_in_turn(leases: Leases) -> None:
    overlapping, held, done = [], threading.Lock(), []

    def work() -> None:
        for _ in range(20):
            lease = wait_for(lambda: leases.try_acquire(2, TWO, {}), "both devices")
            if not held.acquire(blocking=False):
                overlapping.append(1)
            else:
                held.release()
            lease.release()
        done.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (overlapping, len(done)) == ([], 4)


def test_holders_are_named_and_a_dead_holders_words_are_ignored(leases: Leases) -> None:
    assert leases.holders() == {}
    lease = taken(leases, 1, workspace="/home/ann/ws", run_id="r_1")
    holder = leases.holders()["fake-0"]
    assert holder is not None
    assert (holder["workspace"], holder["run_id"], holder["pid"]) == ("/home/ann/ws", "r_1", os.getpid())
    assert holder["user"]
    assert abs(holder["since"] - time.time()) < 60
    lease.release()
    assert "r_1" in (leases.folder / "fake-0.lock").read_text()
    assert leases.holders() == {"fake-0": None}
    lease = taken(leases, 1, run_id="x" * 10)
    (leases.folder / "fake-0.lock").write_bytes(b"\xff{" * 100_000)
    assert leases.holders() == {"fake-0": {}}
    lease.release()


def test_looking_at_the_holders_takes_nothing_from_anybody(leases: Leases) -> None:
    taken(leases, 2).release()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            leases.holders()

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for _ in range(200):
            taken(leases, 2).release()
    finally:
        stop.set()
        watcher.join(30)


# ------------------------------------------------------------------------------------------------ between processes

DISPATCHER = """
    # A stand-in for one workspace's dispatcher: takes a device for each of its jobs, launches, and forgets.
    import json, os, subprocess, sys, time
    from pathlib import Path
    from traindock.compute.leases import Leases
    folder, launcher, workspace, jobs = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
    leases = Leases(folder / "leases")
    for job in jobs:
        while (lease := leases.try_acquire(1, ["fake-0", "fake-1"], {"workspace": workspace, "run_id": job})) is None:
            time.sleep(0.005)
        place = folder / job
        place.mkdir()
        names = {n: str(place / n) for n in ("stdout", "lock", "started", "exit")}
        (place / "launch.json").write_text(json.dumps({
            "run_id": job, "attempt": 1, "argv": [sys.executable, "-S", str(folder / "job.py"), lease.uuids[0], job],
            "cwd": str(folder), "env": {**os.environ, "TRAINDOCK_RUN_ID": job, "TRAINDOCK_ATTEMPT": "1"},
            "grace_seconds": 2.0, "max_seconds": None, "held_fds": list(lease.fds), **names}))
        subprocess.Popen([sys.executable, "-I", "-S", launcher, str(place / "launch.json")],
                         pass_fds=lease.fds, start_new_session=True, stdin=subprocess.DEVNULL)
        while not os.path.exists(names["started"]):
            time.sleep(0.002)
        lease.release()
        (folder / f"launched-{job}").touch()
    if "stay" in sys.argv[3]: time.sleep(60)
"""

JOB = """
import os, sys, time
device, job = sys.argv[1:]
marker = "using-" + device
os.close(os.open(marker, os.O_CREAT | os.O_EXCL))  # fails if another job uses the device
log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(log, f"{time.monotonic()} enter {device} {job}\\n".encode())
while os.path.exists("hold-" + job): time.sleep(0.005)
time.sleep(0.05)
os.write(log, f"{time.monotonic()} leave {device} {job}\\n".encode())
os.unlink(marker)
"""


class Machine:
    """A folder of leases, and dispatchers that use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.leases = Leases(folder / "leases")
        (folder / "job.py").write_text(JOB)
        (folder / "dispatcher.py").write_text(textwrap.dedent(DISPATCHER))
        self.dispatchers: list[subprocess.Popen[bytes]] = []
        self.jobs: list[str] = []

    def dispatch(self, workspace: str, *jobs: str) -> subprocess.Popen[bytes]:
        self.jobs += jobs
        command = [
            sys.executable,
            str(self.folder / "dispatcher.py"),
            str(self.folder),
            str(LAUNCHER),
            workspace,
            *jobs,
        ]
        self.dispatchers.append(subprocess.Popen(command))
        return self.dispatchers[-1]

    def hold(self, job: str) -> Path:
        path = self.folder / f"hold-{job}"
        path.touch()
        return path

    def ended(self, job: str) -> bool:
        record = processes.read_exit(self.folder / job / "exit")
        return record is not None and not processes.lock_is_held(self.folder / job / "lock")

    def exit_code(self, job: str) -> int | None:
        record = processes.read_exit(self.folder / job / "exit")
        return record.exit_code if record else None

    def log(self) -> list[list[str]]:
        path = self.folder / "log"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def entered(self, job: str) -> bool:
        return any(line[1:2] == ["enter"] and line[3] == job for line in self.log())

    def check_one_holder_at_a_time(self) -> None:
        using: dict[str, str] = {}
        for _, what, device, job in sorted(self.log(), key=lambda line: float(line[0])):
            if what == "enter":
                assert device not in using, f"{job} and {using[device]} had {device} at once"
                using[device] = job
            else:
                assert using.pop(device) == job


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    for dispatcher in made.dispatchers:
        dispatcher.kill()
        dispatcher.wait(10)
    for job in made.jobs:
        started = processes.read_started(made.folder / job / "started")
        if started:
            processes.terminate(started.launcher, 5)
        processes.kill_job(job, 1)


@pytest.mark.slow
def test_two_workspaces_with_eight_jobs_share_two_devices(machine: Machine) -> None:
    jobs = [[f"{workspace}-{n}" for n in range(4)] for workspace in ("ann", "bob")]
    for workspace, mine in zip(("ann", "bob"), jobs, strict=True):
        machine.dispatch(workspace, *mine)
    for job in chain(*jobs):
        wait_for(lambda job=job: machine.ended(job), f"{job} to end")
        assert machine.exit_code(job) == 0
    machine.check_one_holder_at_a_time()
    assert sorted(line[3] for line in machine.log() if line[1] == "enter") == sorted(chain(*jobs))
    assert {line[2] for line in machine.log()} == set(TWO)
    assert machine.leases.holders() == dict.fromkeys(TWO)


def test_a_job_keeps_its_device_when_its_dispatcher_is_killed(machine: Machine) -> None:
    holds = [machine.hold("ann-0"), machine.hold("ann-1")]
    dispatcher = machine.dispatch("ann-stay", "ann-0", "ann-1")
    for job in ("ann-0", "ann-1"):
        wait_for(lambda job=job: machine.entered(job), f"{job} to start")
    dispatcher.kill()
    dispatcher.wait(10)
    assert machine.leases.try_acquire(1, TWO, {}) is None
    holders = machine.leases.holders()
    assert {(holder or {})["run_id"] for holder in holders.values()} == {"ann-0", "ann-1"}
    machine.dispatch("bob", "bob-0")
    holds[0].unlink()
    wait_for(lambda: machine.ended("bob-0"), "bob's job to get the device that became free")
    holds[1].unlink()
    wait_for(lambda: machine.ended("ann-1"), "the last job")
    assert [machine.exit_code(job) for job in ("ann-0", "ann-1", "bob-0")] == [0, 0, 0]
    machine.check_one_holder_at_a_time()


@pytest.mark.skipif(sys.platform != "linux", reason="a job dies with its launcher on Linux only")
def test_a_killed_launcher_frees_its_device(machine: Machine) -> None:
    machine.hold("ann-0")
    machine.dispatch("ann", "ann-0")
    wait_for(lambda: machine.entered("ann-0") and (machine.folder / "launched-ann-0").exists(), "the job to start")
    started = processes.read_started(machine.folder / "ann-0" / "started")
    assert started is not None
    assert machine.leases.try_acquire(2, TWO, {}) is None
    assert processes.send_signal(started.launcher, signal.SIGKILL)
    assert processes.wait_gone(started.launcher, 10)
    both = wait_for(lambda: machine.leases.try_acquire(2, TWO, {}), "both devices")
    both.release()
    assert started.child is None or processes.wait_gone(started.child, 10)


def test_the_lease_is_not_lost_between_dispatcher_and_launcher(leases: Leases) -> None:
    lease = taken(leases, 1)
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(command, pass_fds=lease.fds, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as heir:
        assert heir.stdout is not None
        heir.stdout.readline()
        lease.release()
        assert leases.try_acquire(2, TWO, {}) is None
        assert leases.holders()["fake-0"] is not None
        heir.communicate(timeout=20)
    taken(leases, 2).release()


def test_processes_that_are_given_nothing_inherit_nothing(leases: Leases) -> None:
    lease = taken(leases, 1)
    command = [sys.executable, "-c", "print(flush=True); import sys; sys.stdin.read()"]
    with subprocess.Popen(command, close_fds=False, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        lease.release()
        taken(leases, 2).release()
        other.communicate(timeout=20)


# --------------------------------------------------------------------------------------------------- a shared folder


def test_folder_and_files_are_open_to_all_users_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        leases = Leases(tmp_path / "leases")
        taken(leases, 1).release()
    finally:
        os.umask(before)
    assert leases.folder.stat().st_mode & 0o7777 == 0o1777
    assert (leases.folder / "fake-0.lock").stat().st_mode & 0o777 == 0o666


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to be two users")
def test_two_users_share_the_leases(tmp_path: Path) -> None:
    """Also where the kernel protects files in folders open to all (fs.protected_regular)."""
    for parent in [tmp_path, *tmp_path.parents]:
        if parent != Path("/") and "pytest" in str(parent):
            parent.chmod(parent.stat().st_mode | 0o055)
    root = Leases(tmp_path / "leases")
    taken(root, 1, ["fake-0"]).release()
    held = taken(root, 1, ["fake-1"])

    def as_nobody() -> None:
        os.setgid(65534)
        os.setuid(65534)
        other = Leases(tmp_path / "leases")
        lease = other.try_acquire(1, ["fake-1", "fake-0", "fake-2"], {"run_id": "theirs"})
        assert lease is not None
        assert lease.uuids == ("fake-0",)
        assert (other.holders()["fake-1"] or {})["user"] == "root"
        new = other.try_acquire(1, ["fake-2"], {})
        assert new is not None

    child = os.fork()
    if child == 0:
        try:
            as_nobody()
        except BaseException:  # noqa: BLE001 -- a fork of the test must not return into pytest
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    held.release()
    taken(root, 3, ["fake-0", "fake-1", "fake-2"]).release()


def test_links_and_other_files_are_never_written_to(leases: Leases, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (leases.folder / "fake-0.lock").symlink_to(precious)
    os.link(precious, leases.folder / "fake-1.lock")
    os.mkfifo(leases.folder / "fake-2.lock")
    (leases.folder / "fake-3.lock").symlink_to(tmp_path / "made")
    assert leases.try_acquire(1, [f"fake-{n}" for n in range(4)], {"run_id": "x"}) is None
    assert precious.read_text() == "mine"
    assert not (tmp_path / "made").exists()
    assert leases.holders() == {f"fake-{n}": {} for n in range(4)}


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(StoreException, match=f"{name}.*TRAINDOCK_LEASE_DIR"):
            Leases(tmp_path / name)
    with pytest.raises(StoreException, match="1777"):
        Leases(tmp_path / "no" / "parent")


def test_names_with_slashes_stay_in_the_folder(leases: Leases, tmp_path: Path) -> None:
    odd = ["MIG-GPU-1/2/0", "../escape", "a b"]
    lease = taken(leases, 3, odd)
    assert set(leases.holders()) == set(odd)
    lease.release()
    assert os.listdir(tmp_path) == ["leases"]


def test_a_lock_file_that_was_tidied_away_is_not_locked_in_vain(leases: Leases) -> None:
    real, tidied = leases._open, []

    def open_then_tidy(name: str) -> int:
        fd = real(name)
        if name.startswith("fake") and not tidied:
            tidied.append(name)
            (leases.folder / name).unlink()
        return fd

    leases._open = open_then_tidy  # type: ignore[method-assign]
    lease = taken(leases, 1, ["fake-0"])
    assert tidied
    assert Leases(leases.folder).try_acquire(1, ["fake-0"], {}) is None
    lease.release()


def test_a_stuck_neighbour_delays_but_does_not_block(leases: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TURN_PATIENCE", 0.1)
    with leases._turn():
        taken(leases, 2).release()


def test_the_variable_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINDOCK_LEASE_DIR", str(tmp_path / "elsewhere"))
    assert Leases().folder == tmp_path / "elsewhere"
    monkeypatch.delenv("TRAINDOCK_LEASE_DIR")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert tmp_path not in module.default_folder().parents  # the same for every user


def test_a_full_disk_does_not_keep_a_device_from_being_leased(leases: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)
    lease = taken(leases, 1, run_id="r")
    monkeypatch.undo()
    assert leases.try_acquire(1, ["fake-0"], {}) is None
    assert leases.holders() == {"fake-0": {}}
    lease.release()
    assert json.dumps(leases.holders()) == '{"fake-0": null}'


# --------------------------------------------------------- launchers that cannot inherit, as those in containers


class Sharing:
    """Launches a job, by its launcher's own hand, on a lease that is handed over by path and token."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.leases = Leases(folder / "leases")
        (folder / "job.py").write_text("import sys, time\nprint('ran', flush=True)\ntime.sleep(float(sys.argv[1]))\n")
        self.launchers: list[subprocess.Popen[bytes]] = []

    def lease(self, run_id: str) -> Lease:
        lease = wait_for(lambda: self.leases.try_acquire(1, ["fake-0"], {"run_id": run_id}), "the device")
        assert isinstance(lease, Lease)
        return lease

    def launch(self, job: str, lease: Lease, seconds: float = 0.0, token: str = "") -> subprocess.Popen[bytes]:
        place = self.folder / job
        place.mkdir()
        names = {name: str(place / name) for name in ("stdout", "lock", "started", "exit")}
        request = {
            "run_id": job,
            "attempt": 1,
            "argv": [sys.executable, "-S", str(self.folder / "job.py"), str(seconds)],
            "cwd": str(place),
            "env": {},
            "grace_seconds": 2.0,
            "held_fds": [],
            "leases": [[str(file), token or lease.token] for file in lease.files],
            **names,
        }
        (place / "launch.json").write_text(json.dumps(request))
        command = [sys.executable, "-I", "-S", str(LAUNCHER), str(place / "launch.json")]
        self.launchers.append(subprocess.Popen(command, stderr=subprocess.PIPE))
        return self.launchers[-1]

    def ran(self, job: str) -> bool:
        file = self.folder / job / "stdout"
        return file.exists() and "ran" in file.read_text()

    def is_free(self) -> bool:
        return self.leases.are_free(1, ["fake-0"])


@pytest.fixture
def sharing(tmp_path: Path) -> Iterator[Sharing]:
    yield (made := Sharing(tmp_path))
    for launcher in made.launchers:
        launcher.kill()
        launcher.wait(10)
        assert launcher.stderr is not None
        launcher.stderr.close()


def test_a_launcher_holds_a_shared_lease_beside_its_dispatcher_and_after_it(sharing: Sharing) -> None:
    lease = sharing.lease("r_1")
    lease.share()
    lease.share()
    assert not sharing.is_free()
    launcher = sharing.launch("r_1", lease, 600)
    wait_for(lambda: sharing.ran("r_1"), "the job")
    assert not sharing.is_free()
    assert (sharing.leases.holders()["fake-0"] or {})["run_id"] == "r_1"
    lease.release()
    assert not sharing.is_free(), "the launcher has it"
    launcher.terminate()
    launcher.wait(30)
    assert sharing.is_free()


def test_a_lock_file_that_can_only_be_read_is_enough_for_a_launcher(sharing: Sharing) -> None:
    lease = sharing.lease("r_1")
    lease.share()
    lease.files[0].chmod(0o444)
    assert sharing.launch("r_1", lease).wait(60) == 0
    assert sharing.ran("r_1")
    lease.release()


def test_a_lease_that_is_not_shared_keeps_a_launcher_from_its_job(sharing: Sharing) -> None:
    lease = sharing.lease("r_1")
    launcher = sharing.launch("r_1", lease)
    assert launcher.wait(60) == supervisor.LEASE_LOST
    assert b"somebody else has it" in launcher.communicate()[1]
    assert not (sharing.folder / "r_1" / "started").exists()
    lease.release()


@pytest.mark.parametrize("shared", [True, False], ids=["in-a-container", "on-the-machine"])
def test_a_launcher_that_comes_late_leaves_the_device_to_who_has_it_now(sharing: Sharing, shared: bool) -> None:
    """Its dispatcher has died before it looked for its lease, and another one, which may be anybody's, has got it."""
    late = sharing.lease("late")
    late.share()
    late.release()
    present = sharing.lease("present")
    if shared:
        present.share()
    assert sharing.launch("late", late).wait(60) == supervisor.LEASE_LOST
    assert not sharing.ran("late")
    present.release()
    # And so it is when that one is over.
    again = sharing.launch("later", late)
    assert again.wait(60) == supervisor.LEASE_LOST
    assert b"leased to somebody else since" in again.communicate()[1]


def test_a_launcher_that_comes_late_takes_a_device_that_nobody_has_leased_since(sharing: Sharing) -> None:
    late = sharing.lease("late")
    late.share()
    late.release()
    assert sharing.is_free()
    launcher = sharing.launch("late", late, 600)
    wait_for(lambda: sharing.ran("late"), "the job")
    assert not sharing.is_free()
    launcher.terminate()
    launcher.wait(30)


@pytest.mark.slow
def test_a_launcher_is_not_kept_from_its_lease_by_those_who_only_look(sharing: Sharing) -> None:
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            sharing.leases.holders()

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for number in range(5):
            lease = sharing.lease(f"r_{number}")
            lease.share()
            assert sharing.launch(f"r_{number}", lease).wait(60) == 0
            lease.release()
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join(30)


def test_a_shared_lease_ends_with_the_launcher_whatever_the_job_leaves_behind(sharing: Sharing) -> None:
    lease = sharing.lease("r_1")
    lease.share()
    launcher = sharing.launch("r_1", lease, 600)
    wait_for(lambda: sharing.ran("r_1"), "the job")
    started = processes.read_started(sharing.folder / "r_1" / "started")
    assert started is not None
    assert started.child is not None
    held = {file.readlink() for file in Path(f"/proc/{started.child.pid}/fd").iterdir()}
    assert lease.files[0] not in held
    lease.release()
    launcher.kill()
    launcher.wait(30)
    assert sharing.is_free()


def test_a_lease_is_not_shared_that_no_launcher_could_tell_from_another(
    leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)
    lease = taken(leases, 1, run_id="r")
    monkeypatch.undo()
    with pytest.raises(StoreException, match=r"fake-0\.lock cannot be written to"):
        lease.share()
    lease.release()


@pytest.mark.parametrize("again", [True, False])
def test_a_lease_is_not_shared_whose_file_was_tidied_away(leases: Leases, again: bool) -> None:
    lease = taken(leases, 1)
    lease.files[0].unlink()
    if again:
        lease.files[0].touch()
    with pytest.raises(StoreException, match=r"fake-0\.lock.*tidy up"):
        lease.share()
    lease.release()

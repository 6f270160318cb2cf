"""A full disk: counted and told, never raised into the training, and nothing but what it swallowed is lost.

On a small tmpfs, which only root (or a user with a namespace of its own) may mount; skipped elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Submit, end_everything_in, make_workspace, processes_of, submitter, wait_for

from traindock import Experiment, Run, ScriptRunConfig, Workspace
from traindock.dispatcher import start
from traindock.errors import StoreException
from traindock.store import run_records

pytestmark = pytest.mark.slow

MEGABYTE = 1 << 20


class Disk:
    """A file system of 8 MB that can be filled to the last byte."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._filler = root / "filler"

    def fill(self, leave: int = 0) -> None:
        """Take all that is free, down to the last byte, or to so many."""
        with open(self._filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
            if leave:
                disk = os.statvfs(self.root)
                file.write(bytes(max(0, disk.f_bavail * disk.f_frsize - leave)))
                return
            while True:
                try:
                    file.write(b"\0" * 4096)
                except OSError:
                    file.write(b"\0")

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    root = tmp_path / "disk"
    root.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "traindock-test", str(root)], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"this user may not mount a small tmpfs: {done.stderr.strip()}")
    try:
        yield Disk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.fixture
def small(disk: Disk) -> Iterator[Workspace]:
    workspace = make_workspace(disk.root / "workspace")
    yield workspace
    end_everything_in(workspace)


@pytest.fixture
def submit_small(small: Workspace, tmp_path: Path) -> Submit:
    return submitter(small, tmp_path)


def stdout(run: Run) -> str:
    try:
        return (run.path / "driver" / "stdout.txt").read_text()
    except FileNotFoundError:
        return ""


SCRIPT = """
    import os, sys, time
    from traindock import Run
    signs = sys.argv[1]
    run = Run.get_context()

    def wait(sign):
        open(signs + "/" + sign, "w").close()
        while not os.path.exists(signs + "/" + sign + ".go"):
            time.sleep(0.005)

    for number in range(1000):
        run.log("x", number)
        print("before", number)
    wait("filled")
    for number in range(20_000):
        run.log("x", -1)
        print("while it is full", number)
    wait("freed")
    for number in range(1000, 2000):
        run.log("x", number)
        print("after", number)
    open("outputs/model", "w").write("weights")
"""


def test_a_disk_that_fills_while_a_script_prints_and_logs(
    disk: Disk, submit_small: Submit, small: Workspace, tmp_path: Path
) -> None:
    signs = tmp_path / "signs"
    signs.mkdir()
    run = submit_small(SCRIPT, signs)
    wait_for((signs / "filled").exists, "the script to be ready for a full disk")
    wait_for(lambda: stdout(run).endswith("before 999\n"), "what was printed in a flood")
    disk.fill()
    (signs / "filled.go").touch()
    wait_for((signs / "freed").exists, "the script to get through the full disk")
    disk.free()
    (signs / "freed.go").touch()
    details = run.wait_for_completion()
    assert details["exit"]["exit_code"] == 0
    values = run.metrics.values("x")
    kept = [value for value in values if value == -1]
    assert [value for value in values if value != -1] == list(range(2000)), "all before and all after"
    assert details["lostMetricPoints"] == 20_000 - len(kept) > 0
    lines = stdout(run).splitlines()
    assert lines[:1000] == [f"before {number}" for number in range(1000)]
    assert lines[-1000:] == [f"after {number}" for number in range(1000, 2000)]
    assert details["lostOutputBytes"] > 0
    told = " ".join(warning["message"] for warning in details["warnings"])
    assert f"{details['lostMetricPoints']} metric points were lost" in told
    assert "bytes of output were lost" in told
    assert "outputs/model" in run.get_file_names()


def test_a_disk_that_is_full_at_submit_leaves_nothing_behind(
    disk: Disk, submit_small: Submit, small: Workspace, tmp_path: Path
) -> None:
    first = submit_small("print('first')")
    first.wait_for_completion()
    before = run_records.run_ids(small.layout)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text("print('new')")
    (tmp_path / "source" / "large").write_bytes(os.urandom(9 * MEGABYTE))
    config = ScriptRunConfig(tmp_path / "source", "train.py")
    with pytest.raises(StoreException, match=r"space|full"):
        Experiment(small, "tests").submit(config)
    assert os.statvfs(disk.root).f_bavail * os.statvfs(disk.root).f_frsize > MEGABYTE, "half a file was left"
    disk.fill()
    (tmp_path / "source" / "large").unlink()
    for _ in range(2):
        with pytest.raises(StoreException, match=r"space|full"):
            Experiment(small, "tests").submit(config)
    assert run_records.run_ids(small.layout) == before
    assert not list(small.layout.runs.glob(".new-*"))
    disk.free()
    assert [run.id for run in Run.list(small)] == [first.id]
    run = Experiment(small, "tests").submit(config)
    run.wait_for_completion()
    assert stdout(run) == "new\n"


@pytest.mark.parametrize("way", ["submit", "start_logging"])
def test_with_little_room_left_a_run_is_either_there_or_refused(
    disk: Disk, small: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    small.index.close()
    monkeypatch.setattr(start, "ensure", lambda _: None)
    outcomes = set()
    for kilobytes in range(0, 128, 8):
        (source / "train.py").write_text(f"print({kilobytes})")
        before = set(run_records.run_ids(small.layout))
        experiment = Experiment(Workspace(small.layout.root), "tests")  # it has not opened the index yet
        disk.fill(leave=kilobytes * 1024)
        try:
            if way == "submit":
                began = {experiment.submit(ScriptRunConfig(source, "train.py")).id}
            else:
                run = experiment.start_logging(snapshot_directory=None)
                run._hold.drop()
                began = {run.id}
        except StoreException:
            began = set()
        finally:
            experiment.workspace.index.close()
            disk.free()
        assert set(run_records.run_ids(small.layout)) - before == began, f"with {kilobytes} KB"
        outcomes.add(bool(began))
    assert outcomes == {True, False}


def fill_so_that_not_a_byte_fits_into(*files: Path, on: Disk) -> None:
    """Fill a disk, and the last block of each file, to which the dispatcher may add lines meanwhile."""
    while True:
        for path in files:
            with open(path, "ab") as file:
                file.write(b" " * (-path.stat().st_size % 4096 - 1) + b"\n")
        on.fill()
        if all(path.stat().st_size % 4096 == 0 for path in files):
            return
        on.free()


def test_an_interactive_run_that_ends_on_a_full_disk_has_ended(
    disk: Disk, small: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That goes into a block that was reserved for it, so there is nothing to raise; the state follows later."""
    monkeypatch.chdir(tmp_path)
    run = Experiment(small, "tests").start_logging(snapshot_directory=None)
    wait_for(lambda: run.get_status() == "Running", "the dispatcher")
    run.log("loss", 0.5)
    monkeypatch.setattr("traindock.interactive._END_SECONDS", 1.0)
    fill_so_that_not_a_byte_fits_into(small.layout.changes, run.path / "events.jsonl", on=disk)
    run.complete()
    assert f"run {run.id} has ended, and the dispatcher takes note of it a little later" in capsys.readouterr().out
    run.complete()
    disk.free()
    assert run.wait_for_completion()["status"] == "Completed"
    assert run.get_metrics() == {"loss": 0.5}


def test_an_interactive_run_whose_outputs_the_disk_does_not_take_goes_on_until_it_does(
    disk: Disk, small: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Experiment(small, "tests").start_logging(snapshot_directory=None)
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "model").write_bytes(b"m" * 20_000)
    os.mkfifo(tmp_path / "outputs" / "a pipe")
    disk.fill()
    with pytest.raises(StoreException, match=r"space|full"):
        run.complete()
    disk.free()
    assert run.get_status() != "Completed"
    run.complete()
    assert run.wait_for_completion()["status"] == "Completed"
    assert run.get_file_names() == ["outputs/model"]
    [warning] = run.get_details()["warnings"]
    assert "a pipe" in warning["message"], "what the first try had found is told all the same"


def test_a_state_that_the_disk_does_not_take_is_recorded_once_it_does(
    disk: Disk, submit_small: Submit, small: Workspace, tmp_path: Path
) -> None:
    sign = tmp_path / "go"
    run = submit_small(
        """
        import os, sys, time
        print("started")
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.005)
        open("outputs/kept", "w")
        raise ValueError("an error's record takes the room that was kept for it, so that none becomes free")
        """,
        sign,
    )
    wait_for(lambda: "started" in stdout(run), "the script")
    wait_for(lambda: run.get_status() == "Running", "the state")
    layout = small.layout.run(run.id)
    with open(layout.events, "ab") as file:  # to the end of its block, so that not even one byte more fits
        file.write(b" " * (4096 - layout.events.stat().st_size % 4096 - 1) + b"\n")
    disk.fill()
    sign.touch()
    wait_for(lambda: layout.exit_json.read_bytes().strip(b" \0\n"), "the script's end")
    wait_for(lambda: len(processes_of(small)) == 1, "all but the dispatcher to end")
    assert not run.record.state.terminal
    disk.free()
    # Without anybody who waits and would start another dispatcher: this one has not given up.
    wait_for(lambda: run.record.state.terminal, "the end to be recorded")
    details = run.wait_for_completion(raise_on_error=False)
    assert details["status"] == "Failed"
    assert details["exit"]["exit_code"] == 1
    assert "takes the room" in details["error"]["message"]
    assert "outputs/kept" in run.get_file_names()
    assert [change.state.terminal for change in run.record.history].count(True) == 1


@pytest.mark.parametrize("moment", ["queued", "unknown to any dispatcher"])
def test_a_run_that_cannot_be_launched_for_want_of_space_is_launched_later(
    disk: Disk, submit_small: Submit, small: Workspace, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = None
    if moment == "queued":
        first = submit_small("import time; print('started'); time.sleep(600)")
        wait_for(lambda: "started" in stdout(first), "the first run")
        run = submit_small("print('once')")
        wait_for(lambda: run.get_status() == "Queued", "the run to queue")
        disk.fill()
        first.cancel()
    else:
        with monkeypatch.context() as patched:
            patched.setattr(start, "ensure", lambda layout: None)
            run = submit_small("print('once')")
        disk.fill()
        start.ensure(small.layout)
    wait_for(lambda: start.is_running(small.layout), "a dispatcher")
    if first is not None:
        wait_for(lambda: len(processes_of(small)) == 1, "the first job to end")
    assert not run.record.state.terminal
    disk.free()
    # Without anybody who waits and would start another dispatcher: this one has not given up.
    wait_for(lambda: run.record.state.terminal, "the run to be launched")
    assert run.get_status() == "Completed"
    assert stdout(run) == "once\n"
    if first is not None:
        assert first.wait_for_completion()["status"] == "Canceled"


@pytest.mark.parametrize("announced", [True, False])
def test_deleting_a_run_makes_room_on_a_full_disk(
    disk: Disk, submit_small: Submit, small: Workspace, announced: bool
) -> None:
    run = submit_small("open('outputs/model', 'wb').write(bytes(range(256)) * 4096 * 2)")
    run.wait_for_completion()
    if not announced:  # for which there is no room left in the last page of the log
        with small.layout.changes.open("ab") as log:
            log.write(b"\n" * (-log.tell() % 4096))
    disk.fill()
    before = os.statvfs(disk.root).f_bavail

    run.delete()

    freed = (os.statvfs(disk.root).f_bavail - before) * os.statvfs(disk.root).f_frsize
    assert freed > 2 * MEGABYTE
    assert list(Run.list(small)) == []
    assert small.index.count() == 0

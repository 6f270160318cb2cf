"""The writer of metrics: whatever processes, threads and disks do, no point is lost silently and no call raises."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from traindock.runtime import metric_log
from traindock.runtime.context import JobRun
from traindock.runtime.metric_log import MetricLog
from traindock.store.metrics import MetricReader

SOURCES = Path(__file__).parents[3] / "trainer"

#: What each script below begins with: a run to log into, and how to read it back.
PRELUDE = """
import json, multiprocessing, os, signal, sys, threading, time
from pathlib import Path
from traindock.runtime import Run
from traindock.store.metrics import MetricReader

metrics = Path(os.environ["TRAINDOCK_METRICS_DIR"])
reader = MetricReader(metrics)
"""


def script(metrics: Path, code: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run ``code`` as a job's script that logs under ``metrics``."""
    environment = {**os.environ, "TRAINDOCK_RUN_ID": "e_1_2", "TRAINDOCK_METRICS_DIR": str(metrics)}
    environment["PYTHONPATH"] = str(SOURCES)
    environment.pop("TRAINDOCK_RANK", None)
    text = PRELUDE + textwrap.dedent(code)
    file = metrics.parent / "script.py"
    file.write_text(text)
    done = subprocess.run(
        [*command, sys.executable, str(file)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        cwd=metrics.parent,
    )
    if check and done.returncode != 0:
        pytest.fail(f"the script ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


@pytest.fixture
def run(metrics: Path) -> Iterator[JobRun]:
    run = JobRun({"TRAINDOCK_RUN_ID": "e_1_2", "TRAINDOCK_METRICS_DIR": str(metrics)})
    yield run
    run._metrics.close()


def test_a_log_that_nobody_has_any_more_is_not_kept(metrics: Path) -> None:
    """A dispatcher makes one for each run, and a notebook one for each that it logs into."""
    before = len(metric_log._logs)
    log = MetricLog(str(metrics))
    log.number("loss", 1.0)
    assert len(metric_log._logs) == before + 1
    del log
    assert len(metric_log._logs) == before
    assert MetricReader(metrics).values("loss") == [1.0]


class TestProcesses:
    def test_a_kill_right_after_the_last_call_loses_nothing(self, metrics: Path) -> None:
        code = """
            run = Run.get_context()
            for n in range(1000):
                run.log("loss", n / 2)
                run.log("acc", n / 4, step=n)
                run.log("epoch", n)
                run.log("note", f"text {n}")
            run.log("last", 0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        """
        assert script(metrics, code, check=False).returncode == -signal.SIGKILL
        found = MetricReader(metrics).as_azure()
        assert found == {
            "loss": [n / 2 for n in range(1000)],
            "acc": [n / 4 for n in range(1000)],
            "epoch": list(range(1000)),
            "note": [f"text {n}" for n in range(1000)],
            "last": 0.5,
        }

    def test_forks_have_writers_of_their_own(self, run: JobRun, metrics: Path) -> None:
        run.log("loss", 0.0)
        children = []
        for child in range(1, 6):
            pid = os.fork()
            if pid == 0:
                try:
                    run.log("loss", float(child))
                    run.log("only here", child)
                    if os.fork() == 0:
                        run.log("loss", child + 0.5)
                        os._exit(0)
                    os.wait()
                finally:
                    os._exit(0)
            children.append(pid)
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        run.log("loss", 100.0)
        found = MetricReader(metrics)
        assert sorted(found.values("loss")) == [0, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 100]
        assert sorted(found.values("only here")) == [1, 2, 3, 4, 5]
        assert len(list(metrics.iterdir())) == 11

    def test_a_fork_that_logs_nothing_leaves_nothing(self, run: JobRun, metrics: Path) -> None:
        run.log("loss", 0.5)
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        assert len(list(metrics.iterdir())) == 1

    def test_a_fork_while_another_thread_is_in_the_midst_of_a_call(self, metrics: Path) -> None:
        code = """
            run = Run.get_context()
            held, release = threading.Event(), threading.Event()

            def hold():
                with run._metrics._lock:
                    held.set()
                    release.wait(60)

            thread = threading.Thread(target=hold)
            thread.start()
            held.wait(60)
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                run.log("new", 0.5)
                run.log("note", "x")
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            release.set()
            thread.join()
            assert reader.as_azure() == {"new": 0.5, "note": "x"}
        """
        script(metrics, code)

    def test_threads_and_forks_at_once(self, metrics: Path) -> None:
        code = """
            run = Run.get_context()
            signal.alarm(150)
            stop = threading.Event()
            counts = [0] * 4

            def work(which):
                while not stop.is_set():
                    n = counts[which]
                    run.log(f"new {which} {n % 200}", float(n))   # opens and closes files all the time
                    run.log(f"note {which}", str(n))
                    counts[which] += 1

            threads = [threading.Thread(target=work, args=(which,)) for which in range(4)]
            for thread in threads:
                thread.start()
            for child in range(40):
                pid = os.fork()
                if pid == 0:
                    signal.alarm(60)
                    for n in range(20):
                        run.log("child", float(n))
                        run.log(f"child {n}", n)
                        run.log("child note", "x")
                    os._exit(0)
                assert os.waitpid(pid, 0)[1] == 0
            stop.set()
            for thread in threads:
                thread.join()
            found = reader.as_azure()
            assert len(found["child"]) == len(found["child note"]) == 40 * 20
            for which, count in enumerate(counts):
                assert found[f"note {which}"] == [str(n) for n in range(count)]
                mine = [found.get(f"new {which} {n}", []) for n in range(200)]
                assert sorted(sum((one if isinstance(one, list) else [one] for one in mine), [])) == list(range(count))
            assert reader.damaged() == reader.lost() == 0
        """
        script(metrics, code)

    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    def test_worker_processes(self, metrics: Path, method: str) -> None:
        code = f"""
            def work(which):
                run = Run.get_context()
                assert run.id == "e_1_2"
                for n in range(100):
                    run.log("loss", which + n / 1000)
                return which

            if __name__ == "__main__":
                Run.get_context().log("loss", -1.0)
                with multiprocessing.get_context("{method}").Pool(3) as pool:
                    assert pool.map(work, range(6)) == list(range(6))
                assert sorted(reader.values("loss")) == [-1.0] + [w + n / 1000 for w in range(6) for n in range(100)]
        """
        script(metrics, code)

    def test_a_fork_that_no_hook_saw_does_not_number_files_twice(
        self, run: JobRun, metrics: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run.log("loss", 0.5)
        real = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: real + 1)  # as in a child of a fork made by C code
        run.log("acc", 1.5)
        monkeypatch.undo()
        run.log("more", 2.5)
        assert MetricReader(metrics).as_azure() == {"loss": 0.5, "acc": 1.5, "more": 2.5}
        assert len(list(metrics.iterdir())) == 3

    def test_a_signal_handler_may_log(self, metrics: Path) -> None:
        code = """
            run = Run.get_context()
            ticks = 0

            def tick(number, frame):
                global ticks
                run.log(f"tick {ticks % 50}", float(ticks))
                run.log("text", str(ticks))
                ticks += 1
                signal.setitimer(signal.ITIMER_REAL, 0.001)

            signal.signal(signal.SIGALRM, tick)
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            n = 0
            while ticks < 200:
                run.log(f"metric {n % 300}", float(n))
                run.log("note", str(n))
                n += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            found = reader.as_azure()
            assert found["note"] == [str(one) for one in range(n)]
            assert found["text"] == [str(one) for one in range(ticks)]
            numbers = [found[name] for name in found if name.startswith("metric")]
            assert sorted(sum((one if isinstance(one, list) else [one] for one in numbers), [])) == list(range(n))
            numbers = [found[name] for name in found if name.startswith("tick")]
            assert sorted(sum((one if isinstance(one, list) else [one] for one in numbers), [])) == list(range(ticks))
        """
        script(metrics, code)


class TestFiles:
    def test_few_files_are_open_at_once_and_all_points_are_there(self, run: JobRun, metrics: Path) -> None:
        before = len(os.listdir("/dev/fd"))
        for turn in range(3):
            for n in range(500):
                run.log(f"metric {n}", float(turn))
                run.log(f"metric {n}", turn + 0.5, step=turn)
            assert len(os.listdir("/dev/fd")) - before <= 70
        found = MetricReader(metrics)
        for n in range(0, 500, 99):
            assert found.values(f"metric {n}") == [0, 0.5, 1, 1.5, 2, 2.5]

    def test_threads_that_push_each_others_files_out(self, run: JobRun, metrics: Path) -> None:
        def work(which: int) -> None:
            for n in range(3000):
                run.log("hot", float(n))
                run.log(f"cold {which} {n % 100}", float(n))

        threads = [threading.Thread(target=work, args=(which,)) for which in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = MetricReader(metrics)
        assert sorted(found.values("hot")) == sorted(4 * [float(n) for n in range(3000)])
        for which in range(4):
            assert found.values(f"cold {which} 7") == [float(n) for n in range(7, 3000, 100)]
        assert found.damaged() == 0

    def test_a_script_that_uses_up_its_file_numbers(self, metrics: Path) -> None:
        code = """
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))
            run = Run.get_context()
            run.log("first", 0.5)
            run.log("note", "x")
            held = []
            try:
                while True:
                    held.append(open(os.devnull))
            except OSError:
                pass
            for n in range(100):
                run.log(f"metric {n}", float(n))
                run.log("note", "y")
            for file in held:
                file.close()
            assert reader.lost() == 0, reader.lost()
            assert all(reader.values(f"metric {n}") == [float(n)] for n in range(100))
        """
        script(metrics, code)

    def test_a_folder_that_somebody_removed_is_made_again(self, run: JobRun, metrics: Path) -> None:
        run.log("loss", 0.5)
        shutil.rmtree(metrics)
        run.log("new", 1.5)
        run.log("loss", 2, step=1)
        assert MetricReader(metrics).as_azure() == {"new": 1.5, "loss": 2}

    def test_closed_files_are_opened_again(self, run: JobRun, metrics: Path) -> None:
        run.log("loss", 0.5)
        run._metrics.close()
        run.log("loss", 1.5)
        assert MetricReader(metrics).values("loss") == [0.5, 1.5]

    def test_no_file_is_inherited_by_programs(self, run: JobRun) -> None:
        run.log("loss", 0.5)
        run.log("note", "x")
        listing = "import os; print([os.readlink(f'/dev/fd/{n}') for n in os.listdir('/dev/fd') if n != '3'])"
        done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, close_fds=False)
        assert "metrics" not in done.stdout

    def test_each_point_has_the_time_at_which_it_was_logged(self, run: JobRun, metrics: Path) -> None:
        before = time.time()
        for value in (0.5, 1.5):  # the second one goes the quick road
            run.log("loss", value)
            run.log("acc", value, step=1)
        run.log("epoch", 1)
        run.log("note", "x")
        after = time.time()
        reader = MetricReader(metrics)
        times = [moment for name in ("loss", "acc", "epoch") for moment in reader.points(name).times]
        times += [record.time for record in reader.since()[0].records]
        assert len(times) == 6
        # It goes on by the other clock from when this process began, and the two may have drifted apart since.
        assert before - 60 < min(times) <= max(times) < after + 60

    def test_the_clock_set_back_changes_nothing(
        self, run: JobRun, metrics: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run.log("loss", 0.5)
        monkeypatch.setattr("time.time", lambda: 0.0)
        run.log("loss", 1.5)
        run.log("note", "x")
        times = MetricReader(metrics).points("loss").times
        assert times[0] < times[1] < times[0] + 60
        assert MetricReader(metrics).since()[0].records[0].time >= times[1]

    def test_the_rank_is_noted(self, metrics: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TRAINDOCK_RANK", "3")
        run = JobRun({"TRAINDOCK_RUN_ID": "x", "TRAINDOCK_METRICS_DIR": str(metrics)})
        run.log("loss", 0.5)
        (folder,) = metrics.iterdir()
        assert json.loads((folder / "names.jsonl").read_text())["rank"] == "3"


class Broken:
    """Makes writes fail, or stop half way, as on a full disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        broken = self

        def write(file: Any, data: bytes) -> int:
            taken = len(data) if broken.room is None else min(broken.room, len(data))
            if broken.room is not None:
                broken.room -= taken
                if not taken:
                    raise OSError(28, "No space left on device")
            return super(metric_log._File, file).write(data[:taken])

        monkeypatch.setattr(metric_log._File, "write", write, raising=False)


class TestFullDisk:
    @pytest.fixture
    def disk(self, monkeypatch: pytest.MonkeyPatch) -> Broken:
        return Broken(monkeypatch)

    @pytest.mark.parametrize("room", [0, 1, 7, 8, 15, 16, 31])
    @pytest.mark.parametrize("kind", ["float", "stepped", "integer", "text"])
    def test_what_was_cut_short_is_lost_and_what_follows_is_not(
        self, run: JobRun, metrics: Path, disk: Broken, room: int, kind: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def log(n: int) -> None:
            value: Any = {"float": n / 2, "stepped": n / 2, "integer": n, "text": "x" * 100 + str(n)}[kind]
            run.log("loss", value, step=n if kind == "stepped" else None)
            written.append(value)

        written: list[Any] = []
        log(0)
        log(1)
        disk.room = room
        log(2)
        log(3)
        log(4)
        disk.room = None
        log(5)
        log(6)
        reader = MetricReader(metrics)
        lost = reader.lost()
        assert 3 >= lost >= 1
        survivors = written[:2] + written[2 : 5 - lost] + written[5:]
        assert reader.values("loss") == survivors
        run.log("other", 0.5)
        assert reader.values("other") == [0.5]
        said = capfd.readouterr().err
        assert said.count("could not be written") == 1
        assert "loss" in said

    def test_a_new_metric_on_a_full_disk(self, run: JobRun, metrics: Path, disk: Broken) -> None:
        for room in range(0, 100, 9):
            disk.room = room
            run.log(f"new {room}", 0.5)
            disk.room = None
            run.log(f"new {room}", 1.5)
            run.log(f"newer {room}", 2.5)
        found = MetricReader(metrics).as_azure()
        for room in range(0, 100, 9):
            values = found[f"new {room}"]
            assert values == 1.5 or values == [0.5, 1.5]
            assert found[f"newer {room}"] == 2.5
        kept = sum(len(one) if isinstance(one, list) else 1 for one in found.values())
        assert kept + MetricReader(metrics).lost() == 3 * 12

    def test_a_file_that_was_closed_with_a_torn_end(self, run: JobRun, metrics: Path, disk: Broken) -> None:
        run.log("loss", 0.5)
        disk.room = 5
        run.log("loss", 1.5)
        disk.room = None
        for n in range(100):
            run.log(f"push it out {n}", float(n))
        run.log("loss", 2.5)
        assert MetricReader(metrics).values("loss") == [0.5, 2.5]

    def test_losses_of_a_process_without_a_folder_are_counted_elsewhere(self, metrics: Path) -> None:
        metric_log.reserve(str(metrics))
        metric_log.reserve(str(metrics))
        run = JobRun({"TRAINDOCK_RUN_ID": "x", "TRAINDOCK_METRICS_DIR": str(metrics)})
        run._metrics._writer = str(metrics / "not there" / "x")
        run._metrics.lose("loss", OSError(28, "No space left on device"))
        run._metrics.lose("loss", OSError(28, "No space left on device"))
        assert MetricReader(metrics).lost() == 2

    def test_losses_that_cannot_be_counted_now_are_counted_later(self, tmp_path: Path) -> None:
        metrics = tmp_path / "metrics"
        metrics.write_text("in the way")
        run = JobRun({"TRAINDOCK_RUN_ID": "x", "TRAINDOCK_METRICS_DIR": str(metrics)})
        for n in range(3):
            run.log("loss", float(n))
            run.log("note", "x")
        metrics.unlink()
        run.log("loss", 3.0)
        run.flush()
        assert MetricReader(metrics).as_azure() == {"loss": 3.0}
        assert MetricReader(metrics).lost() == 6

    ON_TMPFS = """
        import ctypes, subprocess
        disk = metrics.parent / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], check=True)
        metrics = disk / "metrics"
        os.environ["TRAINDOCK_METRICS_DIR"] = str(metrics)
        reader = MetricReader(metrics)
        run = Run.get_context()

        def fill():
            ballast = os.open(disk / "ballast", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for block in (65536, 4096, 512, 1):
                try:
                    while True:
                        os.write(ballast, b"x" * block)
                except OSError:
                    pass
            os.close(ballast)
    """

    def on_tmpfs(self, metrics: Path, code: str) -> None:
        if sys.platform != "linux" or shutil.which("unshare") is None:
            pytest.skip("a size-limited file system needs Linux and unshare")
        probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", str(metrics.parent)]
        if (done := subprocess.run(probe, capture_output=True, text=True)).returncode != 0:
            pytest.skip(f"this user may not mount a tmpfs: {done.stderr.strip()}")
        script(metrics, textwrap.dedent(self.ON_TMPFS) + textwrap.dedent(code), "unshare", "-rm")

    def test_a_real_full_disk(self, metrics: Path) -> None:
        """Earlier records read back, the losses are counted, and the first record after space returns is there."""
        self.on_tmpfs(
            metrics,
            """
            written = {"loss": [], "acc": [], "note": [], "epoch": []}
            def log(n):
                for name, value in (("loss", n / 2), ("acc", n / 4), ("note", "x" * 90 + str(n)), ("epoch", n)):
                    run.log(name, value, step=n if name == "acc" else None)
                    written[name].append(value)

            for n in range(10):
                log(n)
            fill()
            for n in range(10, 1000):
                log(n)
            run.log_list("list", range(5000))
            run.log("new metric", 0.5)
            lost = reader.lost()
            found = reader.as_azure()
            for name, values in written.items():
                assert found[name] == values[:len(found[name])], name
                assert 10 <= len(found[name]) < 1000, name
            assert lost == sum(len(written[name]) - len(found[name]) for name in written) + 2, lost
            os.unlink(disk / "ballast")
            log(1000)
            run.log("new metric", 1.5)
            after = reader.as_azure()
            for name, values in written.items():
                assert after[name] == [*found[name], values[-1]], name
            assert after["new metric"] == 1.5
            assert reader.lost() == lost
            """,
        )

    def test_a_disk_that_is_full_before_anything_was_logged(self, metrics: Path) -> None:
        self.on_tmpfs(
            metrics,
            """
            fill()
            for n in range(10):
                run.log("loss", n / 2)
            pid = os.fork()
            if pid == 0:
                for n in range(5):
                    run.log("loss", n / 2)
                    run.log("note", "x")
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            assert (reader.as_azure(), reader.lost()) == ({}, 20)
            os.unlink(disk / "ballast")
            run.log("loss", 7.5)
            assert (reader.as_azure(), reader.lost()) == ({"loss": 7.5}, 20)
            """,
        )

    def test_a_file_size_limit(self, metrics: Path) -> None:
        code = """
            import resource
            run = Run.get_context()
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
            for n in range(100):
                run.log("loss", n / 2)
            assert reader.values("loss") == [n / 2 for n in range(62)]
            assert reader.lost() == 38
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            run.log("loss", -1.5)
            assert reader.values("loss")[-2:] == [30.5, -1.5]
        """
        script(metrics, code)

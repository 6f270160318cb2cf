"""The launcher: a job is started once, followed to its last process, and its end is on record, whoever dies."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from traindock.compute import processes
from traindock.compute.processes import ExitRecord, Identity
from traindock.runtime import job_process, supervisor

LAUNCHER = Path(supervisor.__file__).with_name("launcher.py")
PYTHONS = [
    sys.executable,
    str(Path.home() / ".pyenv/versions/3.8.18/bin/python"),
    *(
        pytest.param(str(Path.home() / f".pyenv/versions/{version}/bin/python"), marks=pytest.mark.slow)
        for version in ("3.10.13", "3.13.0")
    ),
]
linux = pytest.mark.skipif(sys.platform != "linux", reason="what it describes is promised on Linux only")


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.005)
    return value


class Job:
    """One launch.json, and the launchers started on it."""

    def __init__(self, folder: Path, argv: list[str], **changes: Any) -> None:
        self.folder = folder
        self.run_id = uuid.uuid4().hex
        folder.mkdir(parents=True)
        self.request: dict[str, Any] = {
            "run_id": self.run_id,
            "attempt": 1,
            "argv": argv,
            "cwd": str(folder),
            "env": {**os.environ, "TRAINDOCK_RUN_ID": self.run_id, "TRAINDOCK_ATTEMPT": "1"},
            **{name: str(folder / name) for name in ("stdout", "lock", "started", "exit", "error", "lost")},
            "grace_seconds": 5.0,
            "max_seconds": None,
            "held_fds": [],
            **changes,
        }
        self.launchers: list[subprocess.Popen[bytes]] = []

    def start(self, fault: str = "", python: str = sys.executable, **options: Any) -> subprocess.Popen[bytes]:
        path = self.folder / "launch.json"
        path.write_text(json.dumps(self.request))
        environment = {**os.environ, "TRAINDOCK_FAULT": f"{fault}:kill" if fault else ""}
        launcher = subprocess.Popen(
            [python, "-I", "-S", str(LAUNCHER), str(path)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment,
            pass_fds=self.request["held_fds"],
            **options,
        )
        self.launchers.append(launcher)
        return launcher

    def run(self, **options: Any) -> ExitRecord:
        launcher = self.start(**options)
        _, complaint = launcher.communicate(timeout=60)
        assert (launcher.returncode, complaint) == (0, b"")
        record = self.exit
        assert record is not None
        return record

    @property
    def exit(self) -> ExitRecord | None:
        return processes.read_exit(self.folder / "exit")

    @property
    def output(self) -> str:
        return (self.folder / "stdout").read_text() if (self.folder / "stdout").exists() else ""

    def printed(self, text: str) -> None:
        wait_for(lambda: text in self.output, f"{text!r} in the job's output")

    def pid(self, name: str) -> psutil.Process:
        """A process whose number the job wrote into the file ``name``."""
        text = wait_for(lambda: (self.folder / name).exists() and (self.folder / name).read_text().strip(), name)
        return psutil.Process(int(text))


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    jobs: list[Job] = []

    def make(*argv: str, **changes: Any) -> Job:
        jobs.append(Job(tmp_path / f"job {len(jobs)}", list(argv), **changes))
        return jobs[-1]

    yield make
    for made in jobs:
        for launcher in made.launchers:
            if launcher.poll() is None:
                launcher.kill()
            launcher.wait(10)
            assert launcher.stderr is not None
            launcher.stderr.close()
        assert not processes.kill_job(made.run_id, 1)


@pytest.fixture
def script(job: Callable[..., Job]) -> Callable[..., Job]:
    """A job that runs Python text."""
    return lambda text, **changes: job(sys.executable, "-uc", textwrap.dedent(text), **changes)


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# ------------------------------------------------------------------------------------------- how a job ends


def test_the_record_says_how_the_script_ended_and_what_it_used(script: Callable[..., Job]) -> None:
    before = time.time()
    done = script("""
        import sys, time
        print("to stdout"); print("to stderr", file=sys.stderr)
        block = bytearray(60_000_000)
        end = time.process_time() + 0.2
        while time.process_time() < end: pass
        sys.exit(7)
    """)
    record = done.run()
    assert (record.exit_code, record.signal, record.canceled, record.timed_out) == (7, None, False, False)
    assert done.output == "to stdout\nto stderr\n"
    assert 60_000_000 < record.peak_memory_bytes < 300_000_000
    assert 0.2 <= record.user_seconds + record.system_seconds <= 5
    assert before <= record.started <= record.ended <= time.time()
    assert record.seconds == pytest.approx(record.ended - record.started, abs=0.01)
    assert (record.error, record.lost_output_bytes, record.launch_error, record.left_behind) == (None, 0, None, ())


def test_a_signal_that_nobody_here_sent_is_recorded_as_such(job: Callable[..., Job]) -> None:
    record = job("sh", "-c", "kill -SEGV $$").run()
    assert (record.exit_code, record.signal, record.canceled, record.oom_killed) == (
        None,
        signal.SIGSEGV,
        False,
        False,
    )


def test_memory_and_time_of_the_scripts_own_children_count(script: Callable[..., Job]) -> None:
    record = script("""
        import subprocess, sys
        subprocess.run([sys.executable, "-c", "b = bytearray(80_000_000)"], check=True)
    """).run()
    assert record.peak_memory_bytes > 80_000_000


@pytest.mark.parametrize("python", PYTHONS)
def test_it_runs_on_every_python_that_jobs_may_have(job: Callable[..., Job], python: str) -> None:
    if not Path(python).exists():
        pytest.skip(f"{python} is not on this machine")
    done = job("sh", "-c", "echo it runs; (sleep 60 &); exit 4")
    assert done.run(python=python).exit_code == 4
    assert done.output == "it runs\n"


def test_arguments_variables_and_paths_arrive_as_they_are(script: Callable[..., Job]) -> None:
    odd = ["two words", "a\nb", "'\"$HOME`", "déjà vu \U0001f600", "", "\\"]
    done = script("import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['ODD'], os.getcwd()]))")
    done.request["argv"] += odd
    done.request["env"]["ODD"] = odd[3]
    folder = done.folder / "ein Ordner\nmit 'Namen' é\U0001f600"
    folder.mkdir()
    done.request["cwd"] = str(folder)
    assert done.run().exit_code == 0
    assert json.loads(done.output) == [odd, odd[3], str(folder)]


def test_the_job_gets_a_clean_process(script: Callable[..., Job]) -> None:
    done = script("""
        import os, signal, sys
        kept = [s for s in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
                if signal.getsignal(s) not in (signal.SIG_DFL, signal.default_int_handler)]
        print(kept, repr(sys.stdin.read()), os.getpgrp() == os.getpid(), os.environ.get("TRAINDOCK_FAULT"))
        print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        print(sorted(int(n) for n in os.listdir("/dev/fd"))[:4])
    """)
    done.request["env"].pop("TRAINDOCK_FAULT", None)
    done.run(preexec_fn=lambda: [signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGQUIT)])
    assert done.output.splitlines() == ["[] '' True None", "set()", "[0, 1, 2, 3]"]  # 3: the listing itself


def test_a_clock_that_is_set_back_changes_no_duration(job: Callable[..., Job]) -> None:
    done = job("sh", "-c", "sleep 0.3")
    (done.folder / "launch.json").write_text(json.dumps(done.request))
    backwards = (
        "import sys, time; clock = iter(range(10**9, 0, -3600)); time.time = lambda: float(next(clock))\n"
        "from traindock.runtime.supervisor import main; sys.exit(main(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", backwards, str(done.folder / "launch.json")], check=True, timeout=60)
    record = done.exit
    assert record is not None
    assert 0.3 <= record.seconds < 30
    assert record.ended - record.started == pytest.approx(record.seconds, abs=1e-3)


# ------------------------------------------------------------------------------------- jobs that cannot be started


def test_what_cannot_be_executed_is_recorded_with_its_kind(job: Callable[..., Job], tmp_path: Path) -> None:
    plain, broken = tmp_path / "plain", tmp_path / "broken"
    plain.write_text("no program")
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    cases = {
        "program_not_found": [job("no-such-program-here"), job("/no/such/program"), job(str(broken))],
        "not_executable": [job(str(plain)), job(str(tmp_path))],
        "no_working_directory": [job("true", cwd="/no/such/folder"), job("true", cwd=str(plain))],
        "arguments_too_long": [job("true", "x" * 10_000_000)],
        "other": [job("true", env={"A": "embedded\0null"})],
    }
    for kind, jobs in cases.items():
        for tried in jobs:
            record = tried.run()
            assert (record.launch_error_kind, record.exit_code, record.signal) == (kind, None, None)
            assert record.launch_error
            assert "Traceback" not in record.launch_error


def test_a_folder_of_the_path_that_is_closed_to_the_user_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To root no folder is closed, so this stands in for the system."""

    def execve(path: str, argv: list[str], variables: dict[str, str]) -> None:
        if path.startswith("/closed/"):
            raise PermissionError(errno.EACCES, "closed")
        raise OSError(errno.E2BIG if len(argv) > 1 else errno.ENOENT if path.endswith("none") else errno.EACCES, path)

    monkeypatch.setattr(os, "execve", execve)
    (tmp_path / "plain").touch()
    variables = {"PATH": f"/closed:{tmp_path}:/closed"}
    for argv, number in ((["none"], errno.ENOENT), (["plain"], errno.EACCES), (["plain", "x"], errno.E2BIG)):
        with pytest.raises(OSError) as refused:
            job_process._execute(argv, variables)
        assert refused.value.errno == number


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"run_id": "x"}', b"\xff", b"null trailing"])
def test_a_wrong_request_starts_nothing(job: Callable[..., Job], content: bytes) -> None:
    tried = job("true")
    path = tried.folder / "launch.json"
    path.write_bytes(content)
    done = subprocess.run([sys.executable, "-I", "-S", str(LAUNCHER), str(path)], capture_output=True, timeout=60)
    assert done.returncode == supervisor.BAD_REQUEST
    assert b"Traceback" not in done.stderr
    assert str(path).encode() in done.stderr
    assert os.listdir(tried.folder) == ["launch.json"]


def test_a_lease_that_is_not_there_starts_nothing(job: Callable[..., Job]) -> None:
    tried = job("true")
    launcher = tried.start()
    launcher.wait(60)
    wrong = job("true")
    wrong.request["held_fds"] = [97]
    (wrong.folder / "launch.json").write_text(json.dumps(wrong.request))
    command = [sys.executable, "-I", "-S", str(LAUNCHER), str(wrong.folder / "launch.json")]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == supervisor.BAD_REQUEST
    assert processes.read_started(wrong.folder / "started") is None


@pytest.mark.parametrize(
    "text",
    ['{"a": [1, -2.5e3, true, false, null], "b": {"c": "\\u00e9\\ud83d\\ude00\\n\\udc80"}}', '  "x" ', "[]", "1"],
)
def test_requests_are_read_as_json_reads_them(text: str) -> None:
    assert supervisor._parse(text) == json.loads(text)


@pytest.mark.parametrize("text", ["", "{", "[1,]", "1 2", '{"a" 1}', "nul"])
def test_what_json_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        supervisor._parse(text)


def test_marks_are_written_as_json() -> None:
    values = {"host": 'é"\\\n\U0001f600', "pid": 12, "time": 1234567890.123456, "pid_started": None}
    assert json.loads(supervisor._flat_json(values)) == values


# ----------------------------------------------------------------------------------------------------- once only


@pytest.mark.slow
def test_two_launchers_started_together_run_the_script_once(job: Callable[..., Job]) -> None:
    for _ in range(50):
        raced = job("sh", "-c", "echo run")
        both = [raced.start(), raced.start()]
        codes = sorted(launcher.wait(60) for launcher in both)
        assert codes in ([0, supervisor.LOCK_TAKEN], [0, supervisor.STARTED_BEFORE])
        assert raced.output == "run\n"
        assert raced.exit is not None


def test_a_job_that_has_run_is_not_run_again_and_nothing_of_it_is_touched(job: Callable[..., Job]) -> None:
    done = job("sh", "-c", "echo run")
    done.run()
    before = {path.name: path.read_bytes() for path in done.folder.iterdir()}
    assert done.start().wait(60) == supervisor.STARTED_BEFORE
    assert {path.name: path.read_bytes() for path in done.folder.iterdir()} == before


def test_while_a_job_runs_another_launcher_leaves_without_touching_it(job: Callable[..., Job]) -> None:
    running = job("sh", "-c", "echo run; exec sleep 60")
    running.start()
    running.printed("run")
    assert processes.lock_is_held(running.folder / "lock")
    assert running.start().wait(60) == supervisor.LOCK_TAKEN
    assert running.output == "run\n"
    assert running.exit is None


def test_somebody_who_only_looks_whether_the_lock_is_held_does_not_stop_a_launcher(job: Callable[..., Job]) -> None:
    tried = job("true")
    with open(tried.folder / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        launcher = tried.start()
        wait_for(lambda: _waits_for(launcher.pid, tried.folder / "lock"), "the launcher at the lock")
        fcntl.flock(held, fcntl.LOCK_UN)
        assert launcher.wait(60) == 0


def _waits_for(pid: int, path: Path) -> bool:
    return any(file.path == str(path) for file in psutil.Process(pid).open_files())


@linux
@pytest.mark.parametrize(
    ("point", "then", "lines"),
    [
        ("launcher.locked", 0, ["run"]),
        ("launcher.started", supervisor.STARTED_BEFORE, []),
        ("launcher.spawned", supervisor.STARTED_BEFORE, None),
        ("launcher.ended", supervisor.STARTED_BEFORE, ["run"]),
    ],
)
def test_a_launcher_killed_at_any_step_never_lets_the_script_run_twice(
    job: Callable[..., Job], point: str, then: int, lines: list[str] | None
) -> None:
    killed = job("sh", "-c", "echo run")
    assert killed.start(fault=point).wait(60) == -signal.SIGKILL
    wait_for(lambda: not processes.processes_of_job(killed.run_id, 1), "the job to die with its launcher")
    assert not processes.lock_is_held(killed.folder / "lock")
    assert killed.exit is None
    assert killed.start().wait(60) == then
    if lines is None:  # the script had been executed, and may or may not have come to its line
        assert killed.output in ("", "run\n")
    else:
        assert killed.output.splitlines() == lines


def test_the_started_mark_names_launcher_and_script(job: Callable[..., Job]) -> None:
    running = job("sh", "-c", "exec sleep 60")
    launcher = running.start()
    started = wait_for(
        lambda: (s := processes.read_started(running.folder / "started")) and s.child and s, "the script's number"
    )
    assert started.launcher.pid == launcher.pid
    assert processes.alive(started.launcher)
    assert psutil.Process(started.child.pid).ppid() == launcher.pid
    assert processes.alive(started.child)
    assert processes.signal_launcher(started.launcher)
    launcher.wait(60)
    assert not processes.alive(started.launcher)
    assert not processes.alive(started.child)


# ------------------------------------------------------------------------------------------------ ending a job


def test_a_canceled_script_may_finish_what_it_does(script: Callable[..., Job]) -> None:
    running = script("""
        import signal, sys, time
        def end(*_):
            print("saved")
            sys.exit(3)
        signal.signal(signal.SIGTERM, end)
        print("ready")
        time.sleep(60)
    """)
    launcher = running.start()
    running.printed("ready")
    launcher.terminate()
    assert launcher.wait(60) == 0
    assert running.output == "ready\nsaved\n"
    assert running.exit is not None
    assert (running.exit.canceled, running.exit.exit_code) == (True, 3)


@pytest.mark.slow
def test_a_script_that_will_not_hear_is_killed_after_the_grace_time(job: Callable[..., Job]) -> None:
    running = job("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done", grace_seconds=0.4)
    launcher = running.start()
    running.printed("ready")
    begin = time.monotonic()
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(60) == 0
    assert 0.4 <= time.monotonic() - begin < 10
    assert running.exit is not None
    assert (running.exit.canceled, running.exit.signal, running.exit.oom_killed) == (True, signal.SIGKILL, False)


def test_a_stopped_script_can_be_canceled(job: Callable[..., Job]) -> None:
    running = job("sh", "-c", "echo ready; kill -STOP $$", grace_seconds=60.0)
    launcher = running.start()
    running.printed("ready")
    launcher.terminate()
    assert launcher.wait(30) == 0
    assert running.exit is not None
    assert running.exit.signal == signal.SIGTERM


def test_a_cancel_before_the_script_starts_keeps_it_from_starting(job: Callable[..., Job]) -> None:
    early = job("sh", "-c", "echo run")
    with open(early.folder / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        launcher = early.start()
        wait_for(lambda: _waits_for(launcher.pid, early.folder / "lock"), "the launcher at the lock")
        launcher.terminate()
        fcntl.flock(held, fcntl.LOCK_UN)
        assert launcher.wait(60) == 0
    assert early.output == ""
    assert early.exit is not None
    assert (early.exit.canceled, early.exit.exit_code, early.exit.signal) == (True, None, None)


def test_a_job_whose_time_is_over_is_ended(job: Callable[..., Job]) -> None:
    record = job("sh", "-c", "exec sleep 60", max_seconds=0.3).run()
    assert (record.timed_out, record.canceled, record.signal) == (True, False, signal.SIGTERM)
    assert 0.3 <= record.seconds < 10


HELPER = """
import os, signal, sys, time
name, ignore = sys.argv[1], sys.argv[2] == "ignore"
def hear(*_):
    open(name + ".heard", "a").write("TERM\\n")
    if not ignore: os._exit(0)
signal.signal(signal.SIGTERM, hear)
open(name + ".tmp", "w").write(str(os.getpid())); os.rename(name + ".tmp", name)
while True: time.sleep(60)
"""

FAMILY = """
import os, signal, subprocess, sys, time
def start(name, how, **options):
    subprocess.Popen([sys.executable, "helper.py", name, how], **options)
start("in-group", "polite")
start("own-session", "polite", start_new_session=True)
start("deaf", "ignore", start_new_session=True)
if os.fork() == 0:           # the classic daemon: forked twice, its parent gone
    os.setsid()
    start("daemon", "polite")
    os._exit(0)
os.wait()
names = ["in-group", "own-session", "deaf", "daemon"]
while not all(map(os.path.exists, names)): time.sleep(0.01)
print("ready")
"""


@pytest.mark.slow
@linux
@pytest.mark.parametrize(
    "how", ["canceled", *(pytest.param(how, marks=pytest.mark.slow) for how in ("ended by itself", "crashed"))]
)
def test_no_process_of_a_job_outlives_it(script: Callable[..., Job], how: str) -> None:
    last = {"canceled": "time.sleep(60)", "ended by itself": "", "crashed": "os.kill(os.getpid(), 9)"}[how]
    running = script(FAMILY + last, grace_seconds=1.0)
    (running.folder / "helper.py").write_text(HELPER)
    launcher = running.start()
    running.printed("ready")
    family = [Identity.of(running.pid(name).pid) for name in ("in-group", "own-session", "deaf", "daemon")]
    if how == "canceled":
        launcher.terminate()
    assert launcher.wait(60) == 0
    assert not [member for member in family if member and processes.alive(member)]
    assert running.exit is not None
    assert running.exit.canceled == (how == "canceled")
    assert running.exit.left_behind == ()
    assert running.exit.exit_code == (0 if how == "ended by itself" else None)
    for name in ("in-group", "own-session", "deaf", "daemon"):  # each was asked, and asked once
        assert (running.folder / f"{name}.heard").read_text() == "TERM\n"


def test_what_is_about_to_finish_when_the_script_ends_may_finish(job: Callable[..., Job]) -> None:
    done = job("bash", "-c", "seq 2000 > >(sleep 0.1; cat)")
    if not shutil.which("bash"):
        pytest.skip("needs bash")
    assert done.run().exit_code == 0
    assert done.output.split() == [str(n) for n in range(1, 2001)]


@linux
def test_a_killed_launcher_takes_its_script_with_it(job: Callable[..., Job]) -> None:
    running = job("sh", "-c", "echo ready; exec sleep 60")
    launcher = running.start()
    running.printed("ready")
    started = wait_for(
        lambda: (s := processes.read_started(running.folder / "started")) and s.child and s, "the script's number"
    )
    launcher.kill()
    assert processes.wait_gone(started.child, 10)
    assert not processes.lock_is_held(running.folder / "lock")
    assert running.exit is None


def test_the_launcher_survives_whoever_started_it_and_a_hangup(job: Callable[..., Job]) -> None:
    running = job("sh", "-c", "echo ready; while [ ! -e go ]; do sleep 0.02; done; echo done")
    (running.folder / "launch.json").write_text(json.dumps(running.request))
    command = [sys.executable, "-I", "-S", str(LAUNCHER), str(running.folder / "launch.json")]
    dispatcher = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, time; subprocess.Popen({command!r}, start_new_session=True); time.sleep(60)",
        ]
    )
    running.printed("ready")
    started = processes.read_started(running.folder / "started")
    assert started is not None
    dispatcher.kill()
    dispatcher.wait(10)
    assert processes.send_signal(started.launcher, signal.SIGHUP)
    assert processes.send_signal(started.launcher, signal.SIGPIPE)
    (running.folder / "go").touch()
    assert processes.wait_gone(started.launcher, 30)
    assert running.output == "ready\ndone\n"
    assert running.exit is not None
    assert running.exit.exit_code == 0


# ---------------------------------------------------------------------------------------------------------- leases


def test_the_launcher_holds_what_it_was_given_and_the_job_does_not(script: Callable[..., Job], tmp_path: Path) -> None:
    path = tmp_path / "device"
    with open(path, "w") as mine:
        fcntl.flock(mine, fcntl.LOCK_EX)
        running = script("""
            import os, sys, time
            print(sorted(os.listdir("/dev/fd"))[:4], "ready")
            time.sleep(60)
        """)
        running.request["held_fds"] = [mine.fileno()]
        launcher = running.start()
        running.printed("ready")
        assert str(mine.fileno()) not in running.output
    assert processes.lock_is_held(path)
    launcher.terminate()
    launcher.wait(60)
    assert not processes.lock_is_held(path)


@linux
def test_a_killed_launcher_frees_what_it_held(job: Callable[..., Job], tmp_path: Path) -> None:
    path = tmp_path / "device"
    with open(path, "w") as mine:
        fcntl.flock(mine, fcntl.LOCK_EX)
        running = job("sh", "-c", "(setsid sleep 60 &); echo ready; exec sleep 60")
        running.request["held_fds"] = [mine.fileno()]
        launcher = running.start()
        running.printed("ready")
    launcher.kill()
    launcher.wait(10)
    assert not processes.lock_is_held(path)


# --------------------------------------------------------------------------------------------------- a full disk


def test_the_end_is_recorded_on_a_disk_that_the_job_has_filled(small_disk: Path) -> None:
    filled = Job(small_disk / "job", ["sh", "-c", "cat /dev/zero > zeros || exit 5"])
    assert filled.start().wait(60) == 0
    assert filled.exit is not None
    assert filled.exit.exit_code == 5


def test_a_disk_that_is_full_already_starts_nothing(small_disk: Path) -> None:
    tried = Job(small_disk / "job", ["true"])
    (tried.folder / "launch.json").write_text(json.dumps(tried.request))
    with pytest.raises(OSError, match="No space"):
        (small_disk / "zeros").write_bytes(bytes(300_000))
    launcher = tried.start()
    _, complaint = launcher.communicate(timeout=60)
    assert launcher.returncode == supervisor.CANNOT_RECORD
    assert b"No space" in complaint
    assert processes.read_started(tried.folder / "started") is None


# ---------------------------------------------------------------------------------------------------- out of memory


@pytest.fixture
def little_memory() -> Iterator[Path]:
    """A control group of 100 MB."""
    for parent, limit in (("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        group = Path(parent) / f"traindock-test-{uuid.uuid4().hex[:8]}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if not (group / "cgroup.procs").exists():
                raise FileNotFoundError(group)  # a plain folder: nothing is mounted here
            (group / limit).write_text("100000000")
        except OSError:
            group.rmdir()
            continue
        yield group
        members = group / "cgroup.procs"
        wait_for(lambda members=members: not members.read_text().strip(), "the group to be empty")
        group.rmdir()
        return
    pytest.skip("may not make a memory control group here")


def test_a_job_killed_for_memory_is_recorded_as_that(script: Callable[..., Job], little_memory: Path) -> None:
    hungry = script("blocks = [bytearray(20_000_000) for _ in range(20)]; print('survived')")
    record = hungry.run(preexec_fn=lambda: (little_memory / "cgroup.procs").write_text(str(os.getpid())))
    assert (record.signal, record.oom_killed, record.canceled) == (signal.SIGKILL, True, False)
    assert hungry.output == ""


def test_a_kill_by_hand_in_the_same_group_is_not(job: Callable[..., Job], little_memory: Path) -> None:
    record = job("sh", "-c", "kill -9 $$").run(
        preexec_fn=lambda: (little_memory / "cgroup.procs").write_text(str(os.getpid()))
    )
    assert (record.signal, record.oom_killed) == (signal.SIGKILL, False)


# ------------------------------------------------------------------------------------------------ what scripts report


def test_what_bootstrap_wrote_is_part_of_the_record(script: Callable[..., Job]) -> None:
    done = script("""
        import json, sys
        open("error", "r+").write(json.dumps({"type": "ValueError", "message": "no", "traceback": ["x" * 300] * 100}))
        open("lost", "r+b").write((12345).to_bytes(8, "little"))
        sys.exit(1)
    """)
    record = done.run()
    assert record.lost_output_bytes == 12345
    assert record.error is not None
    assert (record.error["type"], record.error["message"]) == ("ValueError", "no")
    assert 0 < len(record.error["traceback"]) < 100  # as much as fits into the room set aside
    assert (done.folder / "exit").stat().st_size == supervisor.RESERVED


def test_a_script_that_reports_nothing_leaves_no_empty_report(job: Callable[..., Job]) -> None:
    done = job("true")
    assert done.run().error is None
    assert not (done.folder / "error").exists()

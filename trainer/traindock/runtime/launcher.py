"""The shim under which every job runs: ``python -I -S launcher.py <driver/launch.json>``.

The dispatcher starts it in a session of its own and forgets it: the launcher survives its dispatcher, and any later
dispatcher learns from three files what happened. It takes an exclusive ``flock`` on the run's lock file and keeps
it for life; it writes a *started* mark before it executes anything, so that no script ever runs twice; it waits
for the script and for everything the script left behind; and it records the end. Standard library only, Python 3.8
or later, and no import of a sibling: it is run by path.

``launch.json`` (an object; all keys but the last two are required)::

    run_id, attempt       for the records
    argv, cwd, env        the job's full command, working directory and complete environment
    stdout                the job's standard output and error are appended here
    lock, started, exit   the three files by which the launcher is known
    grace_seconds         between SIGTERM and SIGKILL
    max_seconds           the job is ended as timed out after this; null: never
    held_fds              inherited descriptors to keep open for life and from the job (GPU leases)
    error, lost           files for bootstrap.py's ``--error`` and ``--lost``, made here before the disk can fill up

``started`` holds run_id, attempt, pid, pid_started, host, boot_id, time and, once the job executes, child_pid and
child_started. ``pid_started`` tells a process from a later one with the same number: clock ticks since boot on
Linux, elsewhere the wall clock (seconds) within two seconds of the start.

``exit`` holds blanks while the job runs (readers take that as absent), then one JSON object::

    exit_code, signal     how the script's own process ended; both null if it never ran or could not be ended
    started, ended        Unix seconds; ``ended`` is ``started`` plus ``seconds``, whatever the clock did meanwhile
    seconds               from the start of the script to its own end, by the monotonic clock
    peak_memory_bytes     resident memory of the job's largest process at its largest
    user_seconds, system_seconds   CPU time of all its processes
    canceled, timed_out   whether the launcher was told to end the job, or its time was over, before it had ended
    oom_killed            whether the kernel killed it for memory
    lost_output_bytes     printed bytes that a full disk did not take
    error                 what bootstrap.py wrote about the exception that ended the script, or null
    launch_error, launch_error_kind   why the job could not be executed, or null: no_working_directory,
                          program_not_found, not_executable, arguments_too_long, no_resources or other
    left_behind           processes that even SIGKILL did not end (another user's, or stuck in the kernel)

SIGTERM or SIGINT to the launcher cancels the job: SIGTERM to its process group and to every descendant, SIGKILL
after the grace time. What a script leaves running when it ends is ended the same way, after a moment in which to
finish by itself. If the launcher itself is killed, the kernel kills the script's process with it (Linux).

Exit codes: 0 the end of the job is recorded; 64 launch.json is wrong; 74 the records cannot be written (disk full);
75 another launcher holds the lock; 76 this attempt has been started before. With all but 0 nothing was executed.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, NoReturn, Tuple

BAD_REQUEST, CANNOT_RECORD, LOCK_TAKEN, STARTED_BEFORE = 64, 74, 75, 76

#: Bytes set aside for the exit record, and for bootstrap.py's error record.
RESERVED = 16384
#: Seconds a dispatcher that only looks whether the lock is held may delay the launcher that takes it.
LOCK_PATIENCE = 0.25
#: Seconds in which processes left by a script that has ended may end by themselves (`tee`, resource trackers).
LINGER = 0.25
#: Seconds after the first SIGKILL at which processes that cannot be ended are left behind.
KILL_PATIENCE = 30.0

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LINUX = sys.platform == "linux"


def main(request_path: str) -> int:
    """Do what ``request_path`` asks for; returns this process's exit code (see the module's text)."""
    signals = _Signals()
    try:
        request = _read_request(request_path)
    except (OSError, ValueError) as error:
        return _refuse(BAD_REQUEST, f"{request_path}: {error}")
    lock = _take_lock(request["lock"])
    if lock is None:
        return _refuse(LOCK_TAKEN, f"{request['lock']} is held by another launcher")
    _reached("launcher.locked")
    if os.path.lexists(request["started"]):
        return _refuse(STARTED_BEFORE, f"{request['started']} is there: started before")
    try:
        output = os.open(request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        exit_file = _reserve(request["exit"], RESERVED)
        if request.get("error"):
            os.close(_reserve(request["error"], RESERVED))
        if request.get("lost"):
            _write_whole(request["lost"], bytes(8))
        started = {
            "run_id": request["run_id"],
            "attempt": request["attempt"],
            "pid": os.getpid(),
            "pid_started": _start_of(os.getpid()),
            "host": os.uname().nodename,
            "boot_id": _read("/proc/sys/kernel/random/boot_id").strip(),
            "time": time.time(),
        }
        _write_whole(request["started"], json.dumps(started).encode())
    except OSError as error:
        return _refuse(CANNOT_RECORD, f"cannot write the job's records, nothing was started: {error}")
    _reached("launcher.started")

    record = _run(request, started, output, signals)
    record["lost_output_bytes"] = int.from_bytes(_read_bytes(request.get("lost"))[:8], "little")
    record["error"] = _take_error(request.get("error"))
    _reached("launcher.ended")
    _record(exit_file, record)
    return 0


def _refuse(code: int, text: str) -> int:
    sys.stderr.write(f"traindock launcher: {text}\n")
    return code


def _read_request(path: str) -> Dict[str, Any]:
    with open(path, "rb") as file:
        request = json.loads(file.read())
    expected = {
        "argv": list, "cwd": str, "env": dict, "stdout": str, "lock": str, "started": str, "exit": str,
        "grace_seconds": (int, float), "held_fds": list, "run_id": str, "attempt": int,
    }  # fmt: skip
    if not isinstance(request, dict):
        raise ValueError("expected an object")
    for key, kind in expected.items():
        if not isinstance(request.get(key), kind):  # type: ignore[arg-type]
            raise ValueError(f"{key!r} is missing or of the wrong kind: {request.get(key)!r}")
    if not request["argv"]:
        raise ValueError("'argv' is empty")
    for fd in request["held_fds"]:
        os.set_inheritable(fd, False)  # the lease ends with the launcher, whatever the job leaves behind
    return request


def _take_lock(path: str) -> int | None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
        if time.monotonic() > deadline:
            return None
        time.sleep(0.005)


# ------------------------------------------------------------------------------------------------ the job's life


class _Signals:
    """What this process has been told, and a way to wait for the next signal."""

    def __init__(self) -> None:
        self.cancel = False
        for fd in range(3):  # were one of these closed, the job's files could land on its number
            try:
                os.fstat(fd)
            except OSError:
                os.open(os.devnull, os.O_RDWR)
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_cancel)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only the wake-up counts
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _on_cancel(self, *_: Any) -> None:
        self.cancel = True

    def wait(self, seconds: float) -> None:
        """Return at the next signal, or after ``seconds``."""
        if select.select([self._reader], [], [], min(max(seconds, 0.0), 3600.0))[0]:
            _quietly(os.read, self._reader, 4096)


def _run(request: Dict[str, Any], started: Dict[str, Any], output: int, signals: _Signals) -> Dict[str, Any]:
    """Execute the job and wait until its last process is gone; returns the record of its end."""
    record: Dict[str, Any] = {"exit_code": None, "signal": None, "launch_error": None, "launch_error_kind": None}
    prctl = _prctl()
    # Orphans become children of this process instead of init's: none gets out of sight, setsid or not.
    gathers = prctl is not None and prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    oom_before = _oom_kills()
    wall, begin = time.time(), time.monotonic()
    limit = request.get("max_seconds")
    job = _Job(signals, float(request["grace_seconds"]), begin + limit if limit is not None else None, gathers)
    if signals.cancel:
        job.canceled, job.ended = True, begin
    else:
        failure = job.start(request, output, prctl)
        if failure:
            record["launch_error_kind"], record["launch_error"] = failure
        else:
            _reached("launcher.spawned")
            started["child_pid"], started["child_started"] = job.pid, _start_of(job.pid)
            # Should this fail, the mark itself is there; only the child's number is missing.
            _quietly(_write_whole, request["started"], json.dumps(started).encode())
            job.follow()
            if job.status is not None:
                if os.WIFSIGNALED(job.status):
                    record["signal"] = os.WTERMSIG(job.status)
                else:
                    record["exit_code"] = os.WEXITSTATUS(job.status)
    killed = not job.kills and (record["signal"] == 9 or record["exit_code"] == 128 + 9)
    seconds = job.ended - begin
    record.update(
        started=wall, ended=wall + seconds, seconds=seconds,
        peak_memory_bytes=job.peak_memory, user_seconds=job.user_seconds, system_seconds=job.system_seconds,
        canceled=job.canceled, timed_out=job.timed_out,
        oom_killed=killed and _oom_kills() > oom_before, left_behind=job.left_behind,
    )  # fmt: skip
    return record


class _Job:
    """The script's process, its group and everything it started."""

    def __init__(self, signals: _Signals, grace: float, deadline: float | None, gathers: bool) -> None:
        self._signals, self._grace, self._deadline, self._gathers = signals, grace, deadline, gathers
        self.pid = 0
        self.status: int | None = None
        self.ended = time.monotonic()
        self.canceled = self.timed_out = False
        self.peak_memory, self.user_seconds, self.system_seconds = 0, 0.0, 0.0
        self.kills = 0
        self.left_behind: List[int] = []
        self._children = True
        self._term_at: float | None = None
        self._kill_at: float | None = None
        self._give_up_at: float | None = None

    def start(
        self, request: Dict[str, Any], output: int, prctl: Callable[..., int] | None
    ) -> Tuple[str, str] | None:
        """Execute the job; returns None, or why it cannot be executed as (kind, text)."""
        reader, writer = os.pipe()
        launcher = os.getpid()
        try:
            self.pid = os.fork()
        except OSError as error:
            return "no_resources", f"the machine cannot start another process: {error.strerror}"
        if self.pid == 0:
            _become(request, output, writer, launcher, prctl)
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            report = file.read()  # empty once exec has closed the other end
        if not report:
            return None
        os.waitpid(self.pid, 0)
        self.ended = time.monotonic()
        return _explain(request, *json.loads(report))

    def follow(self) -> None:
        """Return when no process of the job is left, having ended those that had to be."""
        while True:
            self._reap()
            now = time.monotonic()
            if self.status is not None and not self._any_left():
                return
            if self._give_up_at is not None and now >= self._give_up_at:
                self.left_behind = [pid for pid, _ in self._targets()]
                if self.status is None:
                    self.ended = now
                return
            self._signals.wait(self._advance(now) - now)

    def _advance(self, now: float) -> float:
        """Do what is due at ``now``; returns when to look again if no signal comes before."""
        if self.status is not None:
            if self._term_at is None:
                self._term_at = now + LINGER
        elif self._term_at is None:
            if self._signals.cancel:
                self.canceled, self._term_at = True, now
            elif self._deadline is not None and now >= self._deadline:
                self.timed_out, self._term_at = True, now
        if self._term_at is not None and self._kill_at is None and now >= self._term_at:
            self._send(signal.SIGTERM)
            self._kill_at = now + self._grace
        if self._kill_at is not None and now >= self._kill_at:
            self._send(signal.SIGKILL)
            self.kills += self.status is None
            self._kill_at = now + 0.1  # again: a process may have forked in between
            self._give_up_at = self._give_up_at or now + KILL_PATIENCE
        due = self._kill_at or self._term_at or self._deadline or now + 3600.0
        return due if self._gathers or self.status is None else min(due, now + 0.05)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._children = False
                return
            if pid == 0:
                self._children = True
                return
            unit = 1024 if _LINUX else 1
            self.peak_memory = max(self.peak_memory, usage.ru_maxrss * unit)
            self.user_seconds += usage.ru_utime
            self.system_seconds += usage.ru_stime
            if pid == self.pid:
                self.status, self.ended = status, time.monotonic()

    def _any_left(self) -> bool:
        if self._gathers:
            return self._children
        return bool(self._targets())

    def _targets(self) -> List[Tuple[int, bool]]:
        """Live processes of the job, and of each whether it is in the script's own process group."""
        table = {pid: rest for pid, *rest in _processes()}
        family = {os.getpid()}
        while True:
            more = {pid for pid, (parent, _, _) in table.items() if parent in family} - family
            if not more:
                break
            family |= more
        family.remove(os.getpid())
        if not self._gathers:  # orphans are init's here, but still in the group
            family |= {pid for pid, (_, group, _) in table.items() if group == self.pid}
        return [(pid, table[pid][1] == self.pid) for pid in sorted(family) if not table[pid][2]]

    def _send(self, number: int) -> None:
        """Send a signal once to every process of the job: the group at one stroke, then who has left it."""
        targets = self._targets()
        grouped = [pid for pid, in_group in targets if in_group]
        if grouped or self.status is None:
            _quietly(os.killpg, self.pid, number)
        for pid, in_group in targets:
            if not in_group:
                _quietly(os.kill, pid, number)
        if number == signal.SIGTERM:  # a stopped process cannot hear it otherwise
            for pid, _ in targets:
                _quietly(os.kill, pid, signal.SIGCONT)


def _become(
    request: Dict[str, Any], output: int, report: int, launcher: int, prctl: Callable[..., int] | None
) -> NoReturn:
    """In the forked child: turn into the job, or report why not."""
    step = "prepare"
    try:
        os.setpgid(0, 0)
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != launcher:  # it died before the line above could matter
            os._exit(1)
        for name in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGCHLD", "SIGPIPE", "SIGXFSZ", "SIGTSTP"):
            signal.signal(getattr(signal, name), signal.SIG_DFL)  # exec would keep what is ignored
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        step = "chdir"
        os.chdir(request["cwd"])
        step = "exec"
        os.execvpe(request["argv"][0], request["argv"], request["env"])  # noqa: S606 -- no shell
    except BaseException as error:  # noqa: BLE001 -- nothing may escape into the launcher's own code
        number = error.errno if isinstance(error, OSError) else 0
        os.write(report, json.dumps([step, number, str(error)]).encode())
    finally:
        os._exit(127)


def _explain(request: Dict[str, Any], step: str, number: int, text: str) -> Tuple[str, str]:
    program = request["argv"][0]
    if step == "chdir":
        return "no_working_directory", f"the working directory {request['cwd']} cannot be entered: {text}"
    if step == "exec" and number in (errno.ENOENT, errno.ENOTDIR):
        if os.path.lexists(program):
            return "program_not_found", f"the interpreter that {program} names in its first line is not there"
        return "program_not_found", f"the program {program!r} is not there"
    if step == "exec" and number in (errno.EACCES, errno.EPERM, errno.ENOEXEC, errno.EISDIR):
        return "not_executable", f"{program} cannot be executed: {os.strerror(number)}"
    if number == errno.E2BIG:
        return "arguments_too_long", f"arguments and environment are longer than the system allows: {text}"
    if number in (errno.EAGAIN, errno.ENOMEM):
        return "no_resources", f"the machine has no room for another process: {os.strerror(number)}"
    return "other", f"{program} cannot be executed: {text}"


# ------------------------------------------------------------------------------------------- what the system knows


def _prctl() -> Callable[..., int] | None:
    """prctl(2), or None where there is none or no ctypes to call it with."""
    if not _LINUX:
        return None
    try:
        import ctypes

        function = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]
    return function


def _processes() -> Iterator[Tuple[int, int, int, bool]]:
    """Every process as (pid, parent, process group, whether it is a zombie)."""
    if not _LINUX:
        import subprocess

        for line in subprocess.check_output(["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="]).splitlines():
            pid, parent, group, state = line.split(None, 3)
            yield int(pid), int(parent), int(group), state.startswith(b"Z")
        return
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(name)
            if fields:
                yield int(name), int(fields[1]), int(fields[2]), fields[0] in (b"Z", b"X")


def _stat(pid: str) -> List[bytes]:
    """Fields of /proc/<pid>/stat from the third, the state, on; [] once the process is gone."""
    text = _read_bytes(f"/proc/{pid}/stat")
    return text[text.rindex(b")") + 2 :].split() if b")" in text else []


def _start_of(pid: int) -> float | None:
    fields = _stat(str(pid))
    if fields:
        return int(fields[19])
    return None if _LINUX else time.time()


def _oom_kills() -> int:
    """How many processes the kernel has killed for memory: in this control group, else on the machine."""
    places = []
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            places += [f"/sys/fs/cgroup/memory{path}/memory.oom_control"]
        elif controllers == "":
            places += [f"/sys/fs/cgroup{path}/memory.events"]
    # Next the group's own files where a container hides the path above it.
    places += ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control", "/proc/vmstat"]
    for place in places:
        for line in _read(place).splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return int(value)
    return 0


# ---------------------------------------------------------------------------------------------------------- files


def _quietly(function: Callable[..., Any], *arguments: Any) -> None:
    """Call a function of the system whose failure changes nothing (the process is gone, the file is not there)."""
    try:
        function(*arguments)
    except OSError:
        return


def _read_bytes(path: str | None) -> bytes:
    """Content of a file; empty if there is none."""
    try:
        with open(path or "", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _read(path: str) -> str:
    return _read_bytes(path).decode("utf-8", "replace")


def _reserve(path: str, size: int) -> int:
    """Make a file of ``size`` blanks, on the disk already; returns a descriptor to overwrite it with."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
    blanks = b" " * size
    while blanks:
        blanks = blanks[os.write(fd, blanks) :]
    os.fsync(fd)
    return fd


def _write_whole(path: str, content: bytes) -> None:
    """Write a file that is there whole or not at all, also after a power failure."""
    temporary = f"{path}.{os.getpid()}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _take_error(path: str | None) -> Dict[str, Any] | None:
    """What bootstrap.py wrote about the script's end; a file left blank is removed."""
    text = _read(path or "").strip(" \0\n")
    if path and not text:
        _quietly(os.unlink, path)
    try:
        error = json.loads(text)
    except ValueError:
        return None
    return error if isinstance(error, dict) else None


def _record(fd: int, record: Dict[str, Any]) -> None:
    """Overwrite the reserved blanks in place, which a full disk allows."""
    text = json.dumps(record).encode()
    while len(text) > RESERVED and record["error"]:
        lines = record["error"].get("traceback") or []
        record["error"] = dict(record["error"], traceback=lines[len(lines) // 2 + 1 :]) if lines else None
        text = json.dumps(record).encode()
    for _ in range(30):  # copy-on-write file systems may want new space even so
        try:
            os.pwrite(fd, text.ljust(RESERVED), 0)
            os.fsync(fd)
            return
        except OSError as error:
            _refuse(CANNOT_RECORD, f"cannot record the end of the job yet: {error}")
            time.sleep(1)


def _reached(point: str) -> None:
    """For tests: end this process where ``TRAINDOCK_FAULT`` says so (see ``traindock.faultpoints``)."""
    if os.environ.get("TRAINDOCK_FAULT") == point + ":kill":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""The processes of a job, for ``supervisor``: starting them, following them, ending the last of them.

Standard library only, Python 3.8 or later.
"""

from __future__ import annotations

import errno
import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import Any, Callable, Dict, Iterator, List, NoReturn, Tuple
else:
    try:
        import _signal as signal  # `signal` without its enums, which take 5 ms to build at the start of each job
    except ImportError:
        import signal

#: Seconds in which processes left by a script that has ended may end by themselves (`tee`, resource trackers).
LINGER = 0.25
#: Seconds after the first SIGKILL at which processes that cannot be ended are left behind.
KILL_PATIENCE = 30.0

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LINUX = sys.platform == "linux"
_OOM_CONTROL = "memory.oom_control"
_NO_LIMIT = 1 << 60


class Signals:
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
            quietly(os.read, self._reader, 4096)


class Job:
    """The script's process, its group and everything it started."""

    def __init__(self, signals: Signals, grace: float, deadline: float | None) -> None:
        self._signals, self._grace, self._deadline = signals, grace, deadline
        self._prctl = _prctl()
        # Orphans become children of this process instead of init's: none gets out of sight, setsid or not.
        self._gathers = self._prctl is not None and self._prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
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

    def start(self, request: Dict[str, Any], output: int) -> Tuple[str, str] | None:
        """Execute the job; returns None, or why it cannot be executed as (kind, text)."""
        reader, writer = os.pipe()
        launcher = os.getpid()
        try:
            self.pid = os.fork()
        except OSError as error:
            return "no_resources", f"the machine cannot start another process: {error.strerror}"
        if self.pid == 0:
            _become(request, output, writer, launcher, self._prctl)
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            report = file.read()  # empty once exec has closed the other end
        if not report:
            return None
        os.waitpid(self.pid, 0)
        self.ended = time.monotonic()
        step, number, text = report.decode().split("\n", 2)
        return _explain(request, step, int(number), text)

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
            quietly(os.killpg, self.pid, number)
        for pid, in_group in targets:
            if not in_group:
                quietly(os.kill, pid, number)
        if number == signal.SIGTERM:  # a stopped process cannot hear it otherwise
            for pid, _ in targets:
                quietly(os.kill, pid, signal.SIGCONT)


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
        _execute(request["argv"], request["env"])
    except BaseException as error:  # noqa: BLE001 -- nothing may escape into the launcher's own code
        number = error.errno if isinstance(error, OSError) else 0
        os.write(report, f"{step}\n{number}\n{error}".encode("utf-8", "replace"))
    finally:
        os._exit(127)


def _execute(argv: List[str], variables: Dict[str, str]) -> NoReturn:
    """Turn into the program, looked for as a shell does; unlike ``os.execvpe``, closed folders say nothing about it."""
    program = argv[0]
    refused: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    for folder in [""] if "/" in program else os.get_exec_path(variables):
        path = os.path.join(folder, program)
        try:
            os.execve(path, argv, variables)  # noqa: S606 -- no shell
        except (FileNotFoundError, NotADirectoryError):
            pass
        except PermissionError as error:
            if os.path.lexists(path):
                refused = error
    raise refused


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
    text = read_bytes(f"/proc/{pid}/stat")
    return text[text.rindex(b")") + 2 :].split() if b")" in text else []


def start_of(pid: int) -> float | None:
    """When a process started, in the unit of the started mark; None once it is gone (Linux)."""
    fields = _stat(str(pid))
    if fields:
        return int(fields[19])
    return None if _LINUX else time.time()


def oom_kills() -> int:
    """How many processes the kernel has killed for memory: in this control group, else on the machine."""
    places = [os.path.join(folder, name) for folder in _memory_groups() for name in ("memory.events", _OOM_CONTROL)]
    for place in [*places, "/proc/vmstat"]:
        for line in _read(place).splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return int(value)
    return 0


def group_memory() -> Tuple[int | None, int | None]:
    """How many bytes this control group may use, and has used at most; None where there is no such limit or count."""
    for folder in _memory_groups():
        for limit, peak in (("memory.max", "memory.peak"), ("memory.limit_in_bytes", "memory.max_usage_in_bytes")):
            if os.path.exists(os.path.join(folder, limit)):
                return _amount(os.path.join(folder, limit)), _amount(os.path.join(folder, peak))
    return None, None


def _memory_groups() -> List[str]:
    """Folders in which this process's control group for memory may be, the most certain first."""
    places = []
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            places.append(f"/sys/fs/cgroup/memory{path}")
        elif controllers == "":
            places.append(f"/sys/fs/cgroup{path}")
    # Next the group's own files where a container hides the path above it.
    return [*places, "/sys/fs/cgroup", "/sys/fs/cgroup/memory"]


def _amount(path: str) -> int | None:
    """A number of bytes that is one, and not the kernel's word or number for "all"."""
    text = _read(path).strip()
    return int(text) if text.isdigit() and int(text) < _NO_LIMIT else None


def quietly(function: Callable[..., Any], *arguments: Any) -> None:
    """Call a function of the system whose failure changes nothing (the process is gone, the file is not there)."""
    try:
        function(*arguments)
    except OSError:
        return


def _read(path: str) -> str:
    return read_bytes(path).decode("utf-8", "replace")


def read_bytes(path: str | None) -> bytes:
    """Content of a file; empty if there is none."""
    try:
        with open(path or "", "rb") as file:
            return file.read()
    except OSError:
        return b""

"""Processes of this machine: who they are, whether they live, and ending them without ever hitting another.

A process number alone names nothing for long: the system gives it to another process later, and after a restart of
the machine to any. Everything here goes by an :class:`Identity`, and a signal is sent through a descriptor of the
process (pidfd, Linux) whose identity was checked after it was opened, so that not even a number that is reused in
that very moment leads to the wrong one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_LINUX = sys.platform == "linux"
#: Seconds between two looks where the system cannot tell us of a process's end.
_POLL = 0.02
#: Seconds by which a start time taken from the wall clock (not Linux) may differ for the same process.
_TOLERANCE = 2.0


@dataclass(frozen=True, slots=True)
class Identity:
    """One process for all time.

    Attributes:
        pid: its number.
        started: on Linux the clock ticks since boot at which it started, elsewhere Unix seconds.
        boot_id: the boot of the machine it belongs to; "" where the system has no name for that.
    """

    pid: int
    started: float
    boot_id: str = ""

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """Return the identity of the live process ``pid``, or None where there is none."""
        started = _started(pid)
        return None if started is None else cls(pid, started, boot_id())


@dataclass(frozen=True, slots=True)
class Started:
    """The launcher's mark that a job was started, see ``runtime.launcher``.

    Attributes:
        launcher: the process that holds the run's lock.
        child: the script's own process; None until it executes.
        host: name of the machine.
        time: Unix seconds.
    """

    launcher: Identity
    child: Identity | None
    host: str
    time: float


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """How a job ended, see ``runtime.launcher`` for what each value means."""

    exit_code: int | None
    signal: int | None
    started: float
    ended: float
    seconds: float
    peak_memory_bytes: int = 0
    user_seconds: float = 0.0
    system_seconds: float = 0.0
    canceled: bool = False
    timed_out: bool = False
    oom_killed: bool = False
    oom_kills: int = 0
    memory_limit_bytes: int | None = None
    memory_peak_bytes: int | None = None
    lost_output_bytes: int = 0
    error: dict[str, Any] | None = None
    launch_error: str | None = None
    launch_error_kind: str | None = None
    left_behind: tuple[int, ...] = ()


@cache
def boot_id() -> str:
    """Return the name of this boot of the machine; "" where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def alive(identity: Identity) -> bool:
    """Whether exactly this process is still running. One that has ended but was not waited for is not."""
    if identity.boot_id and identity.boot_id != boot_id():
        return False
    started = _started(identity.pid)
    if started is None:
        return False
    return started == identity.started if _LINUX else abs(started - identity.started) <= _TOLERANCE


def send_signal(identity: Identity, number: int) -> bool:
    """Send a signal to exactly this process.

    Returns:
        Whether it was sent; False where the process is gone, or belongs to somebody else.
    """
    if not alive(identity):
        return False
    try:
        fd = _open_process(identity.pid)
        if fd is None:
            os.kill(identity.pid, number)
            return True
        try:
            if not alive(identity):  # the number may have changed hands before the descriptor was opened
                return False
            signal.pidfd_send_signal(fd, number)
            return True
        finally:
            os.close(fd)
    except (ProcessLookupError, PermissionError):
        return False


def signal_launcher(identity: Identity) -> bool:
    """Ask a launcher to end its job: SIGTERM to all its processes, SIGKILL after the job's grace time.

    May be called at any time and repeatedly. Returns False where the launcher is gone.
    """
    return send_signal(identity, signal.SIGTERM)


def terminate(identity: Identity, grace_seconds: float) -> bool:
    """End a process: SIGTERM, and SIGKILL if it is still there after ``grace_seconds``; waits for its end.

    Returns:
        Whether it is gone; False after ten more seconds, or where it belongs to somebody else.
    """
    if not send_signal(identity, signal.SIGTERM):
        return not alive(identity)
    if wait_gone(identity, grace_seconds):
        return True
    send_signal(identity, signal.SIGKILL)
    return wait_gone(identity, 10.0)


def wait_gone(identity: Identity, timeout: float | None = None, also: int | None = None) -> bool:
    """Block until exactly this process has ended.

    Args:
        identity: any process, child or not.
        timeout: seconds to wait at most; None: for ever.
        also: a descriptor; where it becomes readable, wait no longer. Not everywhere can it be looked at meanwhile.

    Returns:
        Whether it has ended.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        fd = _open_process(identity.pid)
    except OSError:
        fd = None
    try:
        while alive(identity):
            left = math.inf if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return False
            if fd is None:
                time.sleep(min(_POLL, left))
            else:
                poll = select.poll()  # not select(), which refuses descriptors over 1023
                poll.register(fd, select.POLLIN)
                if also is not None:
                    poll.register(also, select.POLLIN)
                if also in [ready for ready, _ in poll.poll(math.ceil(min(left, 3600.0) * 1000))]:
                    return not alive(identity)
        return True
    finally:
        if fd is not None:
            os.close(fd)


def _open_process(pid: int) -> int | None:
    """A descriptor of a process; None where the system has none (not Linux, an old kernel, some containers)."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError:
        return None


def lock_is_held(path: Path | str) -> bool:
    """Whether some process holds the ``flock`` on a file; False where there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)  # and with it the lock, if it was free: launchers wait longer than that
    return False


def processes_of_job(run_id: str, attempt: int) -> list[Identity]:
    """Return this user's live processes that carry the job's name in their environment, but never the caller."""
    import psutil

    wanted = {"TRAINDOCK_RUN_ID": run_id, "TRAINDOCK_ATTEMPT": str(attempt)}
    uid = os.getuid()
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.uids().real != uid:
                continue
            identity = Identity.of(process.pid)
            environment = process.environ()
        except (psutil.Error, OSError):
            continue
        if identity is not None and all(environment.get(key) == value for key, value in wanted.items()):
            found.append(identity)
    return found


def kill_job(
    run_id: str, attempt: int, timeout: float = 10.0, *, also: Callable[[], Iterable[Identity]] = tuple
) -> list[Identity]:
    """SIGKILL what is left of a job whose launcher died without ending it.

    Args:
        run_id: the run.
        attempt: its attempt.
        timeout: seconds.
        also: returns processes that belong to it for other reasons than their environment.

    Returns:
        Processes that are still there after ``timeout`` seconds; normally none.
    """
    deadline = time.monotonic() + timeout
    while True:
        # Once more after each round, since they may have forked meanwhile; parents first, that none sees its child end.
        left = sorted({*processes_of_job(run_id, attempt), *also()}, key=lambda one: (one.started, one.pid))
        if not left or time.monotonic() > deadline:
            return left
        for identity in left:
            send_signal(identity, signal.SIGKILL)
        for identity in left:
            wait_gone(identity, max(0.0, deadline - time.monotonic()))


def descendants(pids: Iterable[int]) -> set[Identity]:
    """Return all descendants of processes, as far as Linux tells them without a look at every process."""
    found: set[Identity] = set()
    pending = list(pids)
    while pending:
        for file in Path("/proc", str(pending.pop()), "task").glob("*/children"):
            with contextlib.suppress(OSError, ValueError):
                for pid in map(int, file.read_text().split()):
                    identity = Identity.of(pid)
                    if identity is not None and identity not in found:
                        found.add(identity)
                        pending.append(pid)
    return found


def read_started(path: Path | str) -> Started | None:
    """Return the launcher's mark, or None where the job was never started.

    A mark that cannot be read is still a mark: it comes back with process number 0, which is never alive.
    """
    values = _read_object(path)
    if values is None:
        return Started(Identity(0, 0.0), None, "", 0.0) if os.path.lexists(path) else None
    boot = str(values.get("boot_id") or "")

    def identity(pid: str, started: str) -> Identity | None:
        if not isinstance(values.get(pid), int) or not isinstance(values.get(started), int | float):
            return None
        return Identity(values[pid], values[started], boot)

    launcher = identity("pid", "pid_started") or Identity(0, 0.0, boot)
    return Started(
        launcher,
        identity("child_pid", "child_started"),
        str(values.get("host", "")),
        float(values.get("time") or 0.0),
    )


def read_exit(path: Path | str) -> ExitRecord | None:
    """Return how a job ended, or None while it runs, and for good if its launcher was killed."""
    values = _read_object(path)
    if values is None:
        return None
    try:
        known = {name: values[name] for name in ExitRecord.__slots__ if name in values}
        return ExitRecord(**{**known, "left_behind": tuple(known.get("left_behind", ()))})
    except TypeError:
        return None


def _read_object(path: Path | str) -> dict[str, Any] | None:
    try:
        values = json.loads(Path(path).read_bytes().strip(b" \0\n") or b"null")
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _started(pid: int) -> float | None:
    """When the live process ``pid`` started, in the unit of :class:`Identity`; None where there is none."""
    if pid <= 0:
        return None
    if _LINUX:
        try:
            text = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return None
        fields = text[text.rindex(b")") + 2 :].split()
        return None if fields[0] in (b"Z", b"X") else int(fields[19])
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None

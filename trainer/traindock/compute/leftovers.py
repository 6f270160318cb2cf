"""What is left of a job whose launcher was killed: processes that dropped the job's variables are found as well.

While the launcher lives, all that the job started is below it, for orphans become its children; so whoever follows a
job looks there once a second. For what was started since, or where no dispatcher was there to look: processes of the
launcher's session, processes that write into the job's log, and the descendants of all these.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Final

from traindock.compute.processes import Identity, Started, alive, boot_id, descendants, kill_job

_LOOK_SECONDS: Final = 1.0


class Leftovers:
    """The processes of one job.

    Args:
        run_id: the run.
        attempt: its attempt.
        stdout: the file that the job's output goes to.
    """

    def __init__(self, run_id: str, attempt: int, stdout: Path) -> None:
        self._run_id, self._attempt, self._stdout = run_id, attempt, stdout
        self._seen: set[Identity] = set()
        self._looked = -_LOOK_SECONDS

    def look(self, launcher: Identity) -> None:
        """Remember what is below the launcher now, at most once a second (Linux)."""
        if time.monotonic() - self._looked < _LOOK_SECONDS or not alive(launcher):
            return
        self._looked = time.monotonic()
        found = descendants([launcher.pid])
        if alive(launcher):  # else its children were init's already
            self._seen = found

    def kill(self, started: Started | None, timeout: float = 10.0) -> list[Identity]:
        """SIGKILL all of them; returns those that are still there after ``timeout`` seconds, normally none."""
        return kill_job(self._run_id, self._attempt, timeout, also=lambda: self._others(started))

    def _others(self, started: Started | None) -> set[Identity]:
        found = {process for process in self._seen if alive(process)}
        found |= _of_session(started.launcher) if started is not None else set()
        found |= _writers(self._stdout)
        found |= descendants(process.pid for process in found)
        self._seen |= found  # the parents of some may be gone at the next look
        return found


def _of_session(launcher: Identity) -> set[Identity]:
    """The launcher's session. Its number is given to nobody else while a process of the session lives."""
    if launcher.pid <= 0 or launcher.boot_id != boot_id():
        return set()
    leader = Identity.of(launcher.pid)
    if leader is not None and leader != launcher:  # given to somebody else: nobody of the session is left
        return set()
    found = set()
    for pid in _own_processes():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == launcher.pid and (identity := Identity.of(pid)) is not None:
                found.add(identity)
    return found


def _writers(stdout: Path) -> set[Identity]:
    """Processes whose standard output or error is this file (Linux)."""
    if sys.platform != "linux":
        return set()
    found = set()
    for pid in _own_processes():
        for fd in (1, 2):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/fd/{fd}").samefile(stdout) and (identity := Identity.of(pid)) is not None:
                    found.add(identity)
    return found


def _own_processes() -> list[int]:
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.uids().real == os.getuid():
                found.append(process.pid)
    return found

"""A run whose work is done by a process that was there before: it holds the run's lock and records the end itself.

The files are those of the launcher (see ``runtime.launcher``): a lock that is held for as long as the run goes on, a
mark that it was started, and an exit record. So whoever follows it learns the same things as about a job: that it
goes on, how it ended, or that its process vanished. What is different: nobody may ever end that process.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from traindock.compute import processes
from traindock.compute.base import Outcome
from traindock.errors import StoreException
from traindock.store.files import write_json
from traindock.store.layout import RunLayout

#: Bytes set aside for the exit record, so that a full disk cannot keep a run from ending.
RESERVED: Final = 16384
_LOOK_SECONDS: Final = 1.0


class Hold:
    """This process's hold on one run, from before the run is published until it ends.

    Args:
        layout: the run's folder, which may still have its unfinished name: the lock moves with it.
        run_id: the run.

    Raises:
        StoreException: the disk refuses.
    """

    def __init__(self, layout: RunLayout, run_id: str) -> None:
        self._lock = -1
        self._began = time.time(), time.monotonic()
        own = processes.Identity.of(os.getpid())
        assert own is not None
        try:
            self._lock = os.open(layout.launch_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            layout.exit_json.write_bytes(b" " * RESERVED)
            write_json(
                layout.started_json,
                {
                    "run_id": run_id,
                    "attempt": 1,
                    "pid": own.pid,
                    "pid_started": own.started,
                    "host": socket.gethostname(),
                    "boot_id": own.boot_id,
                    "time": self._began[0],
                },
            )
        except OSError as error:
            self.drop()
            raise StoreException(f"cannot mark the run as started in {layout.driver}: {error.strerror}") from error
        except BaseException:
            self.drop()
            raise

    def end(
        self, layout: RunLayout, exit_code: int, error: Mapping[str, Any] | None = None, *, canceled: bool = False
    ) -> None:
        """Record how the run ended, and let go of it.

        Args:
            layout: the run's folder, under its final name.
            exit_code: 0 for a good end.
            error: "type", "message" and, where there is one, "traceback" (a list of lines).
            canceled: the run ends because somebody asked for that.

        Raises:
            StoreException: the disk refuses; the run is still held, and ending it can be tried again.
        """
        wall, monotonic = self._began
        seconds = time.monotonic() - monotonic
        record = {
            "exit_code": exit_code,
            "signal": None,
            "started": wall,
            "ended": wall + seconds,
            "seconds": seconds,
            "canceled": canceled,
            "error": dict(error) if error is not None else None,
        }
        try:
            fd = os.open(layout.exit_json, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.pwrite(fd, fitted(record).ljust(RESERVED), 0)
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as failure:
            raise StoreException(f"the end of the run cannot be recorded: {failure.strerror}") from failure
        # Not by closing alone: a process that was forked by C code still has the file open.
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        self.drop()

    def drop(self) -> None:
        """Close the lock. In a fork that leaves the hold to the parent; in the holder it is as if it had died."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def fitted(record: dict[str, Any]) -> bytes:
    """Return an exit record as JSON of at most :data:`RESERVED` bytes; what an error says is shortened for that."""
    text = json.dumps(record).encode()
    while len(text) > RESERVED and record["error"]:
        error = record["error"]
        lines = list(error.get("traceback") or ())
        if lines:
            error = {**error, "traceback": lines[len(lines) // 2 + 1 :]}
        else:
            error = {
                name: str(error.get(name, ""))[: 1000 if name == "message" else 200] for name in ("type", "message")
            }
        record = {**record, "error": error}
        text = json.dumps(record).encode()
    return text


def follow(layout: RunLayout, tick: Callable[[], None], news: threading.Event) -> Outcome:
    """Block until nobody holds the run any more.

    Args:
        layout: the run's folder.
        tick: called every second and whenever there are news; may raise to stop following.
        news: set whenever something about the run has changed, such as its process letting go of it. That the process
            died is not said by anybody, and looked for every second.
    """
    while processes.lock_is_held(layout.launch_lock):
        tick()
        news.wait(_LOOK_SECONDS)
        news.clear()
    found = processes.read_exit(layout.exit_json)
    return Outcome(asdict(found) if found is not None else None)


def logged_bytes(layout: RunLayout) -> int:
    """Return how much of the run's metrics there is, to see cheaply whether it is more than before."""
    total = 0
    for file in itertools.chain(layout.metrics.glob("*/*"), layout.imported.glob("*/*")):
        with contextlib.suppress(OSError):
            total += file.stat().st_size
    return total


def note_failure(layout: RunLayout, text: str) -> None:
    """Keep why a run failed as its log, where those look who look for the log of a failed run."""
    with contextlib.suppress(OSError):  # the reason itself is in the record
        fd = os.open(layout.stdout, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text if text.endswith("\n") else f"{text}\n")

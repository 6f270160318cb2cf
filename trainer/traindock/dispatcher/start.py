"""Starting a workspace's dispatcher when there is work, and finding out whether there is one."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from traindock import settings
from traindock._version import __version__
from traindock.compute.processes import lock_is_held
from traindock.errors import StoreException
from traindock.store.files import read_json
from traindock.store.layout import WorkspaceLayout
from traindock.store.ownership import is_elsewhere

if TYPE_CHECKING:
    from traindock.compute.processes import Identity

_OWN_VARIABLES = ("TRAINDOCK_LEASE_DIR", "TRAINDOCK_GPU_DEVICES", "TRAINDOCK_FAULT", "TRAINDOCK_FAULT_ONCE")

# How often whoever waits looks whether there is a dispatcher, and after how many that died one after the other they
# are told: one may have been killed by chance.
_LOOK_SECONDS = 2.0
_ENOUGH: Final = 3
_LAST_BYTES: Final = 20_000
#: Seconds for which a dispatcher that finds the lock taken waits for it. Whoever has started one trusts for as long
#: that it will be at work soon, and no longer: it may have left in vain since.
LOCK_PATIENCE_SECONDS: Final = 5.0
_LOG_PREFIX: Final = re.compile(r"^[-\d]+ [:,\d]+ [A-Z]+ \d+ \w+: ")


@dataclass(frozen=True, slots=True)
class _Started:
    """A dispatcher that this process has started, with when (monotonic) and where its words begin in the log."""

    process: subprocess.Popen[bytes]
    root: Path
    since: float
    log_offset: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why no run of a workspace goes on.

    Attributes:
        message: what is wrong, with the folder of the workspace.
        advice: what to do next.
    """

    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.message}. {self.advice}"


# Kept so that the interpreter reaps them instead of warning about children left behind.
_started: list[_Started] = []
# By workspace, those in a row that ended with an error.
_dead: dict[Path, list[_Started]] = {}
# By workspace, why the last one could not even be started, and what to do about that.
_refused: dict[Path, tuple[str, str]] = {}
# By workspace, when somebody who waits has looked last (monotonic).
_looked: dict[Path, float] = {}
# For the four above. A fork, which may come while another thread holds it, gets one of its own.
_guard = threading.RLock()


def _renew_guard() -> None:
    global _guard
    _guard = threading.RLock()


os.register_at_fork(after_in_child=_renew_guard)


class Upkeep:
    """Keeps a dispatcher at work while somebody waits for a run of the workspace, or looks at its runs.

    All that do so in one process look together, every other second.
    """

    def __init__(self, layout: WorkspaceLayout) -> None:
        self._layout = layout
        self._told = False

    def look(self) -> str:
        """Start a dispatcher if there is none; call it as often as you like.

        Returns:
            What is to be told, once: dispatchers die as soon as they are started, and of what, or none can be started.
            Else "".

        Raises:
            StoreException: at the first look that finds that none can be started.
        """
        with _guard:
            now = time.monotonic()
            if now - _looked.get(self._layout.root, -math.inf) >= _LOOK_SECONDS:
                _looked[self._layout.root] = now
                ensure(self._layout)
            found = trouble(self._layout)
            told, self._told = self._told, found is not None
            return str(found) if found is not None and not told else ""


def trouble(layout: WorkspaceLayout) -> Trouble | None:
    """Return why no dispatcher gets to work, as far as this process has found by starting some; starts none."""
    with _guard:
        _reap()
        dead, refused = _dead.get(layout.root, []), _refused.get(layout.root)
        if refused is None and len(dead) < _ENOUGH:
            return None
        if is_running(layout):  # another process was luckier
            _forget_trouble(layout.root)
            return None
        log = layout.dispatcher_log
        if refused is not None:
            reason, advice = refused
            why = f"no dispatcher can be started: {reason}"
        else:
            words = _last_words(log, dead[-1].log_offset) or f"exit code {dead[-1].process.returncode}"
            why = f"the dispatcher ends as soon as it is started: {words.rstrip('.')}"
            advice = f"All it said is in {log}"
        return Trouble(
            f"no run of {layout.root} goes on, since {why}",
            f"{advice}; 'traindock doctor' looks for what may be wrong. It is started again every few seconds.",
        )


def ensure(layout: WorkspaceLayout) -> None:
    """Make sure that a dispatcher of at least this version is at work, or soon will be; returns without waiting for it.

    Does nothing where another host has the workspace, silent or not: whoever only looks takes nothing over.
    """
    if is_elsewhere(layout):
        return
    with _guard:
        _reap()
        if not is_running(layout):
            if not _is_starting(layout):
                start(layout)
            return
        _forget_trouble(layout.root)
        if _older(_running_version(layout), __version__) and not _is_starting(layout):
            _ask_to_leave(layout)
            start(layout)


def is_running(layout: WorkspaceLayout) -> bool:
    """Whether a dispatcher holds the workspace's lock."""
    return lock_is_held(layout.dispatcher_lock)


def start(layout: WorkspaceLayout) -> None:
    """Start a dispatcher, detached from this process; if there is one already, the new one leaves by itself."""
    command = [*_scope(), sys.executable, "-P", "-m", "traindock.dispatcher", str(layout.root)]
    advice = f"It has to be able to write {layout.dispatcher_log}"
    try:
        log = os.open(layout.dispatcher_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            offset = os.fstat(log).st_size
            advice = "The machine has no memory or no process left for it, or it is not allowed"
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )
        finally:
            os.close(log)
    except OSError as error:
        with _guard:
            _refused[layout.root] = (error.strerror or str(error), advice)
        raise StoreException(f"cannot start the dispatcher of {layout.root}: {error.strerror}") from error
    with _guard:
        _refused.pop(layout.root, None)
        _started.append(_Started(process, layout.root, time.monotonic(), offset))


def _is_starting(layout: WorkspaceLayout) -> bool:
    """Whether one that this process has started may take the lock soon; one that was at work already will not."""
    at_work = _running_process(layout)
    patience = min(LOCK_PATIENCE_SECONDS, _idle_seconds(layout))  # what is older may be leaving already
    return any(
        each.root == layout.root
        and time.monotonic() - each.since < patience
        and each.process.poll() is None
        and (at_work is None or each.process.pid != at_work.pid)
        for each in _started
    )


def _idle_seconds(layout: WorkspaceLayout) -> float:
    try:
        return settings.load(layout.settings).dispatcher.idle_seconds
    except StoreException:  # the dispatcher takes the default too
        return settings.DispatcherSettings().idle_seconds


def _reap() -> None:
    ended = [each for each in _started if each.process.poll() is not None]
    _started[:] = [each for each in _started if each not in ended]
    for each in ended:
        if each.process.returncode == 0:
            _dead.pop(each.root, None)
        else:
            _dead[each.root] = [*_dead.get(each.root, []), each][-_ENOUGH:]


def _forget_trouble(root: Path) -> None:
    _dead.pop(root, None)
    _refused.pop(root, None)


def _last_words(log: Path, offset: int) -> str:
    """Return the last line that was written into the log since ``offset``, without time and process."""
    try:
        with open(log, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(offset if offset <= size else 0, size - _LAST_BYTES))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((_LOG_PREFIX.sub("", line) for line in reversed(lines) if line.strip()), "")


def _environment() -> dict[str, str]:
    """This process's variables, without those of a job that it may be part of."""
    return {
        name: value for name, value in os.environ.items() if name in _OWN_VARIABLES or not name.startswith("TRAINDOCK_")
    }


def _scope() -> list[str]:
    """Leave the server's control group where systemd would end everything in it with the server."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if sys.platform == "linux" and runtime and Path(runtime, "systemd", "private").exists():
        program = shutil.which("systemd-run")
        if program:
            return [program, "--user", "--scope", "--quiet", "--collect"]
    return []


def _running_version(layout: WorkspaceLayout) -> str:
    try:
        return str(read_json(layout.dispatcher_json)["version"])
    except (FileNotFoundError, StoreException, KeyError, TypeError):
        return __version__


def _older(version: str, than: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return version != than and Version(version) < Version(than)
    except InvalidVersion:
        return False


def _ask_to_leave(layout: WorkspaceLayout) -> None:
    from traindock.compute.processes import send_signal

    identity = _running_process(layout)
    if identity is not None:
        send_signal(identity, signal.SIGTERM)


def _running_process(layout: WorkspaceLayout) -> Identity | None:
    """Which dispatcher was the last one to take the lock, as far as its record tells."""
    from traindock.compute.processes import Identity

    try:
        return Identity(**read_json(layout.dispatcher_json)["process"])
    except (FileNotFoundError, StoreException, KeyError, TypeError):
        return None

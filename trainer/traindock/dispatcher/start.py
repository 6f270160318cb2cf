"""Starting a workspace's dispatcher when there is work, and finding out whether there is one."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from traindock._version import __version__
from traindock.errors import StoreException
from traindock.store.files import read_json
from traindock.store.layout import WorkspaceLayout
from traindock.store.ownership import is_elsewhere

_OWN_VARIABLES = ("TRAINDOCK_LEASE_DIR", "TRAINDOCK_GPU_DEVICES", "TRAINDOCK_FAULT", "TRAINDOCK_FAULT_ONCE")

# Kept so that the interpreter reaps them instead of warning about children left behind.
_started: list[subprocess.Popen[bytes]] = []


def ensure(layout: WorkspaceLayout) -> None:
    """Make sure that a dispatcher of at least this version is at work; returns without waiting for it.

    Does nothing where another host has the workspace, silent or not: whoever only looks takes nothing over.
    """
    if is_elsewhere(layout):
        return
    _started[:] = [process for process in _started if process.poll() is None]
    if not is_running(layout):
        start(layout)
    elif _older(_running_version(layout), __version__):
        _ask_to_leave(layout)
        start(layout)


def is_running(layout: WorkspaceLayout) -> bool:
    """Whether a dispatcher holds the workspace's lock."""
    try:
        fd = os.open(layout.dispatcher_lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def start(layout: WorkspaceLayout) -> None:
    """Start a dispatcher, detached from this process; if there is one already, the new one leaves by itself."""
    command = [*_scope(), sys.executable, "-P", "-m", "traindock.dispatcher", str(layout.root)]
    try:
        log = os.open(layout.dispatcher_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
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
        raise StoreException(f"cannot start the dispatcher of {layout.root}: {error.strerror}") from error
    _started.append(process)


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
    from traindock.compute.processes import Identity, send_signal

    try:
        identity = Identity(**read_json(layout.dispatcher_json)["process"])
    except (FileNotFoundError, StoreException, KeyError, TypeError):
        return
    send_signal(identity, signal.SIGTERM)

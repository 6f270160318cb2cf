"""Why nothing comes of an engine's socket, told from the socket itself."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
from pathlib import Path
from typing import Final

from traindock.errors import (
    EngineException,
    EngineNotFoundException,
    EnginePermissionException,
    EngineUnreachableException,
    NotAnEngineException,
)

_START: Final = "Start it: `sudo systemctl start docker`, or `systemctl --user start docker` for a rootless one"
#: Where to name another one: a target keeps the one that it was made with, whatever is said elsewhere later.
NAME_IT: Final = "by engine='unix://…' of the compute target (--engine), or by DOCKER_HOST before a target is made"
_OWN_ENGINE: Final = f"or use an engine of your own, rootless Docker or Podman, and name its socket {NAME_IT}"


def connect(path: Path, seconds: float) -> socket.socket:
    """Return a connection to the socket at ``path``.

    Raises:
        EngineException: why there is none.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(seconds)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        raise fault(path, error) from error
    return connection


def fault(path: Path, error: OSError) -> EngineException:
    """Return what stands behind an error that connecting to the socket at ``path`` gave."""
    if isinstance(error, PermissionError):
        return _permission(path)
    if isinstance(error, FileNotFoundError):
        return EngineNotFoundException(f"there is no container engine at {path}: no such socket. {_START}")
    if isinstance(error, NotADirectoryError) or not _is_socket(path):
        return NotAnEngineException(
            f"{path} is no socket, so no container engine can be reached there. Name the engine's socket {NAME_IT}"
        )
    if isinstance(error, ConnectionRefusedError):
        return EngineUnreachableException(
            f"the container engine at {path} is not running: its socket is there, but nobody listens. {_START}"
        )
    return EngineUnreachableException(f"the container engine at {path} cannot be reached: {error}")


def _permission(path: Path) -> EnginePermissionException:
    for folder in reversed(path.parents):
        if not os.access(folder, os.X_OK):
            return EnginePermissionException(
                f"the container engine at {path} is not open to you: you may not look into {folder}, which belongs to "
                f"{_owner(folder.stat())}. Name the socket of an engine of yours {NAME_IT}"
            )
    status = path.stat()
    if not status.st_mode & stat.S_IWGRP:
        return EnginePermissionException(
            f"the container engine at {path} is not open to you: only {_owner(status)} may use its socket. "
            f"Ask for a group to be given to it, {_OWN_ENGINE}"
        )
    group, me = _group(status.st_gid), _user(os.getuid())
    if status.st_gid == 0:
        return EnginePermissionException(
            f"the container engine at {path} is not open to you: its socket belongs to the group {group}, which is "
            "the system's own. Give it a group: `sudo groupadd --force docker`, `sudo usermod -aG docker $USER`, "
            f"`sudo systemctl restart docker`, then log in again; {_OWN_ENGINE}"
        )
    if _is_member(me, status.st_gid):
        return EnginePermissionException(
            f"the container engine at {path} is open to the group {group}, to which you, {me}, were added after this "
            "session began. Log out and in again (end a running JupyterLab, too)"
        )
    return EnginePermissionException(
        f"the container engine at {path} is not open to you: you, {me}, are not in the group {group}, to which its "
        f"socket belongs. Run `sudo usermod -aG {group} $USER` and log in again (members of that group can become "
        f"root on this machine); {_OWN_ENGINE}"
    )


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:
        return False


def _is_member(user: str, group: int) -> bool:
    try:
        return group in os.getgrouplist(user, pwd.getpwuid(os.getuid()).pw_gid)
    except (KeyError, OSError):
        return False


def _owner(status: os.stat_result) -> str:
    return _user(status.st_uid)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)

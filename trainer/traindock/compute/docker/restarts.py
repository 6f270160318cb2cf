"""When an engine was started, told by two witnesses, since neither is always there.

The process that listens at its socket is the engine itself, unless systemd listens for it and hands the socket on.
The network "bridge" is made anew at each start, unless the engine has none, or kept its containers running
(``--live-restore``). Each can only be too early, so the later of the two is right.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from traindock.compute.docker import socket_faults

if TYPE_CHECKING:
    import docker

_PATIENCE = 10.0


def started_at(path: Path, api: docker.APIClient) -> float | None:
    """Return when the engine whose socket is at ``path`` was started, in seconds since the epoch.

    It may be told too early where systemd listens for an engine which then has no network "bridge", or kept
    its containers.

    Returns:
        None where neither witness is there.

    Raises:
        EngineException: nobody listens.
        docker.errors.DockerException: the engine does not answer.
    """
    told = [moment for moment in (_listener_started(path), _bridge_made(api)) if moment is not None]
    return max(told, default=None)


def _listener_started(path: Path) -> float | None:
    """Return when the process that listens at the socket was started."""
    credentials = getattr(socket, "SO_PEERCRED", None)
    if credentials is None:  # not on macOS, where the engine is in a virtual machine
        return None
    with socket_faults.connect(path, _PATIENCE) as connection:
        pid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, credentials, struct.calcsize("3i")))[0]
    try:  # pid is 0 for a process in a container around us
        ticks = int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19])
    except OSError:
        return None
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time() - since_boot + ticks / os.sysconf("SC_CLK_TCK")


def _bridge_made(api: docker.APIClient) -> float | None:
    import docker.errors

    with suppress(docker.errors.NotFound, KeyError, ValueError):
        return datetime.fromisoformat(str(api.inspect_network("bridge")["Created"])).timestamp()
    return None

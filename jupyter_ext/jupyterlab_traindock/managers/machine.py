"""What the server's machine offers to runs: processors, memory, disk, GPUs with who holds them, container engines."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from jupyterlab_traindock.errors import without_paths
from jupyterlab_traindock.managers.answers import Answers
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock.compute.device_use import gpu_use
from traindock.compute.devices import list_gpus
from traindock.compute.docker.addresses import usual_places
from traindock.compute.leases import Leases, default_folder
from traindock.documents import timestamp
from traindock.errors import StoreException, TraindockError
from traindock.store import computes
from traindock.workspace import Workspace

#: How long an engine or the driver is waited for, and for how long its answer is believed, in seconds.
_PATIENCE_SECONDS: Final = 3.0
_KEEP_SECONDS: Final = 5.0
#: What holders of leases say of themselves comes from other users: no more of it is shown.
_MOST_TEXT: Final = 255


class MachineManager:
    """The machine that the server runs on.

    Args:
        workspaces: what may be opened.
    """

    def __init__(self, workspaces: OpenedWorkspaces) -> None:
        self._workspaces = workspaces
        self._answers = Answers(_PATIENCE_SECONDS, _KEEP_SECONDS)

    def describe(self, workspace_id: str) -> dict[str, Any]:
        """Return what the machine has, how much of it is free, and which engines answer."""
        workspace = self._workspaces.get(workspace_id)
        engines = _addresses(workspace)
        questions: dict[str, Callable[[], Any]] = {address: partial(_engine, address) for address in engines}
        answers = self._answers.get({**questions, "gpus": _gpus})
        devices = answers.pop("gpus")
        gpus = devices if isinstance(devices, list) else []
        leases = self.leases()
        holders = {lease["device"]: lease["holder"] for lease in leases}
        disk = shutil.disk_usage(workspace.layout.root)
        return {
            "cpus": {"count": _cpus(), "load": os.getloadavg()[0]},
            "memory": _memory(),
            "disk": {"total_bytes": disk.total, "free_bytes": disk.free},
            "gpus": [{**gpu, "holder": holders.get(gpu["uuid"])} for gpu in gpus],
            "gpus_answered": isinstance(devices, list),
            "leases": leases,
            "engines": [self._engine_document(address, answer) for address, answer in answers.items()],
        }

    def leases(self) -> list[dict[str, Any]]:
        """Return who holds which GPU of this machine: each that was ever leased, and what its holder says of itself.

        The machine's users share its GPUs, and each may know whose run one is waiting for; which workspace that is in
        is only told of those that this server may open.
        """
        if not default_folder().is_dir():  # nothing was ever leased here, and looking makes no folder
            return []
        try:
            holders = Leases().holders()
        except (StoreException, OSError):
            return []
        known = set(self._workspaces.ids())
        return [{"device": device, "holder": _holder(holder, known)} for device, holder in holders.items()]

    def _engine_document(self, address: str, answer: Any) -> dict[str, Any]:
        trouble = ""
        if answer is None:
            trouble = f"it has not answered within {_PATIENCE_SECONDS:.0f} seconds"
        elif isinstance(answer, BaseException):
            trouble = without_paths(str(answer), self._workspaces.places())
        facts = answer if isinstance(answer, Mapping) else {}
        nothing = {"kind": None, "version": None, "cpus": None, "memory_bytes": None}
        return {"address": address, **nothing, **facts, "trouble": trouble}


def _gpus() -> list[dict[str, Any]]:
    devices = list_gpus()
    use = gpu_use(gpu.uuid for gpu in devices)
    found = []
    for gpu in devices:
        now = use.get(gpu.uuid)
        found.append(
            {
                "uuid": gpu.uuid,
                "number": gpu.number,
                "name": gpu.name,
                "memory_bytes": gpu.memory_bytes or None,
                "memory_used_bytes": now.memory_used_bytes if now is not None else None,
                "busy_percent": now.busy_percent if now is not None else None,
            }
        )
    return found


def _holder(holder: Mapping[str, Any] | None, known: set[str]) -> dict[str, Any] | None:
    """Return of what a holder says of itself what may be shown; its text may be anything."""
    if holder is None:
        return None
    since, workspace = holder.get("since"), holder.get("workspace_id")
    return {
        "user": _text(holder.get("user")),
        "run": _text(holder.get("run_id")),
        "workspace": workspace if isinstance(workspace, str) and workspace in known else None,
        "since": timestamp(since) if isinstance(since, int | float) and 0 <= since < 1 << 33 else None,
    }


def _text(value: object) -> str | None:
    return value[:_MOST_TEXT] if isinstance(value, str) else None


def _addresses(workspace: Workspace) -> list[str]:
    """Return the addresses at which engines may answer: the usual places, and those of the compute targets."""
    found: dict[Path, str] = {}
    for place in usual_places(os.environ):
        with contextlib.suppress(OSError):
            if place.is_socket():
                found.setdefault(place.resolve(), f"unix://{place}")
    named = [os.environ.get("DOCKER_HOST", "")]
    with contextlib.suppress(TraindockError):
        named += [str(one["settings"].get("engine")) for one in computes.load(workspace.layout).values()]
    for address in named:
        if address.startswith("unix://"):
            found.setdefault(Path(address.removeprefix("unix://")).resolve(), address)
    return list(found.values())


def _engine(address: str) -> dict[str, Any]:
    from traindock.compute.docker.engine import connect

    facts = connect(address).facts()
    return {
        "kind": str(facts.kind),
        "version": facts.version,
        "cpus": facts.cpus,
        "memory_bytes": facts.memory_bytes,
    }


def _cpus() -> int:
    """How many processors this process, and so its jobs, may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> dict[str, int]:
    """The machine's memory, or what the container that the server runs in may have of it."""
    import psutil

    memory = psutil.virtual_memory()
    total, available = int(memory.total), int(memory.available)
    with contextlib.suppress(OSError, ValueError):  # no limit, or no cgroups of version 2
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        if limit < total:
            total, available = limit, min(available, max(0, limit - int((group / "memory.current").read_text())))
    return {"total_bytes": total, "available_bytes": available}

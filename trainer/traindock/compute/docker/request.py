"""The exact request by which a job's container is made: a pure function, so that a plan can show and repeat it.

It is the body of the engine's ``POST /containers/create``. Folders of the machine are mounted at the paths that they
have on the machine, so that no path is ever translated, and each on its own, so that the job sees nothing else of
the workspace. Environment variables are not in it: whoever may use the engine can read them there. The launcher gets
them from a file that only the job's owner can read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from traindock.compute.base import Job
from traindock.compute.docker.mounts import Mounted
from traindock.compute.docker.naming import GPUS, container_name, host_name, labels
from traindock.compute.injection import injected_folder

#: Threads count as well: a hundred processes that compute with all cores of a big machine.
PIDS: Final = 32768
#: Workers that load data hand their batches on through it; the engine's own 64 MB would end them.
SHM_BYTES: Final = 2 << 30
_LOG: Final = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}}
#: Programs that are compiled at run time lie in temporary folders: "noexec" would break them.
_TEMPORARY: Final = "rw,exec,nosuid,nodev,mode=1777"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What surrounds the launcher of a job.

    Attributes:
        image: id of the image; "" while it is not known.
        python: the interpreter's path in the container; "" while it is not known.
        volume: the volume of environments and the place that it is mounted at, or None.
        user: such as "1000:1000"; "" while it is not known.
        group_add: further groups.
        userns_mode: "host" where the engine must not map users; "" for its default.
        security: further security options.
        cpus: processors that the job may use; None for all.
        memory_bytes: memory that it may use, swap included; None for all.
        pids: processes and threads that it may have; None for any number.
        shm_bytes: size of ``/dev/shm``.
        network: name of the engine's network; None for its default.
        read_only: whether the image's files cannot be written to.
        tmp_writable: whether the image has a ``/tmp`` that the user may write to.
        mounts: what the compute target's owner wants to have in every container.
    """

    image: str = ""
    python: str = ""
    volume: tuple[str, str] | None = None
    user: str = ""
    group_add: tuple[str, ...] = ()
    userns_mode: str = ""
    security: tuple[str, ...] = ()
    cpus: float | None = None
    memory_bytes: int | None = None
    pids: int | None = PIDS
    shm_bytes: int = SHM_BYTES
    network: str | None = None
    read_only: bool = False
    tmp_writable: bool = True
    mounts: tuple[Mounted, ...] = ()


@dataclass(frozen=True, slots=True)
class Devices:
    """The GPUs of a container.

    Attributes:
        uuids: which; for its label.
        requests: the engine's device requests.
        variables: variables of the container by which runtimes give devices, or withhold them.
        runtime: the OCI runtime that gives them; None for the engine's default.
        leases: the files whose locks say that they are taken.
    """

    uuids: tuple[str, ...] = ()
    requests: tuple[Mapping[str, Any], ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    runtime: str | None = None
    leases: tuple[str, ...] = ()


def create_request(job: Job, around: Surroundings) -> dict[str, Any]:
    """Return name and body of the request that makes a job's container, for a job without GPUs.

    Args:
        job: the run.
        around: what surrounds its launcher.
    """
    name = container_name(job.run_id, job.attempt)
    launcher = injected_folder(job.workspace) / "traindock" / "launcher.py"
    host: dict[str, Any] = {
        "Init": True,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges", *around.security],
        "ShmSize": around.shm_bytes,
        "NetworkMode": around.network or "default",
        "LogConfig": _LOG,
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "ReadonlyRootfs": around.read_only,
        "Mounts": [_bind(one) for one in all_mounts(job, around)] + _volumes(around),
    }
    if around.group_add:
        host["GroupAdd"] = list(around.group_add)
    if around.userns_mode:
        host["UsernsMode"] = around.userns_mode
    if around.pids is not None:
        host["PidsLimit"] = around.pids
    if around.memory_bytes is not None:
        # The same for both: no swap, in which a job would crawl instead of saying that its memory does not suffice.
        host |= {"Memory": around.memory_bytes, "MemorySwap": around.memory_bytes}
    if around.cpus is not None:
        host["NanoCpus"] = round(around.cpus * 1e9)
    if temporary := _temporary(around):
        host["Tmpfs"] = dict.fromkeys(temporary, _TEMPORARY)
    body = {
        "Image": around.image,
        "Entrypoint": [around.python, "-I", "-S", str(launcher), str(job.layout.launch_json)],
        "Cmd": [],
        "Env": [],
        "User": around.user,
        "WorkingDir": "/",
        "Hostname": host_name(name),
        "Labels": labels(job),
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        # Whoever stops the container, and the engine as it ends, leaves the job its grace time.
        "StopTimeout": math.ceil(job.settings.jobs.grace_seconds) + 5,
        "HostConfig": host,
    }
    return {"name": name, "body": body}


def with_devices(request: Mapping[str, Any], devices: Devices) -> dict[str, Any]:
    """Return a request of :func:`create_request` with the GPUs that the job was leased."""
    body, host = request["body"], dict(request["body"]["HostConfig"])
    if devices.requests:
        host["DeviceRequests"] = [dict(one) for one in devices.requests]
    if devices.runtime is not None:
        host["Runtime"] = devices.runtime
    host["Mounts"] = [*host["Mounts"], *(_bind(Mounted(file, file, read_only=True)) for file in devices.leases)]
    changed = {
        "Env": [f"{name}={value}" for name, value in sorted(devices.variables.items())],
        "Labels": {**body["Labels"], GPUS: ",".join(devices.uuids)},
        "HostConfig": host,
    }
    return {**request, "body": {**body, **changed}}


def all_mounts(job: Job, around: Surroundings) -> list[Mounted]:
    """Return what of the machine the job's container has, besides its GPUs' leases."""
    workspace = job.workspace
    writable = [*own_folders(job), workspace.home]
    read_only = [injected_folder(workspace), workspace.blobs]
    return [
        *(Mounted(str(folder), str(folder)) for folder in writable),
        *(Mounted(str(folder), str(folder), read_only=True) for folder in read_only),
        *around.mounts,
    ]


def own_folders(job: Job) -> list[Path]:
    """Return what the job can write to of its run's folder."""
    layout = job.layout
    return [layout.work, layout.metrics, layout.requests, layout.uploads, layout.driver, layout.children]


def _bind(mount: Mounted) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
        "BindOptions": {"Propagation": "rprivate"},
    }


def _volumes(around: Surroundings) -> list[dict[str, Any]]:
    if around.volume is None:
        return []
    name, place = around.volume
    return [{"Type": "volume", "Source": name, "Target": place, "ReadOnly": True}]


def _temporary(around: Surroundings) -> list[str]:
    mounted = {mount.target.rstrip("/") for mount in around.mounts}
    wanted = ["/tmp", "/var/tmp", "/run"] if around.read_only else [] if around.tmp_writable else ["/tmp"]  # noqa: S108
    return [folder for folder in wanted if folder not in mounted]

"""What a job's container uses: by its control group, and by the engine only where that cannot be seen from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from traindock.compute import processes
from traindock.compute.base import Job
from traindock.compute.control_groups import ControlGroup
from traindock.compute.docker import cancelling, containers
from traindock.compute.docker.engine import Engine, connect
from traindock.compute.docker.naming import container_name, is_own
from traindock.compute.resource_use import Limit, ResourceUse, least, use_of_devices, use_of_group

if TYPE_CHECKING:
    from traindock.compute.processes import Identity


def measure(job: Job, url: str, devices: Sequence[str]) -> ResourceUse | None:
    """See :meth:`traindock.compute.base.Backend.measure`.

    Args:
        job: the run.
        url: address of the engine that its container is on.
        devices: the UUIDs of its GPUs.

    Raises:
        EngineException: only the engine knows, and does not answer.
    """
    # Whoever follows the job has learned its first process, so that the engine need not be asked.
    main = cancelling.mains.get(cancelling.key_of(job))
    if main is not None:
        if not processes.alive(main):
            return None
        if (found := _of_group(main, devices)) is not None:
            return found
    engine = connect(url)
    container = containers.find(engine, container_name(job.run_id, job.attempt))
    if container is None or not is_own(container, job) or not containers.is_running(container):
        return None
    main = containers.main_process(container)
    found = _of_group(main, devices) if main is not None else None
    # An engine that can limit nothing has no groups for its containers, and tells of those that it is in itself.
    return found or (_of_engine(engine, container, devices) if engine.facts().applies else None)


def _of_group(main: Identity, devices: Sequence[str]) -> ResourceUse | None:
    return use_of_group(ControlGroup.of(main.pid).of_container(), main.pid, devices)


def _of_engine(engine: Engine, container: Mapping[str, Any], devices: Sequence[str]) -> ResourceUse | None:
    """Ask for one look: without that word an engine takes a second or two, to compare two of them."""
    with engine.translated(f"say what the container {container['Id'][:12]} uses"):
        told = engine.api.stats(container["Id"], stream=False, one_shot=True)
    return use_told(told, container, engine.facts().cpus, engine.facts().memory_bytes, devices)


def use_told(
    told: Mapping[str, Any], container: Mapping[str, Any], cpus: int, memory_bytes: int, devices: Sequence[str] = ()
) -> ResourceUse | None:
    """Return what an engine's answer to ``/containers/{id}/stats`` says; None where it says nothing.

    Args:
        told: the answer.
        container: the engine's description of the container.
        cpus: processors of the engine's machine.
        memory_bytes: its memory.
        devices: the UUIDs of the container's GPUs.
    """
    memory = told.get("memory_stats") or {}
    seconds = ((told.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    used = memory.get("usage")
    if not seconds and not used:
        return None
    details = memory.get("stats") or {}
    given_up_first = details.get("total_inactive_file", details.get("inactive_file", 0))
    limits = container.get("HostConfig") or {}
    return ResourceUse(
        None if seconds is None else seconds / 1e9,
        None if used is None else max(0, used - given_up_first),
        least(Limit(cpus, "machine"), (limits.get("NanoCpus") or 0) / 1e9 or None, "container"),
        least(Limit(memory_bytes, "machine"), limits.get("Memory") or None, "container"),
        use_of_devices(devices),
    )

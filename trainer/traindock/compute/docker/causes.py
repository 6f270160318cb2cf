"""Why a container's job ended, where its launcher did not record it or was told to end by nobody that we know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from traindock.compute import processes
from traindock.compute.base import Cause, Job
from traindock.compute.node_shapes import memory_text
from traindock.states import Reason


@dataclass(frozen=True, slots=True)
class Found:
    """What the engine knows of a container after its end.

    Attributes:
        container: its description; None where it is gone.
        restarted: whether the engine was restarted since the job was started, and ended it.
        words: what its launcher said last.
    """

    container: Mapping[str, Any] | None
    restarted: bool = False
    words: str = ""


def cause_of(job: Job, exit_record: processes.ExitRecord | None, found: Found) -> Cause:
    """Return why a job ended that has no exit record, or one that says it was told to end.

    Args:
        job: the run.
        exit_record: what its launcher recorded, if anything.
        found: what the engine knows.
    """
    started = processes.read_started(job.layout.started_json)
    state: Mapping[str, Any] = (found.container or {}).get("State") or {}
    if state.get("OOMKilled") and exit_record is None:
        limit = (found.container or {}).get("HostConfig", {}).get("Memory") or 0
        return Cause(
            Reason.OUT_OF_MEMORY,
            "the job was killed for memory by the system"
            + (f": its container may use {memory_text(limit)}" if limit else "")
            + "; give its node more, or use less (smaller batches, fewer workers)",
        )
    if started is not None and started.launcher.boot_id not in ("", processes.boot_id()):
        return Cause(Reason.ENGINE_RESTARTED, "the machine was restarted while the job ran")
    if found.restarted:
        return Cause(
            Reason.ENGINE_RESTARTED,
            "the container engine was restarted while the job ran, which ended it; with "
            '"live-restore": true in its daemon.json jobs go on while it is restarted',
        )
    if found.container is None:
        return Cause(
            Reason.KILLED_BY_SIGNAL,
            "the job's container was removed from outside Traindock (docker rm -f, or the like) while it ran",
        )
    code = int(state.get("ExitCode") or 0)
    if started is None:
        said = found.words or str(state.get("Error") or "") or "without a word"
        return Cause(Reason.LAUNCH_FAILED, f"the container ended with code {code} before the job was started: {said}")
    if exit_record is not None:
        return Cause(
            Reason.KILLED_BY_SIGNAL, "the job's container was stopped from outside Traindock (docker stop, or the like)"
        )
    if code == 137:
        return Cause(
            Reason.KILLED_BY_SIGNAL,
            "the job's container was killed from outside Traindock (docker kill, docker rm -f, or the like), or a "
            "process of the job killed the launcher that it runs under",
        )
    said = f": {found.words}" if found.words else ""
    return Cause(Reason.LOST, f"the job's container ended with code {code} and no record of how the job ended{said}")

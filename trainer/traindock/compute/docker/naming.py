"""What a job's container is called and labelled with, and whether a container is ours.

Names and labels let a later dispatcher, or a person, find a run's container again. Only a container whose four
labels match is ever adopted or removed: an engine is shared by workspaces and by users.
"""

from __future__ import annotations

import getpass
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from traindock.compute.base import Job
from traindock.store import signing

WORKSPACE: Final = "traindock.workspace"
RUN: Final = "traindock.run"
ATTEMPT: Final = "traindock.attempt"
KEY: Final = "traindock.key"
ROLE: Final = "traindock.role"
GPUS: Final = "traindock.gpus"
USER: Final = "traindock.user"

_VALID: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_LONGEST: Final = 200
_LONGEST_HOST: Final = 63


def container_name(run_id: str, attempt: int) -> str:
    """Return the name of a run's container; a run id that is no valid name is cut and gets a hash."""
    name = f"traindock-{run_id}-{attempt}"
    if _VALID.fullmatch(name) and len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(f"{run_id}/{attempt}".encode()).hexdigest()[:12]
    readable = re.sub(r"[^a-z0-9_.-]+", "-", run_id.lower())[: _LONGEST - 40].strip("-")
    return f"traindock-{readable}-{attempt}-{digest}"


def host_name(name: str) -> str:
    """Return the name of the machine that the job sees: its container's, as far as host names allow."""
    return re.sub(r"[^a-z0-9-]+", "-", name).strip("-")[-_LONGEST_HOST:].strip("-")


def identity(job: Job) -> dict[str, str]:
    """Return the four labels by which a container is this job's."""
    return {
        WORKSPACE: str(job.facts["workspace_id"]),
        RUN: job.run_id,
        ATTEMPT: str(job.attempt),
        KEY: signing.key_fingerprint(),
    }


def labels(job: Job) -> dict[str, str]:
    """Return all labels of the container of a job without GPUs."""
    return {**identity(job), ROLE: "job", USER: user_name(), GPUS: ""}


def is_own(container: Mapping[str, Any], job: Job) -> bool:
    """Whether a container (as the engine describes it) is this job's."""
    found = container.get("Config", {}).get("Labels") or {}
    return all(found.get(name) == value for name, value in identity(job).items())


def user_name() -> str:
    """Return the login name of whoever the job belongs to; the user's number where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        import os

        return str(os.getuid())

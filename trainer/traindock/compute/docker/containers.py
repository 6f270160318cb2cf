"""Looking at, starting, signalling and removing one container, whatever state it is in."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from traindock.compute.processes import Identity

if TYPE_CHECKING:
    from docker.errors import APIError

    from traindock.compute.docker.engine import Engine

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def find(engine: Engine, name: str) -> dict[str, Any] | None:
    """Return the engine's description of a container, by name or id, or None where there is none.

    Raises:
        EngineException: the engine does not answer.
    """
    from docker.errors import APIError

    with engine.translated(f"look at the container {name}"):
        try:
            found: dict[str, Any] = engine.api.inspect_container(name)
        except APIError as error:
            if _is_gone(error):
                return None
            raise
    return found


def is_running(container: Mapping[str, Any]) -> bool:
    """Whether a container runs, paused or not."""
    return bool((container.get("State") or {}).get("Running"))


def remove(engine: Engine, container_id: str, *, force: bool) -> bool:
    """Remove a container with its anonymous volumes; one that is gone already is none to remove.

    Args:
        engine: where.
        container_id: which; not its name, which may be another's by now.
        force: also while it runs, which ends it.

    Returns:
        False where it runs, and was to be removed only if it does not.

    Raises:
        EngineException: the engine refuses, or does not answer.
    """
    from docker.errors import APIError

    with engine.translated(f"remove the container {container_id[:12]}"):
        try:
            engine.patient.api.remove_container(container_id, v=True, force=force)
        except APIError as error:
            if _is_gone(error) or "already in progress" in str(error.explanation or ""):
                return True
            if error.status_code == 409 and not force:
                return False
            raise
    return True


def send_signal(engine: Engine, container_id: str, signal: str) -> bool:
    """Send a signal to the container's first process, which hands it on to the launcher.

    Returns:
        Whether it was sent; False where the container does not run, or is gone.

    Raises:
        EngineException: the engine does not answer.
    """
    from docker.errors import APIError

    with engine.translated(f"send {signal} to the container {container_id[:12]}"):
        try:
            engine.api.kill(container_id, signal)
        except APIError as error:
            if _is_gone(error) or error.status_code == 409 or "is not running" in str(error.explanation or ""):
                return False
            raise
    return True


def await_end(engine: Engine, container_id: str, seconds: float) -> bool:
    """Wait until a container does not run any more; returns whether it came to that in time.

    Raises:
        EngineException: the engine does not answer.
    """
    import requests
    from docker.errors import APIError

    with engine.translated(f"wait for the container {container_id[:12]}"):
        try:
            engine.api.wait(container_id, timeout=math.ceil(seconds))
        except APIError as error:
            if _is_gone(error):
                return True
            raise
        except (requests.ReadTimeout, requests.ConnectionError) as error:
            if isinstance(error, requests.ReadTimeout) or "Read timed out" in str(error):
                return False
            raise
    return True


def last_words(engine: Engine, container_id: str) -> str:
    """Return what a container's launcher said last, without colours; "" where it said nothing.

    Raises:
        EngineException: the engine does not answer.
    """
    from docker.errors import APIError

    with engine.translated(f"read the log of the container {container_id[:12]}"):
        try:
            words = engine.api.logs(container_id, tail=10)
        except APIError:  # the engine's log may be gone, full or of a kind that cannot be read
            return ""
    return _ESCAPES.sub("", words.decode("utf-8", "replace")).strip()[-800:]


def main_process(container: dict[str, Any]) -> Identity | None:
    """Return the container's first process as this machine knows it, or None where it does not show it.

    An engine in a virtual machine, or next to one's own container, has process numbers of its own: only a process
    that carries the container's id in its control group is believed to be the container's.
    """
    pid = int((container.get("State") or {}).get("Pid") or 0)
    if pid <= 0 or not is_running(container):
        return None
    identity = Identity.of(pid)
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return None
    return identity if str(container.get("Id")) in groups else None


def _is_gone(error: APIError) -> bool:
    """Whether an engine refuses because there is no such container; Podman calls it a fault of its own in a race."""
    return error.status_code == 404 or "no such container" in str(error.explanation or "").lower()

"""Named points at which tests end a process, to prove that nothing is lost or done twice there.

A point does nothing unless the environment variable ``TRAINDOCK_FAULT`` names it, as ``<point>:kill`` (SIGKILL to
the own process) or ``<point>:stop`` (SIGSTOP). With ``TRAINDOCK_FAULT_ONCE`` naming a file, only the first process
that reaches the point and can create that file is hit.
"""

from __future__ import annotations

import os
import signal


def reached(point: str) -> None:
    """Declare that ``point`` has been reached."""
    name, _, action = os.environ.get("TRAINDOCK_FAULT", "").rpartition(":")
    if name != point:
        return
    once = os.environ.get("TRAINDOCK_FAULT_ONCE")
    if once:
        try:
            os.close(os.open(once, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
    os.kill(os.getpid(), signal.SIGSTOP if action == "stop" else signal.SIGKILL)

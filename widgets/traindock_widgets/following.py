"""Following runs in a kernel: one thread for all cards, of the same make as the server's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jupyterlab_traindock.errors import of_exception
from jupyterlab_traindock.live.hub import Hub
from jupyterlab_traindock.managers import Managers
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock.workspace import Workspace
from traindock_widgets.deletions import Deletions
from traindock_widgets.kernel_api import KernelApi


@dataclass(frozen=True)
class KernelSide:
    """What a kernel has for the cards of one workspace's runs.

    Attributes:
        hub: follows runs.
        api: answers what views ask for.
        managers: does the work of both.
        deletions: tells of runs that are deleted after their end.
    """

    hub: Hub
    api: KernelApi
    managers: Managers
    deletions: Deletions


def kernel_side(workspace: Workspace) -> KernelSide:
    """Return the one of this process for a workspace."""
    with _making:
        return _kernel_side(workspace.layout.root)


_making = threading.Lock()


@cache
def _kernel_side(root: Path) -> KernelSide:
    managers = Managers(OpenedWorkspaces([root], str(root), Path.cwd()))
    # What fails in the thread is told to who follows. It never prints: that would land in whatever cell is the last.
    hub = Hub(managers.workspaces, managers.runs.described, failed=lambda error: None)
    api = KernelApi(managers)
    return KernelSide(hub, api, managers, Deletions(hub, api))


class Follower:
    """Is told of one run by the hub's thread, and tells it on as values.

    Args:
        take: called with each message of the API's websocket, in the hub's thread.
        places: gives what to write in error texts in place of folders.
    """

    def __init__(self, take: Callable[[dict[str, Any]], None], places: Callable[[], Any]) -> None:
        self._take = take
        self._places = places

    def takes(self) -> bool:
        """Whether it can be sent more: the hub tells no more than five times a second."""
        return True

    def send(self, text: str) -> None:
        """Take a message."""
        self._take(json.loads(text))

    def refuse(self, name: str, error: BaseException) -> None:
        """Take why a run is followed no more."""
        self._take({"name": name, "error": of_exception(error, self._places()).document()})

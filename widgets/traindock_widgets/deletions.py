"""Runs that are deleted once they have ended: whoever shows them follows them no more."""

from __future__ import annotations

import json
import threading
from typing import Any, Protocol

from jupyterlab_traindock.errors import ApiError
from jupyterlab_traindock.live.hub import Hub
from traindock_widgets.kernel_api import KernelApi
from traindock_widgets.retrying import Retries


class Shows(Protocol):
    """Who shows runs of a workspace: a widget."""

    workspace_id: Any

    def shown_runs(self) -> set[str]:
        """Return ids of the runs that it has been told of."""

    def tell_of_deletion(self, run: str, error: ApiError) -> None:
        """Tell views of a run that has been deleted."""


class Deletions:
    """Tells all widgets of a kernel, by one subscription to each workspace's list.

    Args:
        hub: follows the lists.
        api: knows whether a run is there.
    """

    def __init__(self, hub: Hub, api: KernelApi) -> None:
        self._hub = hub
        self._api = api
        self._lock = threading.Lock()
        self._told_to: dict[str, dict[Shows, None]] = {}
        self._followed: set[str] = set()
        self._retries = Retries(self._follow)

    def join(self, widget: Shows) -> None:
        """Tell a widget from now on, of what has been deleted already as well. Called by the hub's thread."""
        workspace = widget.workspace_id
        with self._lock:
            widgets = self._told_to.setdefault(workspace, {})
            first = not widgets
            widgets[widget] = None
            followed = workspace in self._followed
        if first:
            self._follow(workspace)
        elif followed:
            self._look(workspace, widget.shown_runs(), [widget])

    def leave(self, widget: Shows) -> None:
        """Tell a widget no more."""
        workspace = widget.workspace_id
        with self._lock:
            widgets = self._told_to.get(workspace, {})
            widgets.pop(widget, None)
            last = workspace in self._told_to and not widgets
            if last:
                del self._told_to[workspace]
                self._followed.discard(workspace)
        if last:
            self._hub.leave(self, workspace)

    def takes(self) -> bool:
        """Whether it can be sent more: lists change seldom."""
        return True

    def send(self, text: str) -> None:
        """Take a message about a list, in the hub's thread."""
        message: dict[str, Any] = json.loads(text)
        workspace = message["name"]
        self._retries.forget(workspace)
        with self._lock:
            self._followed.add(workspace)
            widgets = list(self._told_to.get(workspace, ()))
        # The first message has no changes: what was deleted before it came is told by no other.
        gone = set(message["changes"]["gone"]) if "changes" in message else None
        shown: set[str] = set().union(*(widget.shown_runs() for widget in widgets))
        self._look(workspace, shown if gone is None else shown & gone, widgets)

    def refuse(self, name: str, error: BaseException) -> None:
        """Take why a list is followed no more: its workspace is gone, say, for a moment."""
        with self._lock:
            self._followed.discard(name)
        self._retries.later(name)

    def _follow(self, workspace: str) -> None:
        with self._lock:
            wanted = workspace in self._told_to
        if wanted:
            self._hub.follow_list(self, workspace, workspace, None)

    def _look(self, workspace: str, runs: set[str], widgets: list[Shows]) -> None:
        """Tell widgets which of these runs are gone."""
        for run in runs:
            try:
                self._api.answer("GET", f"/workspaces/{workspace}/runs/{run}", None, {})
            except ApiError as error:
                if error.code == "run_not_found":
                    for widget in widgets:
                        widget.tell_of_deletion(run, error)

"""Widgets whose views are fed by a thread of the kernel, while its cells are executed as well."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import anywidget
import traitlets

from jupyterlab_traindock.errors import ApiError
from traindock.workspace import Workspace
from traindock_widgets.following import Follower, kernel_side
from traindock_widgets.run_digest import RunDigest

#: Where the widgets' modules are, and the style sheet that all share.
STATIC: Final = Path(__file__).parent / "static"
#: Seconds until what stands for all news is sent for the first time; the pause doubles up to the second.
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 15.0
#: Names that views may have followed besides those that the widget follows by itself: a comparison, and a card.
_MOST_ASKED_FOR: Final = 12

#: What changes in the workspace is followed under this name, which no run has.
LIST: Final = ""
#: Follows the id of a run in the name of its state and metrics alone.
METRICS_ALONE: Final = "/metrics"
#: Under this name, which no run has, is followed which runs are deleted once they have ended; views are not told of it.
_DELETIONS: Final = "/deletions"
_RUN_PATH: Final = re.compile(r"/workspaces/[^/]+/runs/([^/?]+)")
_BRIEFLY: Final = {"logs": [], "resources": False}


class Digest(Protocol):
    """What stands for all news that were told under a name."""

    def add(self, message: dict[str, Any]) -> None:
        """Take the next message."""

    def message(self) -> dict[str, Any]:
        """Return what stands for all messages."""


class ListDigest:
    """Stands for all changes of a workspace: that the list is to be asked for, and the page that was told last."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}

    def add(self, message: dict[str, Any]) -> None:
        """Take the next message."""
        self._head |= {name: message[name] for name in ("page", "error") if name in message}

    def message(self) -> dict[str, Any]:
        """Return what stands for all messages."""
        return {**self._head, "changes": {"changed_runs": [], "runs": [], "gone": [], "reload": True}}


class _Followed:
    """One thing that is followed.

    Attributes:
        digest: what stands for all news of it.
        number: of the last news.
    """

    def __init__(self, digest: Digest) -> None:
        self.digest = digest
        self.number = 0

    def sent(self) -> dict[str, Any]:
        """Return what stands for all news, with the number of the last of them."""
        return {"number": self.number, **({"message": self.digest.message()} if self.number else {})}


class FedWidget(anywidget.AnyWidget):
    """A widget whose views are told of runs, or of a workspace's list, by a thread.

    What is followed has a name: a run's id, with ``METRICS_ALONE`` or not, or ``LIST``. News of each name are numbered.
    They go to the views that are there; in ``_digest`` is, for those that come later or missed some, what stands for
    all news of each name up to a number. It is sent with pauses that double, so that a view gets there while a cell
    keeps the kernel from answering.

    Args:
        workspace: where the runs are.
        names: what is followed from the beginning.
        traits: values of traits.
    """

    _css = STATIC / "widget.css"

    workspace_id = traitlets.Unicode().tag(sync=True)
    _digest = traitlets.Dict().tag(sync=True)

    def __init__(self, workspace: Workspace, names: Iterable[str], **traits: Any) -> None:
        self._lock = threading.RLock()
        self._sent = (0.0, _FIRST_PAUSE)
        self._followed = {name: _Followed(self._new_digest(name)) for name in names}
        self._own = frozenset(self._followed)
        self._hears_of_deletions = False
        super().__init__(workspace_id=workspace.id, _digest=self._all_sent(), **traits)
        self._kernel = kernel_side(workspace)
        self._follower = Follower(self._take, self._kernel.managers.workspaces.places)
        self.on_msg(self._asked)

    def close(self) -> None:
        """Close the widget, and end following; the runs go on."""
        if hasattr(self, "_follower"):
            self._kernel.hub.leave(self._follower)
        super().close()

    def show(self, render_lib: Any = None, widget_settings: Any = None) -> None:
        """Show the card in the output of this cell.

        Args:
            render_lib: accepted for old notebooks.
            widget_settings: accepted for old notebooks.
        """
        self._ipython_display_()

    def _ipython_display_(self) -> None:
        raise NotImplementedError

    # -- for kinds of widgets --------------------------------------------------------------------------------

    def _start(self) -> None:
        """Begin to follow; called when the widget is ready to be told."""
        for name in self._own:
            self._follow(name)

    def _completed(self, name: str, message: dict[str, Any]) -> dict[str, Any]:
        """Return news with what this kind of widget adds for its views. Called by the hub's thread."""
        return message

    def _told(self, name: str, message: dict[str, Any]) -> None:
        """Set traits by news of a name. Called by the hub's thread, which holds the lock."""

    def _ended(self, name: str) -> None:
        """Do what is to be done when nothing more comes of a name. Called by the hub's thread."""

    def _new_digest(self, name: str) -> Digest:
        """Return what collects the news of a name."""
        return ListDigest() if name == LIST else RunDigest()

    # -- news, in the hub's thread ---------------------------------------------------------------------------

    def _take(self, message: dict[str, Any]) -> None:
        name = message.pop("name")
        if name == _DELETIONS:
            # The first message has no changes: what was deleted before it came is told by no other.
            for run in message["changes"]["gone"] if "changes" in message else self._followed_runs():
                self._tell_if_deleted(run)
            return
        message = self._completed(name, message)
        last = "run" in message or "error" in message
        if self._tell(name, message, last=last) and last:
            self._kernel.hub.leave(self._follower, name)
            if "run" in message and not self._hears_of_deletions:
                self._hears_of_deletions = True
                self._kernel.hub.follow_list(self._follower, _DELETIONS, self.workspace_id, None)
            self._ended(name)

    def _tell(self, name: str, message: dict[str, Any], *, last: bool) -> bool:
        """Tell the views the next news of a name; return whether it is followed."""
        with self._lock:
            followed = self._followed.get(name)
            if followed is None:
                return False
            followed.number += 1
            followed.digest.add(message)
            with self.hold_sync():
                self._told(name, message)
                if last or self._due():
                    self._digest = self._all_sent()
            self.send({"kind": "news", "name": name, "number": followed.number, "message": message})
        return True

    def _followed_runs(self) -> set[str]:
        with self._lock:
            return {name.partition(METRICS_ALONE)[0] for name in self._followed if name != LIST}

    def _tell_if_deleted(self, run: str) -> None:
        if not self._followed.keys() & {run, run + METRICS_ALONE}:
            return
        path = f"/workspaces/{self.workspace_id}/runs/{run}"
        try:
            self._kernel.api.answer("GET", path, None, {})
        except ApiError as error:
            if error.code == "run_not_found":
                self._tell_of_deletion(path, error)

    def _all_sent(self) -> dict[str, Any]:
        return {name: followed.sent() for name, followed in self._followed.items()}

    def _due(self) -> bool:
        at, pause = self._sent
        now = time.monotonic()
        if now < at + pause:
            return False
        self._sent = (now, min(2 * pause, _LONGEST_PAUSE))
        return True

    # -- what views ask for, in the kernel's thread for messages ---------------------------------------------

    def _asked(self, _: Any, content: Any, buffers: Any) -> None:
        if not isinstance(content, Mapping):
            return
        if content.get("kind") == "follow":
            self._follow_for_view(str(content.get("name", "")))
        elif content.get("kind") == "request":
            self._answer(content)

    def _follow_for_view(self, name: str) -> None:
        """Send what stands for all news of a name, or begin to follow it."""
        with self._lock:
            if name in self._followed:
                self._digest = self._all_sent()
                return
            asked_for = [one for one in self._followed if one not in self._own]
            for oldest in asked_for[: max(0, len(asked_for) + 1 - _MOST_ASKED_FOR)]:
                del self._followed[oldest]
                self._kernel.hub.leave(self._follower, oldest)
            self._followed[name] = _Followed(self._new_digest(name))
        self._follow(name)

    def _follow(self, name: str) -> None:
        hub, workspace = self._kernel.hub, self.workspace_id
        run, brief, _ = name.partition(METRICS_ALONE)
        if name == LIST:
            hub.follow_list(self._follower, name, workspace, None)
        else:
            hub.follow_run(self._follower, name, workspace, run, _BRIEFLY if brief else {})

    def _answer(self, content: Mapping[str, Any]) -> None:
        answer: dict[str, Any] = {"kind": "answer", "id": content.get("id")}
        try:
            found = self._answered(
                str(content.get("method", "GET")), str(content.get("path")), content.get("body"), content.get("headers")
            )
        except ApiError as error:
            self.send({**answer, "error": error.document()})
            if error.code == "run_not_found":
                self._tell_of_deletion(str(content.get("path")), error)
            return
        if isinstance(found, bytes):
            self.send(answer, [found])
        else:
            self.send({**answer, "body": found})

    def _tell_of_deletion(self, path: str, error: ApiError) -> None:
        """Tell views of a run that has been deleted since it ended: a run that has ended is followed no more."""
        named = _RUN_PATH.match(path)
        for name in (named[1], named[1] + METRICS_ALONE) if named else ():
            self._tell(name, {"error": error.document()}, last=True)

    def _answered(self, method: str, path: str, body: Any, headers: Mapping[str, str] | None) -> Any:
        """Return the answer to what a view asks for.

        Raises:
            ApiError: what a server would answer, too.
        """
        return self._kernel.api.answer(method, path, body, headers or {})

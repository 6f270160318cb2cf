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

from jupyterlab_traindock.errors import ApiError, of_exception
from jupyterlab_traindock.live.run_feed import short
from traindock.documents import plain
from traindock.errors import TraindockError
from traindock.run import Run
from traindock.states import State
from traindock.workspace import Workspace
from traindock_widgets import observers
from traindock_widgets.following import Follower, kernel_side
from traindock_widgets.retrying import Retries
from traindock_widgets.run_digest import RunDigest
from traindock_widgets.shedding import Kept, read_again

#: Where the widgets' modules are, and the style sheet that all share.
STATIC: Final = Path(__file__).parent / "static"
#: Widgets that others open in theirs, which have their modules sent when they first do: with all of them in it, each
#: widget's own module would be several times as long.
_MODULES: Final = {f"/modules/{name}": STATIC / f"{name}.js" for name in ("run", "comparison", "files", "registration")}
#: Seconds until what stands for all news is sent for the first time; the pause doubles up to the second.
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 15.0
#: Codes of errors that no waiting mends: a run that is shown was there.
_LASTING: Final = frozenset({"run_not_found", "invalid_request", "forbidden"})
#: Names that views may have followed besides those that the widget follows by itself: a comparison, and a card.
_MOST_ASKED_FOR: Final = 12

#: What changes in the workspace is followed under this name, which no run has.
LIST: Final = ""
#: Follows the id of a run in the name of its state and metrics alone.
METRICS_ALONE: Final = "/metrics"
_RUN_PATH: Final = re.compile(r"/workspaces/[^/]+/runs/([^/?]+)")
_BRIEFLY: Final = {"logs": [], "resources": False}

#: Of all widgets of this kernel.
_kept = Kept()


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
        self._head.pop("error", None)  # what comes after one is followed again
        self._head |= {name: message[name] for name in ("page", "error", "trouble") if name in message}

    def message(self) -> dict[str, Any]:
        """Return what stands for all messages."""
        return {**self._head, "changes": {"changed_runs": [], "runs": [], "gone": [], "reload": True}}


class _Followed:
    """One thing that is followed.

    Attributes:
        digest: what stands for all news of it.
        number: of the last news.
        cursor: where they end; None before there were any.
        refused: code of the error after which it is to be followed again; "" while it is followed.
        state: of a run, the one in which its document was told last; None before it was.
        shed: whether the digest was dropped, of a run that has ended.
    """

    def __init__(self, digest: Digest) -> None:
        self.digest = digest
        self.number = 0
        self.cursor: str | None = None
        self.refused = ""
        self.state: str | None = None
        self.shed = False

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

    Attributes:
        observer_error: what an observer of a trait raised last when news came; None while none has.
    """

    observer_error: Exception | None = None
    #: The thread that sets traits by news just now; None while none does.
    _telling: int | None = None

    _css = STATIC / "widget.css"

    workspace_id = traitlets.Unicode().tag(sync=True)
    _digest = traitlets.Dict().tag(sync=True)

    def __init__(self, workspace: Workspace, names: Iterable[str], **traits: Any) -> None:
        self._lock = threading.RLock()
        self._sent = (0.0, _FIRST_PAUSE)
        self._followed = {name: _Followed(self._new_digest(name)) for name in names}
        self._own = frozenset(self._followed)
        self._hears_of_deletions = False
        self._retries = Retries(self._follow_again)
        self._closed = False
        super().__init__(workspace_id=workspace.id, _digest=self._all_sent(), **traits)
        self._kernel = kernel_side(workspace)
        self._follower = Follower(self._take, self._kernel.managers.workspaces.places)
        self.on_msg(self._asked)

    def close(self) -> None:
        """Close the widget, and end following; the runs go on."""
        if hasattr(self, "_follower"):
            with self._lock:
                self._closed = True
            self._retries.close()
            self._kernel.hub.leave(self._follower)
            self._kernel.deletions.leave(self)
            _kept.forget(self)
        super().close()

    def notify_change(self, change: Any) -> None:
        """Tell the observers of a trait; what they raise where news have set it keeps no news from views."""
        try:
            super().notify_change(change)
        except Exception as error:
            if self._telling != threading.get_ident():
                raise
            self.observer_error = error
            observers.warn_soon(self, change["name"], error)

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
        if "error" in message:
            self._refused(name, message["error"]["code"], message)
            return
        self._retries.forget(name)
        message = self._completed(name, self._with_document(name, message))
        last = "run" in message
        if self._tell(name, message, last=last) and last:
            self._kernel.hub.leave(self._follower, name)
            if not self._hears_of_deletions and not self._closed:
                self._hears_of_deletions = True
                self._kernel.deletions.join(self)
            self._ended(name)
            self._keep(name)

    def _refused(self, name: str, code: str, message: dict[str, Any]) -> None:
        """Tell why nothing more comes of a name, and follow it again later where that can help."""
        followed = self._followed.get(name)
        if code not in _LASTING:
            self._retries.later(name)
        if followed is not None and followed.refused != code:
            self._tell(name, message, last=True)

    def _follow_again(self, name: str) -> None:
        with self._lock:
            if self._closed or name not in self._followed:
                return
            if not self._followed[name].shed:
                self._follow(name)
                return
        self._send_again(name)

    def _with_document(self, name: str, message: dict[str, Any]) -> dict[str, Any]:
        """Return news of a run with all that is known of it, where its state is another one than it was.

        Views ask for that by themselves, and have no answer while a cell is executed. At its end the run comes anyway.
        """
        followed, state = self._followed.get(name), message.get("state", {}).get("state")
        if followed is None or state is None or state == followed.state or State(state).terminal:
            return message
        managers = self._kernel.managers
        try:
            # Not as a request, whose first one reads the document of the API for a quarter of a second.
            run = Run.get(managers.workspaces.get(self.workspace_id), name.partition(METRICS_ALONE)[0])
            document = managers.runs.described(run)
        except (ApiError, TraindockError, OSError):
            return message  # the view asks by itself, and is told why there is none
        followed.state = state
        return {**message, "document": short(plain(document))}

    def _tell(self, name: str, message: dict[str, Any], *, last: bool) -> bool:
        """Tell the views the next news of a name; return whether it is followed."""
        with self._lock:
            followed = self._followed.get(name)
            if followed is None:
                return False
            followed.number += 1
            followed.cursor = message.get("cursor", followed.cursor)
            followed.refused = message["error"]["code"] if "error" in message else ""
            followed.shed = followed.shed and followed.refused not in _LASTING
            followed.digest.add(message)
            self._telling = threading.get_ident()
            with self.hold_sync():
                self._told(name, message)
                if last or self._due():
                    self._digest = self._all_sent()
            self._telling = None
            self.send({"kind": "news", "name": name, "number": followed.number, "message": message})
        return True

    def shown_runs(self) -> set[str]:
        """Return ids of the runs that this widget has been told of."""
        with self._lock:
            return {name.partition(METRICS_ALONE)[0] for name in self._followed if name != LIST}

    def tell_of_deletion(self, run: str, error: ApiError) -> None:
        """Tell views of a run that has been deleted since it ended: a run that has ended is followed no more."""
        for name in (run, run + METRICS_ALONE):
            self._tell(name, {"error": error.document()}, last=True)

    def _all_sent(self) -> dict[str, Any]:
        return {name: followed.sent() for name, followed in self._followed.items() if not followed.shed}

    def _due(self) -> bool:
        at, pause = self._sent
        now = time.monotonic()
        if now < at + pause:
            return False
        self._sent = (now, min(2 * pause, _LONGEST_PAUSE))
        return True

    # -- digests of runs that have ended ---------------------------------------------------------------------

    def shed(self, name: str) -> None:
        """Keep the digest of an ended run no longer: it is read again when somebody asks for it."""
        with self._lock:
            followed = self._followed.get(name)
            if followed is not None and not followed.refused and not self._closed:
                followed.shed, followed.digest = True, self._new_digest(name)
                self._digest = self._all_sent()

    def _keep(self, name: str) -> None:
        if not self._closed:
            _kept.keep(self, name)

    def _read_again(self, name: str) -> None:
        """Have the digest of an ended run again, if it was shed.

        Raises:
            ApiError: the workspace is gone or cannot be read.
            TraindockError: the run was deleted, or its record is damaged.
            OSError: its files cannot be read.
        """
        followed = self._followed.get(name)
        if followed is None or not followed.shed:
            return
        managers, digest = self._kernel.managers, self._new_digest(name)
        identity, brief, _ = name.partition(METRICS_ALONE)
        run = Run.get(managers.workspaces.get(self.workspace_id), identity)
        for message in read_again(run, managers.runs.described, _BRIEFLY if brief else {}):
            digest.add(message)
        with self._lock:
            if followed.shed:
                followed.shed, followed.digest = False, digest
                # Views that were told an error since take it in place of that.
                followed.number += 1 if followed.refused else 0
                followed.refused = ""
        self._keep(name)

    def _send_again(self, name: str) -> None:
        """Send what stands for all news of a name that is followed, or why there is none."""
        try:
            self._read_again(name)
        except (ApiError, TraindockError, OSError) as error:
            document = of_exception(error, self._kernel.managers.workspaces.places()).document()
            self._refused(name, document["code"], {"error": document})
            return
        with self._lock:
            self._digest = self._all_sent()

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
        if name in self._followed:
            self._send_again(name)
            return
        with self._lock:
            asked_for = [one for one in self._followed if one not in self._own]
            for oldest in asked_for[: max(0, len(asked_for) + 1 - _MOST_ASKED_FOR)]:
                del self._followed[oldest]
                self._retries.forget(oldest)
                self._kernel.hub.leave(self._follower, oldest)
            self._followed[name] = _Followed(self._new_digest(name))
        self._follow(name)

    def _follow(self, name: str) -> None:
        hub, workspace = self._kernel.hub, self.workspace_id
        run, brief, _ = name.partition(METRICS_ALONE)
        followed = self._followed.get(name)
        cursor = None if followed is None else followed.cursor
        if name == LIST:
            hub.follow_list(self._follower, name, workspace, cursor)
        else:
            wanted = {**(_BRIEFLY if brief else {}), **({} if cursor is None else {"cursor": cursor})}
            hub.follow_run(self._follower, name, workspace, run, wanted)

    def _answer(self, content: Mapping[str, Any]) -> None:
        answer: dict[str, Any] = {"kind": "answer", "id": content.get("id")}
        try:
            found = self._answered(
                str(content.get("method", "GET")), str(content.get("path")), content.get("body"), content.get("headers")
            )
        except ApiError as error:
            self.send({**answer, "error": error.document()})
            if error.code == "run_not_found":
                named = _RUN_PATH.match(str(content.get("path")))
                if named:
                    self.tell_of_deletion(named[1], error)
            return
        if isinstance(found, bytes):
            self.send(answer, [found])
        else:
            self.send({**answer, "body": found})

    def _answered(self, method: str, path: str, body: Any, headers: Mapping[str, str] | None) -> Any:
        """Return the answer to what a view asks for.

        Raises:
            ApiError: what a server would answer, too.
        """
        if method == "GET" and path in _MODULES:
            return _MODULES[path].read_bytes()
        return self._kernel.api.answer(method, path, body, headers or {})

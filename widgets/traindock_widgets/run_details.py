"""The card of a run as a widget."""

from __future__ import annotations

import contextlib
import math
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from jupyterlab_traindock.errors import ApiError
from traindock.errors import UserErrorException
from traindock.notebook import in_kernel, is_watched
from traindock.run_facts import RunFacts
from traindock.states import State
from traindock_widgets.following import Follower, kernel_side
from traindock_widgets.outputs import publish
from traindock_widgets.run_digest import RunDigest

_STATIC: Final = Path(__file__).parent / "static"
#: Seconds until what stands for all news is sent for the first time; the pause doubles up to the second.
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 15.0


class RunDetails(anywidget.AnyWidget):
    """A run, live in a notebook: its state and reason, progress, curves, log, files, and what can be done with it.

    In JupyterLab with Traindock's extension the card is drawn from the server: it goes on while the kernel is busy and
    after it is gone. Elsewhere the kernel feeds it. Pages that draw nothing live show a picture, which is taken when
    the card is shown and again when the run has ended.

    Args:
        run: the run to show.

    Attributes:
        state: its state, such as "Running". Observable.
        reason: why it ended, such as "out_of_memory"; "" before. Observable.
        detail: a sentence about its state, such as what it waits for. Observable.
        metrics: by name, the last value of each scalar metric. Observable.
        selected_files: files that are picked in the card. Observable, and may be set.

    Raises:
        UserErrorException: ``run`` is no run.
    """

    _esm = _STATIC / "widget.js"
    _css = _STATIC / "widget.css"

    workspace_id = traitlets.Unicode().tag(sync=True)
    run_id = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    reason = traitlets.Unicode().tag(sync=True)
    detail = traitlets.Unicode().tag(sync=True)
    metrics = traitlets.Dict().tag(sync=True)
    selected_files = traitlets.List(traitlets.Unicode()).tag(sync=True)
    #: What stands for all news up to one, with its number: for views that come later, or missed some.
    _digest = traitlets.Dict().tag(sync=True)

    def __init__(self, run: RunFacts, **options: Any) -> None:
        if not isinstance(run, RunFacts):
            raise UserErrorException(
                f"RunDetails shows a run, as experiment.submit(...) returns it, and not {run!r:.200}"
            )
        record = run.record
        super().__init__(
            workspace_id=run.workspace.id,
            run_id=run.id,
            state=record.state.value,
            reason=record.reason.value if record.reason else "",
            detail=record.detail,
            **options,
        )
        self._run = run
        self._news = RunDigest()
        self._number = 0
        self._sent = (0.0, _FIRST_PAUSE)
        self._outputs: list[tuple[str, str | None]] = []
        self._lock = threading.RLock()
        self._kernel = kernel_side(run.workspace)
        self._follower = Follower(self._take, self._kernel.managers.workspaces.places)
        self.on_msg(self._asked)
        self._kernel.hub.follow_run(self._follower, run.id, run.workspace.id, run.id, {})

    def __repr__(self) -> str:
        return f"RunDetails({self.run_id})"

    def show(self, render_lib: Any = None, widget_settings: Any = None) -> None:
        """Show the card in the output of this cell.

        Args:
            render_lib: accepted for old notebooks.
            widget_settings: accepted for old notebooks.
        """
        self._ipython_display_()

    def get_widget_data(self, widget_settings: Any = None) -> dict[str, Any]:
        """Return what the card shows, as the server's websocket has it: ``state``, ``run``, ``metrics``, ``logs``."""
        with self._lock:
            return self._news.message()

    def close(self) -> None:
        """Close the widget, and end following the run; the run goes on."""
        if hasattr(self, "_follower"):
            self._kernel.hub.leave(self._follower)
        super().close()

    def _ipython_display_(self) -> None:
        if not in_kernel():
            print(self._run)  # noqa: T201 -- a terminal or a script shows no card
            return
        output = uuid.uuid4().hex
        # Where no page looks on, the output may come into one that would fetch what draws widgets from elsewhere.
        widget_id = self.model_id if is_watched() else None
        publish(output, self._run, widget_id)
        with self._lock:
            if not State(self.state).terminal:
                self._outputs.append((output, widget_id))

    # -- news, in the hub's thread ---------------------------------------------------------------------------

    def _take(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._number += 1
            self._news.add(message)
            last = "run" in message or "error" in message
            with self.hold_sync():
                self._set(message.get("run") or message.get("state"))
                self.metrics = {name: _number(value) for name, value in self._news.last_values().items()}
                if last or self._due():
                    self._digest = {"number": self._number, "message": self._news.message()}
            self.send({"kind": "news", "number": self._number, "message": message})
        if last:
            self._kernel.hub.leave(self._follower)
            self._freeze()

    def _set(self, state: Mapping[str, Any] | None) -> None:
        if state is not None:
            self.state, self.reason, self.detail = state["state"], state["reason"] or "", state["detail"]

    def _due(self) -> bool:
        at, pause = self._sent
        now = time.monotonic()
        if now < at + pause:
            return False
        self._sent = (now, min(2 * pause, _LONGEST_PAUSE))
        return True

    def _freeze(self) -> None:
        """Put the last picture into all outputs that show the card."""
        with self._lock:
            outputs, self._outputs = self._outputs, []
        for output, widget_id in outputs:
            publish(output, self._run, widget_id, again=True)

    # -- what views ask for, in the kernel's thread for messages ---------------------------------------------

    def _asked(self, _: Any, content: Any, buffers: Any) -> None:
        if not isinstance(content, Mapping):
            return
        if content.get("kind") == "follow":
            with self._lock:
                self._digest = {"number": self._number, "message": self._news.message()}
        elif content.get("kind") == "request":
            self._answer(content)

    def _answer(self, content: Mapping[str, Any]) -> None:
        answer: dict[str, Any] = {"kind": "answer", "id": content.get("id")}
        try:
            method, path = str(content.get("method", "GET")), str(content.get("path"))
            found = self._kernel.api.answer(method, path, content.get("body"), content.get("headers") or {})
        except ApiError as error:
            self.send({**answer, "error": error.document()})
            return
        if isinstance(found, bytes):
            self.send(answer, [found])
        else:
            self.send({**answer, "body": found})


def _number(value: float | str) -> float | None:
    """Return a value of the wire as a trait can have it: JSON has neither NaN nor infinity."""
    with contextlib.suppress(ValueError):
        number = float(value)
        return number if math.isfinite(number) else None
    return None

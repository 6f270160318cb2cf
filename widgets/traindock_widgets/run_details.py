"""The card of a run as a widget."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import traitlets

from traindock.errors import UserErrorException
from traindock.notebook import in_kernel
from traindock.run_facts import RunFacts
from traindock.states import State
from traindock_widgets import displaying, outputs
from traindock_widgets.feeding import STATIC, Digest, FedWidget
from traindock_widgets.picture import picture
from traindock_widgets.run_digest import RunDigest


class RunDetails(FedWidget):
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

    _esm = STATIC / "run.js"

    run_id = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    reason = traitlets.Unicode().tag(sync=True)
    detail = traitlets.Unicode().tag(sync=True)
    metrics = traitlets.Dict().tag(sync=True)
    selected_files = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, run: RunFacts, **options: Any) -> None:
        if not isinstance(run, RunFacts):
            raise UserErrorException(
                f"RunDetails shows a run, as experiment.submit(...) returns it, and not {run!r:.200}"
            )
        record = run.record
        super().__init__(
            run.workspace,
            [run.id],
            run_id=run.id,
            state=record.state.value,
            reason=record.reason.value if record.reason else "",
            detail=record.detail,
            **options,
        )
        self._run = run
        self._outputs = outputs.Outputs(
            outputs.RUN, {"workspace": run.workspace.id, "run": run.id}, partial(picture, run)
        )
        self._start()

    def __repr__(self) -> str:
        return f"RunDetails({self.run_id})"

    def get_widget_data(self, widget_settings: Any = None) -> dict[str, Any]:
        """Return what the card shows, as the server's websocket has it: ``state``, ``run``, ``metrics``, ``logs``.

        Raises:
            RunNotFoundException: the run was deleted, and what this kernel knew of it was dropped: it ended long ago.
        """
        self._read_again(self.run_id)
        with self._lock:
            return self._followed[self.run_id].digest.message()

    def _ipython_display_(self) -> None:
        if not in_kernel():
            print(self._run)  # noqa: T201 -- a terminal or a script shows no card
            return
        displaying.remember(self._run, self)
        self._outputs.show(self.model_id, changes=not State(self.state).terminal)

    def _told(self, name: str, message: dict[str, Any]) -> None:
        if name == self.run_id:
            self._set(message.get("run") or message.get("state"))
        if name == self.run_id and "metrics" in message:
            self.metrics = last_values(self._followed[name].digest)

    def _ended(self, name: str) -> None:
        if name == self.run_id:
            self.draw_end()

    def draw_end(self) -> None:
        """Put the last picture into all outputs that have the card, once."""
        self._outputs.freeze()

    def _set(self, state: Mapping[str, Any] | None) -> None:
        if state is not None:
            self.state, self.reason, self.detail = state["state"], state["reason"] or "", state["detail"]


def last_values(digest: Digest) -> dict[str, float | None]:
    """Return the last value of each metric of a run, None for those that JSON does not have."""
    assert isinstance(digest, RunDigest)
    return {name: _number(value) for name, value in digest.last_values().items()}


def _number(value: float | str) -> float | None:
    """Return a value of the wire as a trait can have it: JSON has neither NaN nor infinity."""
    with contextlib.suppress(ValueError):
        number = float(value)
        return number if math.isfinite(number) else None
    return None

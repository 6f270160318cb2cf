"""Runs beside each other, as a widget."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import traitlets

from traindock.errors import UserErrorException
from traindock.notebook import in_kernel
from traindock.run_facts import RunFacts
from traindock.states import State
from traindock_widgets import outputs
from traindock_widgets.feeding import METRICS_ALONE, STATIC, Digest, FedWidget
from traindock_widgets.pictures_of_many import comparison_picture
from traindock_widgets.run_details import last_values
from traindock_widgets.run_digest import POINTS, RunDigest

FEWEST: Final = 2
MOST: Final = 10


def compare(*runs: RunFacts) -> Comparison:
    """Show runs beside each other: ``compare(run_a, run_b)``.

    Args:
        runs: two to ten runs of one workspace, whatever their states.

    Raises:
        UserErrorException: they are too few or too many, no runs, not all of one workspace, or one is named twice.
        RunNotFoundException: one was deleted.
    """
    return Comparison(runs)


class Comparison(FedWidget):
    """Runs beside each other, live in a notebook.

    Their curves lie over one axis; what they were given, what they reached, their code and their environments stand
    side by side, with marks where they differ.

    Args:
        runs: two to ten runs of one workspace.

    Attributes:
        run_ids: their ids.
        states: by id, the state of each. Observable.
        metrics: by id, the last value of each scalar metric, by name. Observable.

    Raises:
        UserErrorException: they are too few or too many, no runs, not all of one workspace, or one is named twice.
        RunNotFoundException: one was deleted.
    """

    _esm = STATIC / "comparison.js"

    run_ids = traitlets.List(traitlets.Unicode()).tag(sync=True)
    states = traitlets.Dict().tag(sync=True)
    metrics = traitlets.Dict().tag(sync=True)

    def __init__(self, runs: Sequence[RunFacts], **options: Any) -> None:
        _check(runs)
        # Ten runs are to take no more room in a widget than a few.
        self._points = max(POINTS // 4, 2 * POINTS // len(runs))
        ids = [run.id for run in runs]
        workspace = runs[0].workspace
        super().__init__(
            workspace,
            [run + METRICS_ALONE for run in ids],
            run_ids=ids,
            states={run.id: run.record.state.value for run in runs},
            metrics={run: {} for run in ids},
            **options,
        )
        self._runs = list(runs)
        self._unfinished = {run + METRICS_ALONE for run in ids}
        shown = {"workspace": workspace.id, "runs": ids}
        self._outputs = outputs.Outputs(outputs.COMPARISON, shown, partial(comparison_picture, self._runs))
        self._start()

    def __repr__(self) -> str:
        return f"Comparison({', '.join(self.run_ids)})"

    def _ipython_display_(self) -> None:
        if not in_kernel():
            for run in self._runs:
                print(run)  # noqa: T201 -- a terminal or a script shows no card
            return
        changes = not all(State(state).terminal for state in self.states.values())
        self._outputs.show(self.model_id, changes=changes)

    def _new_digest(self, name: str) -> Digest:
        return RunDigest(self._points)

    def _told(self, name: str, message: dict[str, Any]) -> None:
        run = name.removesuffix(METRICS_ALONE)
        if name not in self._own:
            return
        document = message.get("run") or message.get("state")
        if document is not None:
            self.states = {**self.states, run: document["state"]}
        if "metrics" in message:
            self.metrics = {**self.metrics, run: last_values(self._followed[name].digest)}

    def _ended(self, name: str) -> None:
        self._unfinished.discard(name)
        if not self._unfinished:
            self._outputs.freeze()


def _check(runs: Sequence[RunFacts]) -> None:
    """Check that these runs can be compared.

    Raises:
        UserErrorException: they cannot.
    """
    for run in runs:
        if not isinstance(run, RunFacts):
            raise UserErrorException(
                f"compare(run_a, run_b, ...) takes runs, as experiment.submit(...) returns them, and not {run!r:.200}"
            )
    if not FEWEST <= len(runs) <= MOST:
        raise UserErrorException(f"{len(runs)} runs cannot be compared: name {FEWEST} to {MOST} of them")
    ids = [run.id for run in runs]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise UserErrorException(f"{', '.join(twice)} would be compared with itself: name each run once")
    first, *others = (run.workspace for run in runs)
    for run, workspace in zip(runs[1:], others, strict=True):
        if workspace.id != first.id:
            raise UserErrorException(
                f"run {run.id} is of workspace {workspace.name!r} and run {runs[0].id} of {first.name!r}: "
                "compare runs of one workspace"
            )

"""Asking the index for runs in the words of :class:`traindock.run.Run`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from traindock.errors import UserErrorException
from traindock.states import State
from traindock.store.index import RunQuery, RunRow

if TYPE_CHECKING:
    from traindock.experiment import Experiment
    from traindock.run import Run
    from traindock.workspace import Workspace


def runs(workspace: Workspace, query: RunQuery) -> Iterator[Run]:
    """Return the runs that ``query`` describes. The index is asked now, by this call."""
    return _of(workspace, workspace.index.runs(query))


def descendants(parent: Run, query: RunQuery) -> Iterator[Run]:
    """Yield the children of ``parent`` that ``query`` describes, each before its own, whatever it is like itself."""
    wanted = {run.id for run in runs(parent.workspace, replace(query, parent=parent.id))}
    for child in runs(parent.workspace, RunQuery(parent=parent.id)):
        if child.id in wanted:
            yield child
        yield from descendants(child, query)


def states(status: str | None) -> tuple[State, ...]:
    """Return the states that ``status`` means: one, or () for all.

    Raises:
        UserErrorException: there is no such state; the text lists those there are.
    """
    if not status:
        return ()
    try:
        return (State(str(status)),)
    except ValueError:
        known = ", ".join(state.value for state in State)
        raise UserErrorException(f"{status!r} is no state of a run; known: {known}") from None


def wanted(values: str | Mapping[str, str] | None) -> dict[str, str | None]:
    """Return what tags or properties must be; one name alone may have any value."""
    return {values: None} if isinstance(values, str) else dict(values or {})


def _of(workspace: Workspace, rows: Iterable[RunRow]) -> Iterator[Run]:
    from traindock.experiment import Experiment
    from traindock.run import Run

    experiments: dict[str, Experiment] = {}
    for row in rows:
        if row.experiment not in experiments:
            experiments[row.experiment] = Experiment._named(workspace, row.experiment)
        yield Run._known(experiments[row.experiment], row.id)

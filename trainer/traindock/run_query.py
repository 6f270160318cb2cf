"""Asking the index for runs in the words of :class:`traindock.run.Run`."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from traindock import run_types
from traindock.errors import UserErrorException
from traindock.states import State
from traindock.store.index import RunQuery, RunRow

if TYPE_CHECKING:
    from traindock.experiment import Experiment
    from traindock.run import Run
    from traindock.workspace import Workspace

# The greatest integer that SQLite takes.
_MOST: Final = 2**63 - 1


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


def wanted(what: str, values: object) -> dict[str, str | None]:
    """Return what tags or properties must be; one name alone may have any value, as has a name with None.

    Args:
        what: "tags" or "properties".
        values: a name, a dict of names and values, or None.

    Raises:
        UserErrorException: it is something else.
    """
    if isinstance(values, str):
        return {values: None}
    if values is None:
        return {}
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise UserErrorException(f"{what} is a name, or a dict of names and values (None: any value), not {values!r}")
    # They are kept as texts, whatever they were given as.
    return {str(name): None if value is None else str(value) for name, value in values.items()}


def text(what: str, value: object) -> str | None:
    """Return ``value`` if it is a text or None.

    Raises:
        UserErrorException: it is something else.
    """
    if value is not None and not isinstance(value, str):
        raise UserErrorException(f"{what} is a text, not {value!r:.80}")
    return value


def kind(value: object) -> str | None:
    """Return a type of runs, under our name; raises as :func:`text` does."""
    return run_types.OLD_NAMES.get(found, found) if (found := text("type", value)) is not None else None


def bound(what: str, value: object) -> float | None:
    """Return a bound of a metric: any number, numpy's too, or None.

    Raises:
        UserErrorException: it is something else, or NaN.
    """
    if value is None:
        return None
    number = math.nan
    if not isinstance(value, (str, bytes, bool)):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            number = float(value)  # type: ignore[arg-type]
    if math.isnan(number):
        raise UserErrorException(f"{what} is a number, not {value!r:.80}")
    return number


def count(what: str, value: object) -> int:
    """Return a number of runs: an integer from 0 on, numpy's too.

    Raises:
        UserErrorException: it is something else.
    """
    number = -1
    if not isinstance(value, bool):
        with contextlib.suppress(TypeError):
            number = operator.index(value)  # type: ignore[arg-type]
    if number < 0:
        raise UserErrorException(f"{what} is a number of runs, 0 or more, not {value!r:.80}")
    return min(number, _MOST)


def _of(workspace: Workspace, rows: Iterable[RunRow]) -> Iterator[Run]:
    from traindock.experiment import Experiment
    from traindock.run import Run

    experiments: dict[str, Experiment] = {}
    for row in rows:
        if row.experiment not in experiments:
            experiments[row.experiment] = Experiment._named(workspace, row.experiment)
        yield Run._known(experiments[row.experiment], row.id)

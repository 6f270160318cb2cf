"""A run's metrics as its own script reads them back: in Python's own values, with the standard library only.

Under the same names outside of the script there is ``traindock.store.metrics.MetricReader``, which gives arrays of
numpy's in place of the lists here, and can follow a run.
"""

from __future__ import annotations

import math
from collections import namedtuple

from .errors import RunEnvironmentException
from .metric_format import azure_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, NoReturn, Tuple

    from .metric_read import Entry

MetricInfo = namedtuple("MetricInfo", ("name", "kind", "count", "stepped", "description"))
MetricInfo.__doc__ = "What there is under one name: see MetricReader's MetricInfo, which has the same attributes."
Points = namedtuple("Points", ("times", "values", "steps", "has_step"))
Points.__doc__ = "Numbers in the order of time, as lists; ``steps`` and ``has_step`` are None if no point has a step."
Summary = namedtuple("Summary", ("last", "min", "max", "count"))
Summary.__doc__ = "The numbers logged under one name, summed up; ``min`` and ``max`` leave NaN out."


class Metrics:
    """What was logged so far. Each call reads anew.

    Args:
        read: returns all there is by name, or what there is under one name, in the order of time.
        lost: returns how many points could not be written.
    """

    def __init__(self, read: Callable[[str | None], Dict[str, List[Entry]]], lost: Callable[[], int]) -> None:
        self._read, self._lost = read, lost

    def names(self) -> List[MetricInfo]:
        """Return what there is, sorted by name."""
        found = []
        for name, entries in sorted(self._read(None).items()):
            kind = "scalar" if _numbers(entries) else entries[0][1][0]
            stepped = any(entry[2] is not None for _, entry in entries)
            said = next((entry[3] for _, entry in entries if entry[3]), "")
            found.append(MetricInfo(name, kind, len(entries), stepped, said))
        return found

    def lost(self) -> int:
        """How many points could not be written, for instance because the disk was full."""
        return self._lost()

    def values(self, name: str) -> List[Any]:
        """Return everything logged under ``name`` in the order of time; empty if nothing was logged."""
        return [entry[1] for _, entry in self._read(name).get(name, ())]

    def points(self, name: str) -> Points:
        """Return the numbers logged under ``name`` in the order of time; bools count as 0 and 1.

        Texts, None, lists and the like are left out; integers beyond 64 bits, or beside a float, become floats.
        """
        numbers = _numbers(self._read(name).get(name, ()))
        whole = all(isinstance(value, int) and abs(value) < 2**63 for _, value, _ in numbers)
        has_step = [step is not None for _, _, step in numbers]
        return Points(
            [time for time, _, _ in numbers],
            [int(value) if whole else _as_float(value) for _, value, _ in numbers],
            [step or 0 for _, _, step in numbers] if any(has_step) else None,
            has_step if any(has_step) else None,
        )

    def as_azure(self, name: str | None = None) -> Dict[str, Any]:
        """Return what ``get_metrics`` gives, by name: logged once the value, more often a list.

        Args:
            name: only this one; a name without values gives an empty dict.
        """
        found = self._read(name)
        return {one: azure_value([entry[:2] for _, entry in entries]) for one, entries in sorted(found.items())}

    def to_frame_columns(self, names: Iterable[str] | None = None) -> Dict[str, Any]:
        """Return the numbers in long form, as columns for a data frame: name, step (NaN if none), time, value.

        Args:
            names: only these; default is all that have numbers.
        """
        columns: Dict[str, List[Any]] = {"name": [], "step": [], "time": [], "value": []}
        for name in [info.name for info in self.names()] if names is None else names:
            points = self.points(name)
            columns["name"] += [name] * len(points.times)
            columns["step"] += [
                float(step) if has else math.nan for step, has in zip(points.steps or (), points.has_step or ())
            ] or [math.nan] * len(points.times)
            columns["time"] += points.times
            columns["value"] += points.values
        return columns

    def summary(self) -> Dict[str, Summary]:
        """Return last, min, max and count of each metric that has numbers."""
        found = {}
        for name, entries in self._read(None).items():
            numbers = [_as_float(value) for _, value, _ in _numbers(entries)]
            known = [value for value in numbers if not math.isnan(value)] or [math.nan]
            if numbers:
                found[name] = Summary(numbers[-1], min(known), max(known), len(numbers))
        return found

    # -- what is of use to others only ----------------------------------------------------------------------

    def damaged(self) -> NoReturn:
        """Not to be had by a training script, which reads what it has just written.

        Raises:
            RunEnvironmentException: always.
        """
        raise _only_outside("damaged")

    def since(self, cursor: str | None = None, limit: int = 100_000, most_series: int | None = None) -> NoReturn:
        """Not to be had by a training script, which need not follow itself: see :meth:`values`.

        Raises:
            RunEnvironmentException: always.
        """
        raise _only_outside("since")

    def buckets(
        self,
        name: str,
        count: int = 800,
        start: float | None = None,
        stop: float | None = None,
        axis: str = "index",
    ) -> NoReturn:
        """Not to be had by a training script, as it is for charts that are drawn elsewhere: see :meth:`points`.

        Raises:
            RunEnvironmentException: always.
        """
        raise _only_outside("buckets")


def _numbers(entries: Iterable[Entry]) -> List[Tuple[float, Any, Any]]:
    """Return time, value and step of the entries that a chart can draw."""
    return [
        (time, entry[1], entry[2])
        for time, entry in entries
        if entry[0] == "scalar" and isinstance(entry[1], (bool, int, float))
    ]


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _only_outside(call: str) -> RunEnvironmentException:
    return RunEnvironmentException(
        f"Run.metrics.{call}() is not available to a training script: it is for whoever follows the run from outside, "
        "for instance in a notebook. values(name), points(name) and summary() have all that was logged so far"
    )

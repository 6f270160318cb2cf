"""What a card has been told of a run so far, in a size that a widget can hold: for views that come later."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

#: Characters of each log, and points of each metric, that are kept.
LOG_CHARACTERS: Final = 16_000
POINTS: Final = 200
#: Metrics whose curves are kept, those told of first.
METRICS: Final = 100
#: Metrics whose last value is kept.
LAST_VALUES: Final = 10_000

#: By name, the columns of buckets.
_Curves: TypeAlias = dict[str, dict[str, list[Any]]]


class RunDigest:
    """Takes the messages of one run, and gives one that stands for all of them.

    Of its curves, and of what its job uses, it keeps as many buckets as a chart is wide; of its logs the last lines. A
    later view asks the kernel for more.

    Args:
        points: of each curve that are kept at least, where there are so many.
    """

    def __init__(self, points: int = POINTS) -> None:
        self._points = points
        self._head: dict[str, Any] = {}
        self._series: _Curves = {}
        self._last: dict[str, float | str] = {}
        self._resources: _Curves = {}
        self._logs: dict[str, dict[str, Any]] = {}

    def add(self, message: dict[str, Any]) -> None:
        """Take the next message."""
        for name in ("state", "run", "error"):
            if name in message:
                self._head[name] = message[name]
        for series in message.get("metrics", {}).get("series", ()):
            _add_series(self._series, series, self._points)
            self._add_last(series)
        for series in message.get("resources", {}).get("series", ()):
            _add_series(self._resources, series, self._points)
        for name, log in message.get("logs", {}).items():
            known = self._logs.get(name)
            text = log["text"] if known is None or log["gap"] else known["text"] + log["text"]
            end = log["offset"] + len(log["text"].encode())
            if len(text) > LOG_CHARACTERS:
                text = text[-LOG_CHARACTERS:].partition("\n")[2]
            offset = end - len(text.encode())
            self._logs[name] = {"offset": offset, "gap": offset, "text": text}

    def message(self) -> dict[str, Any]:
        """Return what stands for all messages."""
        return {
            **self._head,
            "metrics": {"series": _documents(self._series), "records": [], "records_left_out": 0},
            "resources": {"series": _documents(self._resources)},
            "logs": dict(self._logs),
        }

    def last_values(self) -> dict[str, float | str]:
        """Return the last value of each metric."""
        return dict(self._last)

    def _add_last(self, series: dict[str, Any]) -> None:
        name, values = series["name"], series["buckets"]["last"] if "buckets" in series else series["values"]
        if values and (name in self._last or len(self._last) < LAST_VALUES):
            self._last[name] = values[-1]


_FIELDS: Final = ("first", "final", "first_step", "final_step", "min", "max", "last", "count", "nans")


def _documents(curves: _Curves) -> list[dict[str, Any]]:
    # Copies: what was sent is read by other threads, and does not change any more.
    return [
        {"name": name, "buckets": {field: list(values) for field, values in columns.items()}}
        for name, columns in curves.items()
    ]


def _add_series(curves: _Curves, series: dict[str, Any], points: int) -> None:
    if series["name"] not in curves and len(curves) >= METRICS:
        return
    new = series.get("buckets") or _as_buckets(series)
    known = curves.setdefault(series["name"], {field: [] for field in _FIELDS})
    for field in _FIELDS:
        values = new[field]
        known[field] += values if values is not None else [None] * len(new["last"])
    while len(known["last"]) > 2 * points:
        _halve(known)


def _as_buckets(series: dict[str, Any]) -> dict[str, Any]:
    times, values, steps = series["times"], series["values"], series["steps"]
    nans = [1 if value == "NaN" else 0 for value in values]
    return {
        "first": times,
        "final": times,
        "first_step": steps,
        "final_step": steps,
        "min": values,
        "max": values,
        "last": values,
        "count": [1] * len(values),
        "nans": nans,
    }


def _halve(columns: dict[str, list[Any]]) -> None:
    """Merge each two neighbours, an odd last one left as it is."""
    count = len(columns["last"])
    pairs = [(at, min(at + 1, count - 1)) for at in range(0, count, 2)]
    merged: dict[str, list[Any]] = {
        "first": [columns["first"][one] for one, _ in pairs],
        "first_step": [columns["first_step"][one] for one, _ in pairs],
        "min": [min(columns["min"][one], columns["min"][other], key=_low) for one, other in pairs],
        "max": [max(columns["max"][one], columns["max"][other], key=_high) for one, other in pairs],
    }
    for field in ("final", "final_step", "last"):
        merged[field] = [columns[field][other] for _, other in pairs]
    for field in ("count", "nans"):
        merged[field] = [sum(columns[field][one : one + 2]) for one, _ in pairs]
    columns.update(merged)


def _low(value: float | str) -> float:
    number = float(value)
    return float("inf") if number != number else number


def _high(value: float | str) -> float:
    number = float(value)
    return float("-inf") if number != number else number

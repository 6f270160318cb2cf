"""What a card has been told of a run so far, in a size that a widget can hold: for views that come later."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Final, TypeAlias

#: Characters of each log that are kept: some 2,000 lines, which a widget takes over a comm in a few milliseconds.
LOG_CHARACTERS: Final = 200_000
#: Points of each metric that are kept, where there are no more metrics than these.
POINTS: Final = 200
FEW_METRICS: Final = 100
#: Metrics of which anything is kept, those told of first.
METRICS: Final = 10_000

_Columns: TypeAlias = dict[str, list[Any]]


class RunDigest:
    """Takes the messages of one run, and gives one that stands for all of them.

    Of its curves, and of what its job uses, it keeps as many buckets as a chart is wide, fewer of each where there are
    many; of its logs the last lines. A later view asks the kernel for more.

    Args:
        points: of each curve that are kept at least, where there are so many, and few curves.
    """

    def __init__(self, points: int = POINTS) -> None:
        self._head: dict[str, Any] = {}
        self._series = _Curves(points)
        self._resources = _Curves(points)
        self._logs: dict[str, dict[str, Any]] = {}

    def add(self, message: dict[str, Any]) -> None:
        """Take the next message."""
        for name in ("error", *(("document",) if "run" in message else ())):
            self._head.pop(name, None)  # what comes after an error is followed again; the end has the whole document
        for name in ("state", "run", "document", "error", "trouble"):
            if name in message:
                self._head[name] = message[name]
        for series in message.get("metrics", {}).get("series", ()):
            self._series.add(series)
        for series in message.get("resources", {}).get("series", ()):
            self._resources.add(series)
        for name, log in message.get("logs", {}).items():
            self._logs[name] = _appended(self._logs.get(name), log)

    def message(self) -> dict[str, Any]:
        """Return what stands for all messages."""
        return {
            **self._head,
            "metrics": {
                "series": self._series.documents(),
                "records": [],
                "records_left_out": 0,
                "series_left_out": len(self._series.left_out),
            },
            "resources": {"series": self._resources.documents()},
            "logs": dict(self._logs),
        }

    def last_values(self) -> dict[str, float | str]:
        """Return the last value of each metric."""
        return self._series.last_values()


def _appended(known: dict[str, Any] | None, log: dict[str, Any]) -> dict[str, Any]:
    """Return the end of a log, in a bounded number of characters.

    Args:
        known: its end as it was known before.
        log: what was appended, as messages have it.
    """
    parts = [log] if known is None or log["gap"] else [known, log]
    text = "".join(part["text"] for part in parts)
    end = log.get("end", log["offset"] + len(log["text"].encode()))
    kept = text if len(text) <= LOG_CHARACTERS else text[-LOG_CHARACTERS:].partition("\n")[2]
    if not any("lines" in part for part in parts):
        offset = end - len(kept.encode())
        return {"offset": offset, "gap": offset, "text": kept}
    # Where there was no UTF-8, lengths of the text that stands for it tell nothing.
    lines = [begin for part in parts for begin in _lines_of(part)]
    count = kept.count("\n")
    offset = parts[0]["offset"] if kept is text else lines[len(lines) - count - 1] if kept else end
    return {"offset": offset, "gap": offset, "text": kept, "end": end, "lines": lines[len(lines) - count :]}


def _lines_of(part: dict[str, Any]) -> list[int]:
    """Return where the lines behind each line feed of a part of a log begin, in bytes."""
    if "lines" in part:
        found: list[int] = part["lines"]
        return found
    ends = accumulate(
        (len(line.encode()) for line in part["text"].split("\n")[:-1]), lambda end, size: end + size + 1, initial=0
    )
    return [part["offset"] + end for end in ends][1:]


_FIELDS: Final = ("first", "final", "first_step", "final_step", "min", "max", "last", "count", "nans")


class _Curves:
    """Curves, each in a bounded number of buckets; all together they take no more room where there are many.

    Args:
        points: of each that are kept at least, where there are few.

    Attributes:
        left_out: names of those that there is no room for.
    """

    def __init__(self, points: int) -> None:
        self._points = points
        self._columns: dict[str, _Columns] = {}
        self.left_out: set[str] = set()

    def add(self, series: dict[str, Any]) -> None:
        """Take what was told next of a curve."""
        name = series["name"]
        known = self._columns.get(name)
        if known is None:
            if len(self._columns) >= METRICS:
                self.left_out.add(name)
                return
            before = self._room()
            known = self._columns[name] = {field: [] for field in _FIELDS}
            if self._room() < before:
                for columns in self._columns.values():
                    self._shorten(columns)
        new = series.get("buckets") or _as_buckets(series)
        for field in _FIELDS:
            values = new[field]
            known[field] += values if values is not None else [None] * len(new["last"])
        self._shorten(known)

    def documents(self) -> list[dict[str, Any]]:
        """Return all of them as messages have them."""
        # Copies: what was sent is read by other threads, and does not change any more.
        return [
            {"name": name, "buckets": {field: list(values) for field, values in columns.items()}}
            for name, columns in self._columns.items()
        ]

    def last_values(self) -> dict[str, float | str]:
        """Return the last value of each."""
        return {name: columns["last"][-1] for name, columns in self._columns.items() if columns["last"]}

    def _room(self) -> int:
        """Return how many points of each are kept at least: half as many each time that there are twice as many."""
        room, most = self._points, FEW_METRICS
        while len(self._columns) > most:
            room, most = max(1, room // 2), 2 * most
        return room

    def _shorten(self, columns: _Columns) -> None:
        while len(columns["last"]) > 2 * self._room():
            _halve(columns)


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

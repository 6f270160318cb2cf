"""How rows are made and judged.

A row is one function with the decorator :func:`row`, in a module of this package that ``__main__`` lists. It measures
both sides in one run, a bit of one, a bit of the other, in turn, and yields a :class:`Result` for each line of the
table. Medians are compared, as ratios; a line measured while the machine was busy is shown and not judged.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: With the processors fought over for more than this share of the time, nothing is judged.
BUSY = 0.25

_PRESSURE = Path("/proc/pressure/cpu")


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Attributes:
        row: what was measured.
        ours: our figure, in ``unit``.
        peer: what it is compared with; "" for a plain limit.
        theirs: its figure, in the same unit; for a plain limit the limit.
        unit: "us", "ms", "s", "points", …
        goal: how large ``ours / theirs`` may be; with ``faster``, how large ``theirs / ours`` has to be.
        faster: whether the goal is to be so many times quicker, or to take so many times less.
        note: what the figures do not say.
        pressure: share of the time in which processors were fought over while ours was measured, or by others; None
            for that of the whole row.
    """

    row: str
    ours: float
    theirs: float
    unit: str
    goal: float
    peer: str = ""
    faster: bool = False
    note: str = ""
    pressure: float | None = None

    @property
    def ratio(self) -> float:
        """Ours over theirs, or theirs over ours where the goal is to be quicker."""
        over, under = (self.theirs, self.ours) if self.faster else (self.ours, self.theirs)
        return over / under if under else (1.0 if over == under else float("inf"))

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio >= self.goal if self.faster else self.ratio <= self.goal


@dataclass
class Bench:
    """What a row gets.

    Attributes:
        folder: a folder of its own, empty.
        peers: an interpreter that has the peers' packages.
        quick: whether to measure less, to see that it works.
    """

    folder: Path
    peers: str
    quick: bool = False
    notes: list[str] = field(default_factory=list)

    def rounds(self, usual: int) -> int:
        """How many rounds to measure where ``usual`` would be good."""
        return max(1, usual // 10) if self.quick else usual

    def scaled(self, usual: int) -> int:
        """How many calls or points to measure where ``usual`` would be good."""
        return max(10, usual // 10) if self.quick else usual

    def skip(self, why: str) -> None:
        """Say what was not measured, and why."""
        if why not in self.notes:
            self.notes.append(why)


Pair = tuple[float, float]
Row = Callable[[Bench], Iterable[Result]]

#: All rows by name, in the order of the table.
ROWS: dict[str, Row] = {}


def row(function: Row) -> Row:
    """Add a row under the function's name; its docstring says what it measures."""
    ROWS[function.__name__.replace("_", "-")] = function
    return function


def interleaved(sides: Mapping[str, Callable[[], Iterable[float]]], rounds: int) -> dict[str, list[float]]:
    """Measure each side in turn, ``rounds`` times after one for warming up, and return all figures of each."""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, measure in sides.items():
            found = list(measure())
            if number:
                figures[name] += found
    return figures


def in_turn(ours: Callable[[], Iterable[float]], theirs: Callable[[], float | None], rounds: int) -> Pair | None:
    """Return the medians of both sides, measured in turn; None if the other one failed, which it has told."""
    mine: list[float] = []
    other: list[float] = []
    for number in range(rounds + 1):
        taken = theirs()
        if taken is None:
            return None
        found = list(ours())
        if number:
            mine += found
            other.append(taken)
    return median(mine), median(other)


def median(figures: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(figures)


def timed(act: Callable[[], object]) -> Iterator[float]:
    """Yield how many milliseconds ``act`` takes."""
    start = time.perf_counter()
    act()
    yield (time.perf_counter() - start) * 1e3


class Pressure:
    """How much processes had to wait for a processor, meanwhile; 0 where the kernel does not tell."""

    def __init__(self) -> None:
        self._began, self._waited = time.monotonic(), _waited()

    def share(self) -> float:
        """Share of the time since then in which somebody had to wait."""
        return (_waited() - self._waited) / max(time.monotonic() - self._began, 1e-9)


def pressure_of_others(seconds: float = 0.3) -> Iterator[float]:
    """Yield how much processes had to wait for a processor while this one paused.

    To be measured as one more side where a row's own programs are many, and fight among themselves: those of an
    engine and its containers.
    """
    pressure = Pressure()
    time.sleep(seconds)
    yield pressure.share()


def _waited() -> float:
    try:
        first = _PRESSURE.read_text().splitlines()[0]
    except (OSError, IndexError):
        return 0.0
    return int(first.rpartition("total=")[2]) / 1e6


def table(lines: Iterable[tuple[Result, float]]) -> str:
    """Return the lines, each with the pressure it was measured under, as a Markdown table."""
    rows = [("row", "ours", "limit or peer", "", "ratio", "goal", "met?")]
    for result, pressure in lines:
        better = "quicker" if result.unit in ("us", "ms", "s") else "less"
        goal = f"≥ {result.goal:g} × {better}" if result.faster else f"≤ {result.goal:.3g} ×"
        if not result.peer:
            goal = f"≤ {_number(result.theirs * result.goal)} {result.unit}"
        busy = f"not judged: processors {pressure:.0%} busy" if pressure > BUSY else ""
        rows.append(
            (
                result.row + (f" ({result.note})" if result.note else ""),
                f"{_number(result.ours)} {result.unit}",
                f"{_number(result.theirs)} {result.unit}" if result.peer else "",
                result.peer,
                f"{result.ratio:.2f}" if result.peer else "",
                goal,
                busy or ("yes" if result.met else "no"),
            )
        )
    widths = [max(len(line[column]) for line in rows) for column in range(len(rows[0]))]
    laid = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in rows
    ]
    laid.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(laid)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"

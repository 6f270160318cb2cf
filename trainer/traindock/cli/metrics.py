"""``traindock metrics``."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from typing import TYPE_CHECKING, Any

from traindock.cli import parsers
from traindock.cli.finding import find_run, open_workspace
from traindock.cli.output import emit, note, say
from traindock.cli.text import Column, clean, moment, number, screen_width, shorten, table
from traindock.documents import metrics_document, plain, summaries, timestamp
from traindock.errors import UserErrorException

if TYPE_CHECKING:
    from traindock.run import Run
    from traindock.store.metrics import MetricReader


_IN_SHORT = 100


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock metrics`` understands."""
    parser.teach(
        """
        Print what a run has logged: a summary of all metrics, or every value of those that are named. Works while
        the run is going.
        """,
        """
        traindock metrics last
        traindock metrics last loss val_acc
        traindock metrics digits:3 --csv > metrics.csv       columns name, step, time, value
        traindock metrics last loss --json | jq '.metrics.loss.values[-1]'
        """,
    )
    parser.add_argument("run_name", metavar="RUN", help='an id, a part of one, EXPERIMENT:NUMBER, or "last"')
    parser.add_argument("names", metavar="NAME", nargs="*", help="print every value of these metrics")
    parser.add_argument("--csv", action="store_true", help="print all points of the scalar metrics as CSV")


def run(args: argparse.Namespace) -> int:
    """Print the metrics."""
    if args.csv and args.json:
        args.parser.error("choose one of --csv and --json")
    found = find_run(args, open_workspace(args), args.run_name)
    reader = found.metrics
    kinds = {info.name: info.kind for info in reader.names()}
    damaged = reader.damaged()
    if damaged:
        note(args, f"{found.path / 'metrics'} is damaged: passed over what cannot be read ({damaged})")
    unknown = [name for name in args.names if name not in kinds]
    if unknown:
        there = ", ".join(sorted(kinds)[:20]) or "none yet"
        raise UserErrorException(f"run {found.id} has logged no {', '.join(map(repr, unknown))}; it has: {there}")
    if args.csv:
        _csv(reader, args.names or None)
    elif args.json:
        emit(_document(found, reader, kinds, args.names))
    elif args.names:
        for name in args.names:
            say(_values(reader, name, kinds[name]))
    elif kinds:
        say(_summary(found, reader, kinds))
    elif not damaged:
        note(args, f"run {found.id} has logged no metrics ({found.get_status()})")
    return 0


def _summary(found: Run, reader: MetricReader, kinds: dict[str, str]) -> list[str]:
    summary = summaries(found)
    numbers = [Column(title, right=True) for title in ("LAST", "MIN", "MAX", "COUNT")]
    lines = []
    if summary:
        rows = [[name, *map(number, values)] for name, values in summary.items()]
        lines = table([Column("METRIC", least=10), *numbers], rows, screen_width())
    for name, kind in kinds.items():
        if name not in summary:
            lines.append(f"{clean(name)} ({clean(kind)}): {_in_short(reader.as_azure(name).get(name))}")
    return lines


def _in_short(value: Any) -> str:
    """Write both ends of a value that takes more than a line, and how many there are."""
    text = clean(_json(value))
    short = shorten(text, _IN_SHORT)
    return short if short == text or not isinstance(value, list) else f"{short} ({len(value):,} values)"


def _values(reader: MetricReader, name: str, kind: str) -> list[str]:
    points = reader.points(name)
    values = reader.values(name)
    if len(points.values) != len(values):
        return [f"{clean(name)} ({clean(kind)})", *(f"  {_json(value)}" for value in values)]
    rows = [
        [_clock(when), "" if step is None else step, number(value)]
        for when, step, value in zip(points.times.tolist(), _steps(points), points.values.tolist(), strict=True)
    ]
    columns = [Column("TIME", rank=1), Column("STEP", right=True), Column("VALUE", right=True)]
    return [clean(name), *table(columns, rows, screen_width())]


def _clock(when: float) -> str:
    return f"{moment(when)}.{int(when * 1000) % 1000:03d}"


def _document(found: Run, reader: MetricReader, kinds: dict[str, str], names: list[str]) -> dict[str, Any]:
    summary = metrics_document(summaries(found))
    metrics: dict[str, Any] = {}
    for name in names or kinds:
        metrics[name] = {"kind": kinds[name], **summary.get(name, {})}
        if names:
            points = reader.points(name)
            values = reader.values(name)
            metrics[name]["values"] = values
            if len(points.values) == len(values):
                metrics[name]["steps"] = _steps(points)
                metrics[name]["times"] = [timestamp(when) for when in points.times.tolist()]
        elif name not in summary:
            metrics[name]["value"] = reader.as_azure(name).get(name)
    return {
        "run": found.id,
        "state": found.get_status(),
        "lost": reader.lost(),
        "damaged": reader.damaged(),
        "metrics": metrics,
    }


def _steps(points: Any) -> list[int | None]:
    if points.steps is None or points.has_step is None:
        return [None] * len(points.times)
    return [step if has else None for step, has in zip(points.steps.tolist(), points.has_step.tolist(), strict=True)]


def _csv(reader: MetricReader, names: list[str] | None) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["name", "step", "time", "value"])
    for name in names or [info.name for info in reader.names()]:
        points = reader.points(name)
        columns = (_steps(points), points.times.tolist(), points.values.tolist())
        for step, when, value in zip(*columns, strict=True):
            writer.writerow([name, "" if step is None else step, repr(when), repr(value)])


def _json(value: Any) -> str:
    return json.dumps(plain(value))

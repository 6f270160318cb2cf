"""``traindock metrics``."""

from __future__ import annotations

import argparse
import csv
import json
from typing import TYPE_CHECKING, Any

from traindock.cli import parsers
from traindock.cli.finding import find_run, open_workspace
from traindock.cli.output import ALL_OF_IT, emit, most_rows, note, say, stream, tabulate
from traindock.cli.text import Column, clean, moment, number, shorten
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
        _csv(args, reader, args.names or list(kinds))
    elif args.json:
        emit(_document(found, reader, kinds, args.names))
    elif args.names:
        for name in args.names:
            _tell_values(args, reader, name, kinds[name])
    elif kinds:
        _tell_summary(found, reader, kinds)
    elif not damaged:
        note(args, f"run {found.id} has logged no metrics ({found.get_status()})")
    return 0


def _tell_summary(found: Run, reader: MetricReader, kinds: dict[str, str]) -> None:
    summary = summaries(found)
    numbers = [Column(title, right=True) for title in ("LAST", "MIN", "MAX", "COUNT")]
    if summary:
        rows = [[name, *map(number, values)] for name, values in summary.items()]
        tabulate([Column("METRIC", least=10), *numbers], rows)
    say(
        f"{clean(name)} ({clean(kind)}): {_in_short(reader.as_azure(name).get(name))}"
        for name, kind in kinds.items()
        if name not in summary
    )


def _in_short(value: Any) -> str:
    """Write both ends of a value that takes more than a line, and how many there are."""
    text = clean(_json(value))
    short = shorten(text, _IN_SHORT)
    return short if short == text or not isinstance(value, list) else f"{short} ({len(value):,} values)"


def _tell_values(args: argparse.Namespace, reader: MetricReader, name: str, kind: str) -> None:
    points = reader.points(name)
    values = reader.values(name)
    shown = _shown(args, name, len(values))
    if len(points.values) != len(values):
        say([f"{clean(name)} ({clean(kind)})", *(f"  {_json(value)}" for value in values[shown])])
        return
    series = (points.times[shown].tolist(), _steps(points)[shown], points.values[shown].tolist())
    rows = [
        [_clock(when), "" if step is None else step, number(value)] for when, step, value in zip(*series, strict=True)
    ]
    columns = [Column("TIME", rank=1), Column("STEP", right=True), Column("VALUE", right=True)]
    say(clean(name))
    tabulate(columns, rows)


def _shown(args: argparse.Namespace, name: str, count: int) -> slice:
    """Return which of a metric's values are printed, and say so where these are not all: the newest tell most."""
    most = most_rows()
    if most is None or count <= most:
        return slice(None)
    note(
        args,
        f"the last {most:,} of {count:,} values of {name}: run.get_metrics({name!r}) has all of them, and {ALL_OF_IT}",
    )
    return slice(count - most, None)


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


def _csv(args: argparse.Namespace, reader: MetricReader, names: list[str]) -> None:
    writer = csv.writer(stream(), lineterminator="\n")
    writer.writerow(["name", "step", "time", "value"])
    for name in names:
        points = reader.points(name)
        shown = _shown(args, name, len(points.values))
        columns = (_steps(points)[shown], points.times[shown].tolist(), points.values[shown].tolist())
        for step, when, value in zip(*columns, strict=True):
            writer.writerow([name, "" if step is None else step, repr(when), repr(value)])


def _json(value: Any) -> str:
    return json.dumps(plain(value))

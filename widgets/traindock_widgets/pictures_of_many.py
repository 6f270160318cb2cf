"""Pictures of several runs, for pages that draw nothing live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from traindock.documents import seconds_of
from traindock.errors import TraindockError
from traindock.run_facts import RunFacts
from traindock.states import State
from traindock.store.metrics import MetricReader
from traindock_widgets.picture import COLOURS, LINES, drawable_values, duration, plain, png, title, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from traindock.store.buckets import Buckets

_CHARTS: Final = 3
_BUCKETS: Final = 150
_ROWS: Final = 12
_LINE: Final = 0.2  # inches

#: By metric, by place among the runs.
_Curves = Mapping[str, Mapping[int, "Buckets"]]


def comparison_picture(runs: Sequence[RunFacts]) -> bytes | None:
    """Return a PNG of runs beside each other as they are now; None where there can be none."""
    shown = [(at, run) for at, run in enumerate(runs) if _is_there(run)]
    curves = _curves(shown)
    head = 0.35 + _LINE * len(shown)
    return png(head + (2.0 if curves else 0.0), lambda figure: _draw_comparison(figure, shown, curves, head))


def runs_picture(experiment: str, rows: Sequence[Mapping[str, Any]], *, more: bool) -> bytes | None:
    """Return a PNG of a list of runs; None where there can be none.

    Args:
        experiment: its name.
        rows: the runs, as ``row_document`` has them.
        more: whether there are others.
    """
    shown = rows[:_ROWS]
    height = 0.45 + _LINE * (len(shown) + 1)
    more = more or len(rows) > len(shown)
    return png(height, lambda figure: _draw_rows(figure, experiment, shown, height, more=more))


def _is_there(run: RunFacts) -> bool:
    try:
        return bool(run.record)
    except TraindockError:  # it was deleted
        return False


def _curves(runs: Sequence[tuple[int, RunFacts]]) -> _Curves:
    """Return the first metrics of which any run has a curve, those first that most have."""
    readers = {at: MetricReader.of_run(run.workspace.layout.run(run.id)) for at, run in runs}
    counts: dict[str, int] = {}
    for reader in readers.values():
        for name, summary in reader.summary().items():
            if summary.count > 1:
                counts[name] = counts.get(name, 0) + 1
    names = sorted(counts, key=lambda name: -counts[name])[:_CHARTS]
    return {name: {at: reader.buckets(name, _BUCKETS, axis="step") for at, reader in readers.items()} for name in names}


def _draw_comparison(figure: Figure, runs: Sequence[tuple[int, RunFacts]], curves: _Curves, head: float) -> None:
    height = figure.get_figheight()
    for line, (at, run) in enumerate(runs):
        record, y = run.record, 1 - (0.2 + _LINE * line) / height
        seconds = seconds_of(record)
        write(figure, 0.02, y, "━", color=LINES[at], weight="bold", size=10)
        write(figure, 0.05, y, (record.display_name or run.id)[:60], color="black", size=9)
        write(figure, 0.62, y, record.state.value, color=COLOURS.get(record.state, "#1565c0"), size=9)
        write(figure, 0.80, y, "" if seconds is None else duration(seconds), color="#555555", size=9)
    width = 0.96 / _CHARTS
    for place, (name, lines) in enumerate(curves.items()):
        axes = figure.add_axes((0.055 + place * width, 0.12, width - 0.06, 1 - (head + 0.45) / height))
        for at, curve in lines.items():
            axes.plot(curve.final, drawable_values(curve.last), color=LINES[at], linewidth=1.2)
        title(axes, name[:30])
        plain(axes)


def created(row: Mapping[str, Any]) -> str:
    """Return when a run was submitted, to the minute; UTC, since nobody knows where a picture is looked at."""
    return f"{row['created'][:16].replace('T', ' ')} UTC" if row["created"] else ""


def _draw_rows(
    figure: Figure, experiment: str, rows: Sequence[Mapping[str, Any]], height: float, *, more: bool
) -> None:
    write(figure, 0.02, 1 - 0.25 / height, experiment, color="black", weight="bold", size=11)
    for line, row in enumerate(rows):
        y = 1 - (0.5 + _LINE * line) / height
        state = State(row["state"])
        seconds = row["seconds"]
        write(figure, 0.02, y, state.value, color=COLOURS.get(state, "#1565c0"), size=9)
        write(figure, 0.18, y, (row["display_name"] or row["id"])[:60], color="black", size=9)
        write(figure, 0.66, y, "" if seconds is None else duration(seconds), color="#555555", size=9)
        write(figure, 0.76, y, created(row), color="#555555", size=9)
    note = "and more" if more else "" if rows else "no runs yet"
    write(figure, 0.02, 1 - (0.5 + _LINE * len(rows)) / height, note, color="#555555", size=9)

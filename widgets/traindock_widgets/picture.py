"""A picture of a run, for pages that draw nothing live: GitHub, exported notebooks, mails."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from traindock.documents import seconds_of
from traindock.run_facts import RunFacts
from traindock.states import State
from traindock.store.metrics import MetricReader

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from traindock.store.buckets import Buckets

#: Most bytes of a picture; notebooks keep it.
MOST_BYTES: Final = 60_000
_CHARTS: Final = 4
_BUCKETS: Final = 300
_COLOURS: Final = {State.COMPLETED: "#1b5e20", State.FAILED: "#b71c1c", State.CANCELED: "#e65100"}

# Matplotlib's caches of fonts are shared by all figures.
_drawing = threading.Lock()


def picture(run: RunFacts) -> bytes | None:
    """Return a PNG of a run as it is now: state, reason, duration, and its first curves.

    None where matplotlib is not installed, or where the picture would be too large for a notebook.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    curves = _curves(run)
    with _drawing:
        for dpi in (110, 80, 60):
            figure = Figure(figsize=(8, 1.1 if not curves else 3.1), dpi=dpi, facecolor="white")
            FigureCanvasAgg(figure)
            _draw(figure, run, curves)
            file = io.BytesIO()
            figure.savefig(file, format="png", metadata={"Software": None})
            if file.tell() < MOST_BYTES:
                return file.getvalue()
    return None


def _curves(run: RunFacts) -> Mapping[str, Buckets]:
    """Return the first metrics that are curves."""
    reader = MetricReader(run.workspace.layout.run(run.id).metrics)
    names = [name for name, summary in reader.summary().items() if summary.count > 1][:_CHARTS]
    return {name: reader.buckets(name, _BUCKETS, axis="step") for name in names}


def _draw(figure: Any, run: RunFacts, curves: Mapping[str, Buckets]) -> None:
    record = run.record
    height = figure.get_figheight()
    colour = _COLOURS.get(record.state, "#1565c0")
    seconds = seconds_of(record)
    figure.text(0.02, 1 - 0.30 / height, record.state.value, color=colour, weight="bold", size=11)
    figure.text(0.16, 1 - 0.30 / height, (record.display_name or run.id)[:80], color="black", weight="bold", size=11)
    facts = [run.experiment.name, record.spec.compute_target, "" if seconds is None else _duration(seconds)]
    figure.text(0.16, 1 - 0.55 / height, " · ".join(fact for fact in facts if fact), color="#555555", size=9)
    reason = record.detail if record.state is not State.COMPLETED else ""
    figure.text(0.16, 1 - 0.78 / height, reason[:120], color=colour, size=9)
    for at, (name, curve) in enumerate(curves.items()):
        width = 0.96 / _CHARTS
        axes = figure.add_axes((0.055 + at * width, 0.12, width - 0.06, 0.48))
        _draw_curve(axes, name, curve)


def _draw_curve(axes: Axes, name: str, curve: Buckets) -> None:
    axes.fill_between(curve.final, curve.min, curve.max, color="#1976d2", alpha=0.2, linewidth=0)
    axes.plot(curve.final, curve.last, color="#1976d2", linewidth=1.2)
    value = curve.last[-1] if len(curve.last) else math.nan
    axes.set_title(f"{name[:24]}  {value:.4g}", size=8, loc="left")
    axes.tick_params(labelsize=7, colors="#555555", length=2)
    axes.grid(color="#e8e8e8", linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

"""A picture of a run, for pages that draw nothing live: GitHub, exported notebooks, mails."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from traindock.documents import seconds_of
from traindock.run_facts import RunFacts
from traindock.states import State
from traindock.store.metrics import MetricReader
from traindock.telling import best_of

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ft2font import FT2Font
    from numpy.typing import NDArray

    from traindock.store.buckets import Buckets
    from traindock.store.run_records import RunRecord

log = logging.getLogger(__name__)

#: Most bytes of a picture; notebooks keep it.
MOST_BYTES: Final = 60_000
#: Of pictures, in inches.
WIDTH: Final = 8.0
_CHARTS: Final = 4
_BUCKETS: Final = 300
#: Numbers from here on are not drawn.
_MOST: Final = 1e100
COLOURS: Final = {State.COMPLETED: "#1b5e20", State.FAILED: "#b71c1c", State.CANCELED: "#e65100"}

#: Colours of lines, as the style sheet of the cards has them.
LINES: Final = (
    "#1976d2", "#e5780b", "#2e9e4f", "#8b5cf6", "#db2777", "#0d9488", "#a16207", "#64748b", "#c2410c", "#4d7c0f",
)  # fmt: skip
#: Most lines of a chart.
_LINES: Final = 3
#: What of a name tells on which data it was measured.
_PART: Final = re.compile(
    r"(?:^|[_./\- ])(?:train|training|val|valid|validation|test|eval)(?=$|[_./\- ])", re.IGNORECASE
)

# Matplotlib's caches of fonts are shared by all figures.
_drawing = threading.Lock()


def picture(run: RunFacts) -> bytes | None:
    """Return a PNG of a run as it is now: state, reason, duration, and its first curves; None as for :func:`png`."""
    record = run.record  # first: a picture of the end has all that was logged until then
    curves = _curves(run)
    return png(1.1 if not curves else 3.1, lambda figure: _draw(figure, run, record, curves))


def png(height: float, draw: Callable[[Figure], None]) -> bytes | None:
    """Return a PNG of a figure, as fine as notebooks have room for.

    None where matplotlib is not installed or cannot draw it, or where it would be too large for a notebook: a card
    without a picture is still a card.

    Args:
        height: of the figure, in inches; its width is ``WIDTH``.
        draw: draws on it.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    with _drawing:
        for dpi in (110, 80, 60):
            figure = Figure(figsize=(WIDTH, height), dpi=dpi, facecolor="white")
            FigureCanvasAgg(figure)
            file = io.BytesIO()
            try:
                draw(figure)
                figure.savefig(file, format="png", metadata={"Software": None})
            except Exception as error:  # noqa: BLE001 -- a card without a picture is still a card
                log.info("no picture: %s", error)
                return None
            if file.tell() < MOST_BYTES:
                return file.getvalue()
    return None


def drawable(text: str) -> str:
    """Return a text with a box for each character that none of matplotlib's fonts has: it would warn of each."""
    fonts = _fonts()
    return "".join(one if any(font.get_char_index(ord(one)) for font in fonts) else "□" for one in text)


def _fonts() -> list[FT2Font]:
    """Return the fonts in which matplotlib looks for a character: of each family of its settings that is here."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    found = []
    for family in FontProperties().get_family():
        with contextlib.suppress(ValueError):
            found.append(get_font(findfont(FontProperties(family=[family]), fallback_to_default=False)))
    return found or [get_font(findfont(FontProperties()))]


def drawable_values(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with gaps where matplotlib's own sums would overflow, and numpy warn of it."""
    import numpy as np

    return np.where(np.abs(values) < _MOST, values, np.nan)


def _curves(run: RunFacts) -> list[Mapping[str, Buckets]]:
    """Return the curves of the first charts."""
    reader = MetricReader.of_run(run.workspace.layout.run(run.id))
    names = [name for name, summary in reader.summary().items() if summary.count > 1]
    shown = charts(names)[:_CHARTS]
    return [{name: reader.buckets(name, _BUCKETS, axis="step") for name in chart[:_LINES]} for chart in shown]


def charts(names: Iterable[str]) -> list[list[str]]:
    """Group metrics as the card does: ``train_loss`` and ``val_loss`` share a chart, and measures stand first."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_PART.sub("", name, count=1).strip("_./- ") or name, []).append(name)
    # Sorting keeps the order of what is alike.
    return [found[chart] for chart in sorted(found, key=lambda chart: best_of(chart) is None)]


def _draw(figure: Figure, run: RunFacts, record: RunRecord, curves: Sequence[Mapping[str, Buckets]]) -> None:
    height = figure.get_figheight()
    colour = COLOURS.get(record.state, "#1565c0")
    seconds = seconds_of(record)
    write(figure, 0.02, 1 - 0.30 / height, record.state.value, color=colour, weight="bold", size=11)
    write(figure, 0.16, 1 - 0.30 / height, (record.display_name or run.id)[:80], color="black", weight="bold", size=11)
    facts = [run.experiment.name, record.spec.compute_target, "" if seconds is None else duration(seconds)]
    write(figure, 0.16, 1 - 0.55 / height, " · ".join(fact for fact in facts if fact), color="#555555", size=9)
    reason = record.detail if record.state is not State.COMPLETED else ""
    write(figure, 0.16, 1 - 0.78 / height, reason[:120], color=colour, size=9)
    for at, lines in enumerate(curves):
        width = 0.96 / _CHARTS
        axes = figure.add_axes((0.055 + at * width, 0.12, width - 0.06, 0.48))
        _draw_curves(axes, lines)


def _draw_curves(axes: Axes, lines: Mapping[str, Buckets]) -> None:
    for at, (name, curve) in enumerate(lines.items()):
        colour = LINES[at]
        lowest, highest = drawable_values(curve.min), drawable_values(curve.max)
        axes.fill_between(curve.final, lowest, highest, color=colour, alpha=0.2, linewidth=0)
        axes.plot(curve.final, drawable_values(curve.last), color=colour, linewidth=1.2)
        value = curve.last[-1] if len(curve.last) else math.nan
        label = f"{name[:24]}  {value:.4g}"
        y = 1.04 + 0.1 * (len(lines) - 1 - at)
        looks: dict[str, Any] = {"color": colour if len(lines) > 1 else "black", "size": 8, "parse_math": False}
        axes.text(0, y, drawable(label), transform=axes.transAxes, **looks)
    plain(axes)


def write(figure: Figure, x: float, y: float, text: str, **looks: Any) -> None:
    """Write a text that users may have chosen, as it is: matplotlib would take ``$`` for the start of a formula."""
    figure.text(x, y, drawable(text), parse_math=False, **looks)


def title(axes: Axes, text: str) -> None:
    """Name a chart."""
    axes.set_title(drawable(text), size=8, loc="left", parse_math=False)


def plain(axes: Axes) -> None:
    """Give axes the looks of all our charts."""
    axes.tick_params(labelsize=7, colors="#555555", length=2)
    axes.grid(color="#e8e8e8", linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def duration(seconds: float) -> str:
    """Return seconds as people read them: ``2.5 s``, ``1:05``, ``1:02:05``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

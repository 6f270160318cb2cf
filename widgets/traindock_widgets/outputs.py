"""What outputs of a notebook have of a card: something for each kind of page that may show it."""

from __future__ import annotations

import threading
import uuid
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from IPython.display import publish_display_data

from traindock.notebook import is_watched


@dataclass(frozen=True)
class Kind:
    """A kind of card.

    Attributes:
        mime: type of such outputs, which our JupyterLab extension draws from the server. The data never differs; what
            is shown stands in the metadata.
        text: for pages that show neither picture nor card, always the same so that notebooks compare as equal.
        version: of the form of such outputs; an extension that knows only older ones says so.
    """

    mime: str
    text: str
    version: int = 1


RUN: Final = Kind("application/vnd.traindock.run+json", "A run of Traindock: its card is live in JupyterLab.")
REGISTRATION: Final = Kind(
    "application/vnd.traindock.registration+json", "Registers a model of Traindock: live in JupyterLab."
)
COMPARISON: Final = Kind(
    "application/vnd.traindock.comparison+json", "Runs of Traindock side by side: live in JupyterLab."
)
RUNS: Final = Kind("application/vnd.traindock.runs+json", "The runs of an experiment of Traindock: live in JupyterLab.")

WIDGET: Final = "application/vnd.jupyter.widget-view+json"


def card_output(
    kind: Kind, shown: Mapping[str, Any], widget_id: str | None, drawn: bytes | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata of an output that shows a card.

    Args:
        kind: of which kind.
        shown: what it shows: ids, and nothing else.
        widget_id: id of the widget's model, for hosts without our extension.
        drawn: a PNG for pages without anything live.
    """
    data: dict[str, Any] = {kind.mime: {"version": kind.version}, "text/plain": kind.text}
    metadata: dict[str, Any] = {kind.mime: dict(shown)}
    if widget_id is not None:
        data[WIDGET] = {"version_major": 2, "version_minor": 1, "model_id": widget_id}
    if drawn is not None:
        data["image/png"] = b64encode(drawn).decode()
    return data, metadata


class Outputs:
    """The outputs that show one card.

    Args:
        kind: of which kind.
        shown: what it shows.
        draw: returns a picture of it as it is now, for pages without anything live; None for no picture.
    """

    def __init__(self, kind: Kind, shown: Mapping[str, Any], draw: Callable[[], bytes | None]) -> None:
        self._kind = kind
        self._shown = shown
        self._draw = draw
        self._shown_in: list[tuple[str, str | None]] = []
        self._ends = 0
        self._lock = threading.Lock()
        self._freezing = threading.Lock()

    def show(self, widget_id: str | None, *, changes: bool) -> None:
        """Put the card into the output of the cell that is executed.

        Args:
            widget_id: id of the widget's model.
            changes: whether :meth:`freeze` is to draw it again.
        """
        output = uuid.uuid4().hex
        # Where no page looks on, the output may come into one that would fetch what draws widgets from elsewhere.
        widget_id = widget_id if is_watched() else None
        with self._lock:
            ends = self._ends
        self._publish(output, widget_id, again=False)
        with self._lock:
            ended = self._ends > ends
            if changes and not ended:
                self._shown_in.append((output, widget_id))
        # What comes after the cell's end and before the next one is lost to who executes a notebook without a page.
        if changes and ended:
            self._publish(output, widget_id, again=True)

    def freeze(self) -> None:
        """Put the last picture into all outputs that were shown before; returns when all of them have it."""
        # A cell that waits for a run's end must not end itself while another thread draws what belongs to it.
        with self._freezing:
            with self._lock:
                self._ends += 1
                shown_in, self._shown_in = self._shown_in, []
            for output, widget_id in shown_in:
                self._publish(output, widget_id, again=True)

    def _publish(self, output: str, widget_id: str | None, *, again: bool) -> None:
        drawn = self._draw()
        if again and drawn is None:
            return  # an older picture is better than none
        data, metadata = card_output(self._kind, self._shown, widget_id, drawn)
        publish_display_data(data, metadata, transient={"display_id": output}, update=again)  # type: ignore[no-untyped-call]

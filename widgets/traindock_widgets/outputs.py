"""What an output of a notebook has of a card: something for each kind of page that may show it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

from IPython.display import publish_display_data

from traindock.run_facts import RunFacts
from traindock_widgets.picture import picture

#: Drawn by our JupyterLab extension, from the server. The data never differs; what is shown stands in the metadata.
CARD: Final = "application/vnd.traindock.run+json"
#: Version of the form of such outputs; an extension that knows only older ones says so.
VERSION: Final = 1

WIDGET: Final = "application/vnd.jupyter.widget-view+json"
#: For pages that show neither picture nor card, the same for every run so that notebooks compare as equal.
TEXT: Final = "A run of Traindock: its card is live in JupyterLab."


def card_output(run: RunFacts, widget_id: str | None, drawn: bytes | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata of an output that shows a run.

    Args:
        run: the run.
        widget_id: id of the widget's model, for hosts without our extension.
        drawn: a PNG for pages without anything live.
    """
    data: dict[str, Any] = {CARD: {"version": VERSION}, "text/plain": TEXT}
    metadata: dict[str, Any] = {CARD: {"workspace": run.workspace.id, "run": run.id}}
    if widget_id is not None:
        data[WIDGET] = {"version_major": 2, "version_minor": 1, "model_id": widget_id}
    if drawn is not None:
        data["image/png"] = b64encode(drawn).decode()
    return data, metadata


def publish(output: str, run: RunFacts, widget_id: str | None, *, again: bool = False) -> None:
    """Put the card of a run into an output of the notebook.

    Args:
        output: id of the output.
        run: the run.
        widget_id: id of the widget's model.
        again: whether the output is there already, and is to show the run as it is now.
    """
    data, metadata = card_output(run, widget_id, picture(run))
    publish_display_data(data, metadata, transient={"display_id": output}, update=again)  # type: ignore[no-untyped-call]

"""A run that was just submitted, before the eyes of whoever did so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traindock.errors import Detached
from traindock.notebook import in_kernel
from traindock_widgets import displaying

if TYPE_CHECKING:
    from traindock.run import Run


def watch(run: Run, *, wait: bool) -> None:
    """Show a run's card, or in a terminal's IPython print which run it is.

    Args:
        run: the run.
        wait: return when it has ended.

    Raises:
        ActivityFailedException: it failed.
        Detached: waiting was interrupted; the run goes on.
    """
    try:
        if in_kernel():
            displaying.show(run)
        elif not wait:
            print(run)  # noqa: T201
        if wait:
            run.wait_for_completion(show_output=not in_kernel())
    except KeyboardInterrupt:
        raise Detached(f"interrupted; run {run.id} was submitted and goes on: %traindock show {run.id}") from None

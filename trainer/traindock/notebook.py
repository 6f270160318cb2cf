"""Where this package meets notebooks, of which it knows nothing: through an entry point, if the other side is there."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from traindock.run_facts import RunFacts

#: Group of the entry point, whose one name is "cards".
GROUP = "traindock.notebook"


class Cards(Protocol):
    """What shows runs in a notebook: a module with these functions."""

    def show(self, run: RunFacts) -> None:
        """Show the card of a run in the output of the cell that is executed."""

    def is_shown(self, run: RunFacts) -> bool:
        """Return whether this kernel has shown a card of the run."""


def cards() -> Cards | None:
    """Return what shows runs in the notebook that this process is the kernel of; None in any other process."""
    return _installed() if in_kernel() else None


def in_kernel() -> bool:
    """Whether this process is the kernel of a notebook, and not a script, a test or a terminal."""
    return _kernel() is not None


def is_watched() -> bool:
    """Whether the cell that is executed was sent from a page, and not by a program that executes notebooks.

    Programs such as nbconvert and papermill tell the kernel that nobody can answer ``input()``.
    """
    return bool(getattr(_kernel(), "_allow_stdin", False))


def _kernel() -> object | None:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None)


@cache
def _installed() -> Cards | None:
    for entry in entry_points(group=GROUP, name="cards"):
        try:
            return cast("Cards", entry.load())
        except ImportError:  # ipywidgets was removed, say: what there was before cards is shown then
            return None
    return None

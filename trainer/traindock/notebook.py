"""Where this package meets notebooks, of which it knows nothing: through an entry point, if the other side is there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, cast

from traindock.errors import UserErrorException

if TYPE_CHECKING:
    from traindock.run_facts import RunFacts

#: Group of the entry points "cards" and "magics".
GROUP = "traindock.notebook"


class Cards(Protocol):
    """What shows runs in a notebook: a module with these functions."""

    def show(self, run: RunFacts) -> None:
        """Show the card of a run in the output of the cell that is executed."""

    def is_shown(self, run: RunFacts) -> bool:
        """Return whether the notebook has a card of the run, as far as this kernel knows."""

    def draw_end(self, run: RunFacts) -> None:
        """Put the last picture of a run, which has ended, into the outputs in which this kernel has shown its cards."""


@dataclass(frozen=True)
class Execution:
    """One execution of a cell.

    Attributes:
        cell: the same for all executions of the cell.
        id: of this execution.
    """

    cell: str
    id: str


class Magics(Protocol):
    """What ``%load_ext traindock`` loads: a module with these functions."""

    def load(self, shell: Any) -> None:
        """Have an IPython shell understand ``%traindock`` and ``%%traindock``."""

    def unload(self, shell: Any) -> None:
        """Undo :meth:`load`."""


def magics() -> Magics:
    """Return what ``%load_ext traindock`` loads.

    Raises:
        UserErrorException: the notebook side is not installed, or something that it needs is missing.
    """
    for entry in entry_points(group=GROUP, name="magics"):
        try:
            return cast("Magics", entry.load())
        except ImportError as error:
            raise UserErrorException(f"the magics need what cannot be imported here: {error}") from error
    raise UserErrorException("the notebook side of Traindock is not installed here: pip install traindock")


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


def execution() -> Execution:
    """Return which execution of which cell calls this.

    Pages that do not name their cells have them told apart by their code. Programs execute each cell once.
    """
    request = _request()
    header, metadata, content = (request.get(part, {}) for part in ("header", "metadata", "content"))
    number = str(header.get("msg_id", ""))
    cell = metadata.get("cellId") or (content.get("code") if is_watched() else None)
    return Execution(str(cell or number), number)


def _request() -> Mapping[str, Any]:
    """Return the message that asked for what is executed; empty where there is none."""
    kernel: Any = _kernel()
    try:
        request = kernel.get_parent()
    except (AttributeError, LookupError):  # no kernel, or a thread that serves no message
        return {}
    return request if isinstance(request, Mapping) else {}


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

"""What a notebook shows of a run by itself: found by ``traindock`` through the entry point ``traindock.notebook``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from traindock.notebook import Execution, execution

if TYPE_CHECKING:
    from traindock.run_facts import RunFacts
    from traindock_widgets.run_details import RunDetails

_Key: TypeAlias = tuple[str, str]


@dataclass
class _ShownIn:
    """What the output of a cell has.

    Attributes:
        execution: the one that has put it there.
        runs: whose cards.
    """

    execution: str
    runs: set[_Key] = field(default_factory=set)


#: The cards of each run, the one that was shown last at the end.
_cards: dict[_Key, list[RunDetails]] = {}
_cells: dict[str, _ShownIn] = {}


def is_shown(run: RunFacts) -> bool:
    """Return whether a cell of the notebook has a card of the run.

    The one that is executed has it only if this very execution has shown it: a page empties the output of a cell
    that is executed again. Where another cell has the card, one that waits is to show no second one below it.
    """
    key = _key(run)
    _output_of(execution())
    return any(card.comm is not None for card in _cards.get(key, ())) and any(
        key in shown.runs for shown in _cells.values()
    )


def draw_end(run: RunFacts) -> None:
    """Put the last picture of a run, which has ended, into the outputs in which this kernel has shown its cards.

    Returns when all of them have it, whichever thread draws it.
    """
    for card in list(_cards.get(_key(run), ())):
        card.draw_end()


def remember(run: RunFacts, card: RunDetails) -> None:
    """Remember that a card of the run is shown by the cell that is executed.

    Cards that were closed since are forgotten: a kernel may run for weeks.
    """
    _keep(run, card)
    _output_of(execution()).runs.add(_key(run))
    for cell in [cell for cell, shown in _cells.items() if not shown.runs & _cards.keys()]:
        del _cells[cell]


def show(run: RunFacts) -> None:
    """Show the card of a run in the output of the cell that is executed."""
    card_of(run).show()


def card_of(run: RunFacts) -> RunDetails:
    """Return this kernel's card of a run: one widget feeds all outputs that show it."""
    from traindock_widgets.run_details import RunDetails

    for card in reversed(_cards.get(_key(run), [])):
        if card.comm is not None:
            return card
    card = RunDetails(run)
    _keep(run, card)
    return card


def _key(run: RunFacts) -> _Key:
    return (run.workspace.id, run.id)


def _keep(run: RunFacts, card: RunDetails) -> None:
    for key, cards in list(_cards.items()):
        cards[:] = [one for one in cards if one.comm is not None and one is not card]
        if not cards:
            del _cards[key]
    _cards.setdefault(_key(run), []).append(card)


def _output_of(now: Execution) -> _ShownIn:
    """Return what the output of a cell has, which is nothing yet where this is another execution of it."""
    shown = _cells.get(now.cell)
    if shown is None or shown.execution != now.id:
        shown = _cells[now.cell] = _ShownIn(now.id)
    return shown

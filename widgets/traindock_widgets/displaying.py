"""What a notebook shows of a run by itself: found by ``traindock`` through the entry point ``traindock.notebook``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traindock.run_facts import RunFacts
    from traindock_widgets.run_details import RunDetails

_cards: dict[tuple[str, str], RunDetails] = {}


def is_shown(run: RunFacts) -> bool:
    """Return whether this kernel has shown a card of the run."""
    return (run.workspace.id, run.id) in _cards


def draw_end(run: RunFacts) -> None:
    """Put the last picture of a run, which has ended, into the outputs in which this kernel has shown its card."""
    if (card := _cards.get((run.workspace.id, run.id))) is not None:
        card.draw_end()


def remember(run: RunFacts, card: RunDetails) -> None:
    """Remember that a card of the run was shown: another output of the run shows the same one.

    Cards that were closed since are forgotten: a kernel may run for weeks.
    """
    for key in [key for key, one in _cards.items() if one.comm is None]:
        del _cards[key]
    _cards[run.workspace.id, run.id] = card


def show(run: RunFacts) -> None:
    """Show the card of a run in the output of the cell that is executed."""
    card_of(run).show()


def card_of(run: RunFacts) -> RunDetails:
    """Return this kernel's card of a run: one widget feeds all outputs that show it."""
    from traindock_widgets.run_details import RunDetails

    key = (run.workspace.id, run.id)
    card = _cards.get(key)
    if card is None or card.comm is None:
        card = RunDetails(run)
        remember(run, card)
    return card

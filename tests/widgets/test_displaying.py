"""Which cards a kernel keeps to show them again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.widgets.conftest import Page

from traindock_widgets import displaying


def test_a_run_has_one_card_until_that_is_closed(page: Page, start: Callable[..., Any]) -> None:
    run = start()
    card = displaying.card_of(run)
    assert displaying.card_of(run) is card
    card.close()
    assert displaying.card_of(run) is not card
    run.complete()


def test_cards_that_were_closed_are_forgotten(page: Page, start: Callable[..., Any]) -> None:
    first, second = start(), start()
    displaying.card_of(first).close()
    displaying.card_of(second)
    assert (displaying.is_shown(first), displaying.is_shown(second)) == (False, True)
    for run in (first, second):
        run.complete()

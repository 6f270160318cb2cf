"""Which cards a kernel keeps to show them again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.widgets.conftest import Page, told

from traindock import notebook
from traindock_widgets import displaying

Start = Callable[..., Any]


def test_a_run_has_one_card_until_that_is_closed(page: Page, start: Start) -> None:
    run = start()
    card = displaying.card_of(run)
    assert displaying.card_of(run) is card
    card.close()
    assert displaying.card_of(run) is not card
    run.complete()


def test_cards_that_were_closed_are_forgotten(page: Page, start: Start) -> None:
    first, second = start(), start()
    displaying.card_of(first).close()
    displaying.card_of(second)
    assert (displaying.is_shown(first), displaying.is_shown(second)) == (False, True)
    for run in (first, second):
        run.complete()


class TestWaitingForARunWhoseCardIsShown:
    @pytest.fixture
    def ended(
        self, page: Page, start: Start, shown: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Any]:
        """A run that has printed a megabyte, whose card a notebook has."""
        monkeypatch.setattr(notebook, "_kernel", object)
        run = start()
        card = displaying.card_of(run)
        card.show()
        layout = run.workspace.layout.run(run.id)
        layout.stdout.parent.mkdir(exist_ok=True)
        layout.stdout.write_text("".join(f"line {number}\n" for number in range(100_000)))
        run.complete()
        told(card, "state", "Completed")
        yield run
        card.close()

    def test_prints_nothing_where_it_is_awaited(self, ended: Any, capsys: pytest.CaptureFixture[str]) -> None:
        async def wait() -> Any:
            return await ended

        assert asyncio.run(wait())["status"] == "Completed"
        assert capsys.readouterr().out == ""

    def test_prints_the_end_of_what_was_logged_before(
        self, ended: Any, shown: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = len(shown)
        ended.wait_for_completion(show_output=True)
        text = capsys.readouterr().out
        assert len(text) < 70_000
        assert re.search(r"… 1,\d+,\d+ bytes before are in /.*stdout.txt\nline \d+\n", text)
        assert "line 99999\n" in text
        assert len([one for one in shown[before:] if not one["again"]]) == 0

"""Which cards a kernel keeps to show them again."""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from tests.widgets.conftest import Page, told

from traindock import notebook
from traindock_widgets import RunDetails, displaying

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
    displaying.remember(first, displaying.card_of(first))
    displaying.remember(second, displaying.card_of(second))
    displaying.card_of(first).close()
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


class TestACellThatWaits:
    @pytest.fixture
    def wait_in(self, page: Page, shown: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
        """Execute a cell that waits for an ended run; returns how many cards it showed."""
        numbers = itertools.count()
        kernel = SimpleNamespace(_allow_stdin=True, get_parent=dict)
        monkeypatch.setattr(notebook, "_kernel", lambda: kernel)

        def wait_in(cell: str | None, run: Any, *, code: str = "await run", times: int = 1) -> int:
            request = {
                "header": {"msg_id": str(next(numbers))},
                "metadata": {} if cell is None else {"cellId": cell},
                "content": {"code": code},
            }
            kernel.get_parent = lambda: request
            before = len(shown)
            for _ in range(times):
                run.wait_for_completion(show_output=True)
            return len([one for one in shown[before:] if not one["again"]])

        return wait_in

    @pytest.fixture
    def ended(self, start: Start) -> Callable[[], Any]:
        def ended() -> Any:
            run = start()
            run.complete()
            return run

        return ended

    def test_shows_the_card_again_when_it_is_executed_again(
        self, wait_in: Callable[..., int], ended: Callable[[], Any]
    ) -> None:
        run = ended()
        assert [wait_in("a", run), wait_in("a", run), wait_in("a", run, times=2)] == [1, 1, 1]

    def test_shows_no_second_card_below_the_first(self, wait_in: Callable[..., int], ended: Callable[[], Any]) -> None:
        run = ended()
        assert [wait_in("a", run), wait_in("b", run), wait_in("b", run)] == [1, 0, 0]

    def test_shows_the_card_where_the_cell_that_had_it_has_another_one_by_now(
        self, wait_in: Callable[..., int], ended: Callable[[], Any]
    ) -> None:
        first, second = ended(), ended()
        assert [wait_in("a", first), wait_in("a", second), wait_in("b", first)] == [1, 1, 1]

    def test_is_known_by_its_code_where_the_page_does_not_name_it(
        self, wait_in: Callable[..., int], ended: Callable[[], Any]
    ) -> None:
        run = ended()
        assert [wait_in(None, run), wait_in(None, run), wait_in(None, run, code="await  run")] == [1, 1, 0]


class TestTheLastPicture:
    def test_is_there_before_a_cell_that_waits_ends_though_another_thread_draws_it(
        self, page: Page, start: Start, shown: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = start()
        card = displaying.card_of(run)
        card.show()
        drawing, go_on = threading.Event(), threading.Event()

        def draw() -> bytes:
            drawing.set()
            assert go_on.wait(30)
            return b"the end"

        monkeypatch.setattr(card._outputs, "_draw", draw)
        pictures_at_the_cells_end: list[int] = []

        def cell() -> None:
            displaying.draw_end(run)
            pictures_at_the_cells_end.append(len([one for one in shown if one["again"]]))

        hub, waiting = threading.Thread(target=card.draw_end), threading.Thread(target=cell)
        hub.start()
        assert drawing.wait(30)
        waiting.start()
        waiting.join(0.2)  # it is over in much less where it does not wait for the drawing
        go_on.set()
        for thread in (hub, waiting):
            thread.join(30)
        assert pictures_at_the_cells_end == [1]
        run.complete()

    def test_comes_into_the_outputs_of_all_cards_of_the_run(
        self, page: Page, start: Start, shown: list[dict[str, Any]]
    ) -> None:
        run = start()
        displaying.show(run)
        RunDetails(run).show()

        displaying.draw_end(run)

        assert [one["id"] for one in shown if one["again"]] == [one["id"] for one in shown if not one["again"]]
        assert len(shown) == 4
        run.complete()

"""How views of widgets are told what they may have missed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from tests.conftest import wait_for
from tests.widgets.conftest import Page, told

from traindock_widgets import RunDetails, feeding
from traindock_widgets.run_digest import RunDigest

Start = Callable[..., Any]


def test_what_stands_for_all_news_is_sent_less_and_less_often(
    page: Page, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(feeding, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    run = start()
    card = RunDetails(run)
    run.complete()
    told(card, "state", "Completed")
    wait_for(lambda: not card._kernel.hub.follows(card._follower, run.id), "the end of following")
    page.sent.clear()

    at: list[float] = []
    for _ in range(480):
        clock[0] += 0.25
        card._take({"name": run.id, "logs": {}})
        if len(page.states(card, "_digest")) > len(at):
            at.append(clock[0])

    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert pauses == sorted(pauses)
    assert pauses[0] <= 4
    assert pauses[-1] == 15


@pytest.mark.slow
def test_what_stands_for_all_news_up_to_a_number_has_the_news_of_that_number(
    page: Page, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    card = RunDetails(run)
    wait_for(lambda: page.news(card, run.id), "the first news")
    add = RunDigest.add

    def add_while_a_view_asks(digest: RunDigest, message: dict[str, Any]) -> None:
        view = threading.Thread(target=page.ask, args=(card,), kwargs={"kind": "follow", "name": run.id})
        view.start()
        view.join(0.1)  # it has its answer in much less where it need not wait for what is told right now
        add(digest, message)

    monkeypatch.setattr(RunDigest, "add", add_while_a_view_asks)
    run.log("loss", 0.5)
    told(card, "metrics", {"loss": 0.5})
    number = page.news(card, run.id)[-1]["number"]

    def answers() -> list[dict[str, Any]]:
        return [one[run.id] for one in page.states(card, "_digest") if one[run.id]["number"] >= number]

    wait_for(answers, "the answer to the view")
    assert all(answer["message"]["metrics"]["series"] for answer in answers())

"""What outputs of a notebook have of a card."""

from __future__ import annotations

import importlib
import threading
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from tests.widgets.conftest import Page

from traindock_widgets import displaying
from traindock_widgets.outputs import RUN, WIDGET, Outputs

Start = Callable[..., Any]


def outputs() -> Outputs:
    return Outputs(RUN, {"run": "a"}, lambda: b"a picture")


class TestAnOutput:
    def test_names_the_widget_where_a_page_looks_on(self, shown: list[dict[str, Any]]) -> None:
        outputs().show("f" * 32, changes=False)
        assert shown[0]["data"][WIDGET]["model_id"] == "f" * 32

    def test_names_no_widget_where_nobody_looks_on_so_that_its_page_fetches_nothing_from_elsewhere(
        self, shown: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importlib.import_module("traindock_widgets.outputs"), "is_watched", lambda: False)
        several = outputs()
        several.show("f" * 32, changes=True)
        several.freeze()
        assert [one["again"] for one in shown] == [False, True]
        assert [WIDGET in one["data"] for one in shown] == [False, False]

    def test_is_drawn_for_the_last_time_once(self, shown: list[dict[str, Any]]) -> None:
        several = outputs()
        several.show(None, changes=True)
        several.show(None, changes=False)
        several.freeze()
        several.freeze()
        assert [one["again"] for one in shown] == [False, False, True]
        assert shown[2]["id"] == shown[0]["id"]

    def test_keeps_its_picture_where_there_is_no_later_one(self, shown: list[dict[str, Any]]) -> None:
        pictures = iter([b"a picture", None])
        one = Outputs(RUN, {"run": "a"}, lambda: next(pictures))
        one.show(None, changes=True)
        one.freeze()
        assert ["image/png" in one["data"] for one in shown] == [True]

    def test_has_the_picture_of_an_end_that_comes_while_the_first_one_is_drawn(
        self, shown: list[dict[str, Any]]
    ) -> None:
        ends: list[threading.Thread] = []

        def draw() -> bytes:
            if ends:
                return b"the end"
            ends.append(threading.Thread(target=one.freeze))
            ends[0].start()
            ends[0].join(30)
            return b"the beginning"

        one = Outputs(RUN, {"run": "a"}, draw)
        one.show(None, changes=True)
        assert [(one["again"], b64decode(one["data"]["image/png"])) for one in shown] == [
            (False, b"the beginning"),
            (True, b"the end"),
        ]


class TestTheCardOfARun:
    def test_is_the_same_for_all_outputs_until_it_is_closed(self, page: Page, start: Start) -> None:
        run = start()
        card = displaying.card_of(run)
        assert displaying.card_of(run) is card
        card.close()
        assert displaying.card_of(run) is not card
        assert displaying.card_of(run).comm is not None

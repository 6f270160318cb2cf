"""The JSON of answers: what JSON lacks is told, and writing it keeps nobody else waiting."""

from __future__ import annotations

import json
import math
import threading
from typing import Any

import pytest
from tests.conftest import Submit
from tests.jupyter_ext.conftest import Ask

from jupyterlab_traindock import json_text
from traindock import Workspace


class TestText:
    @pytest.mark.parametrize(
        ("value", "read"),
        [
            ({"a": [1, 2.5, True, None, "ä€"]}, {"a": [1, 2.5, True, None, "ä€"]}),
            ([math.nan, math.inf, -math.inf], ["NaN", "Infinity", "-Infinity"]),
            ({1: ("x", {"y"})}, {"1": ["x", ["y"]]}),
            ([2**64 - 1, -(2**64) + 1, 2**64], [2**64 - 1, -(2**64) + 1, str(2**64)]),
            ("a\udcff.txt", "a\udcff.txt"),
        ],
        ids=["plain", "no numbers", "other types", "long integers", "a name that is not UTF-8"],
    )
    def test_says_the_same(self, value: object, read: object) -> None:
        assert json.loads(json_text.of(value)) == read


class TestAnswers:
    async def test_are_written_in_threads(
        self, ask: Ask, workspace: Workspace, submit: Submit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = submit("pass")
        threads: list[str] = []
        really = json_text.of_plain

        def write(document: Any) -> bytes:
            threads.append(threading.current_thread().name)
            return really(document)

        monkeypatch.setattr(json_text, "of_plain", write)
        runs = ("workspaces", workspace.id, "runs")

        await ask("workspaces")
        await ask(*runs)
        await ask(*runs, run.id)
        await ask(*runs, run.id, "cancel", method="POST", expect=202)

        assert len(threads) == 4
        assert all(name.startswith("traindock") for name in threads)

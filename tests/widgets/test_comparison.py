"""Runs beside each other, as a widget."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from tests.conftest import make_workspace, wait_for
from tests.widgets.conftest import Page, told

from traindock import Experiment, Run, UserErrorException
from traindock.errors import RunNotFoundException
from traindock_widgets import compare

Start = Callable[..., Any]


class TestTraits:
    def test_follow_all_runs(self, page: Page, start: Start) -> None:
        first, second = start(), start()
        first.log("loss", 1)
        first.complete()

        card = compare(first, second)
        assert card.states == {first.id: "Completed", second.id: "Running"}
        second.log("loss", 2)
        told(card, "metrics", {first.id: {"loss": 1}, second.id: {"loss": 2}})
        second.fail("why")

        told(card, "states", {first.id: "Completed", second.id: "Failed"})
        assert card.run_ids == [first.id, second.id]

    def test_are_those_of_any_widget(self, page: Page, start: Start) -> None:
        first, second = start(), start()
        card = compare(first, second)
        seen: list[Any] = []
        card.observe(lambda change: seen.append(change["new"]), "states")
        ipywidgets.Tab([ipywidgets.HBox([card])])
        second.complete()
        wait_for(lambda: seen and seen[-1][second.id] == "Completed", "the end of the run")

    def test_of_runs_that_have_ended_are_followed_no_more(self, page: Page, start: Start) -> None:
        runs = [start() for _ in range(3)]
        card = compare(*runs)
        for run in runs:
            run.complete()
        wait_for(lambda: set(card.states.values()) == {"Completed"}, "the end of all runs")
        hub = card._kernel.hub
        wait_for(lambda: not any(hub.follows(card._follower, run.id) for run in runs), "the end of following")


class TestNews:
    def test_have_no_logs(self, page: Page, start: Start) -> None:
        first, second = start(), start()
        card = compare(first, second)
        wait_for(lambda: all(page.news(card, f"{run.id}/metrics") for run in (first, second)), "news of both")
        assert not [one for one in page.news(card, f"{first.id}/metrics") if "logs" in one["message"]]

    @pytest.mark.slow
    def test_of_a_deleted_run_say_so_and_the_others_go_on(self, page: Page, start: Start) -> None:
        first, second = start(), start()
        first.complete()
        page_of = compare(first, second)
        wait_for(lambda: page_of.states[first.id] == "Completed", "the end of the run")
        Run.get(first.workspace, first.id).delete()

        again = f"{first.id}"
        page.ask(page_of, kind="follow", name=again)
        wait_for(lambda: page.news(page_of, again), "what became of the run")
        assert page.news(page_of, again)[0]["message"]["error"]["code"] == "run_not_found"
        second.log("loss", 1)
        wait_for(lambda: page_of.metrics[second.id], "a metric of the other run")

    @pytest.mark.slow
    def test_take_no_more_room_for_ten_runs_than_for_a_few(self, page: Page, start: Start) -> None:
        runs = [start() for _ in range(10)]
        for run in runs:
            for step in range(1000):
                run.log("loss", step)
        card = compare(*runs)
        wait_for(lambda: all(card.metrics[run.id] == {"loss": 999} for run in runs), "all metrics")
        page.ask(card, kind="follow", name=f"{runs[0].id}/metrics")
        digest = page.states(card, "_digest")[-1]
        counts = [len(one["message"]["metrics"]["series"][0]["buckets"]["last"]) for one in digest.values()]
        assert len(counts) == 10
        assert sum(counts) <= 1000


class TestOutput:
    def test_names_the_runs_in_its_metadata_alone(self, page: Page, start: Start, shown: list[dict[str, Any]]) -> None:
        first, second = start("first"), start("second $")
        first.log("loss", 1)
        first.log("loss", 2)
        compare(first, second).show(render_lib=None, widget_settings={})
        kind = "application/vnd.traindock.comparison+json"
        assert shown[0]["data"][kind] == {"version": 1}
        assert shown[0]["metadata"] == {kind: {"workspace": first.workspace.id, "runs": [first.id, second.id]}}
        assert len(base64.b64decode(shown[0]["data"]["image/png"])) < 60_000

    @pytest.mark.slow
    def test_is_drawn_once_more_when_all_runs_have_ended(
        self, page: Page, start: Start, shown: list[dict[str, Any]]
    ) -> None:
        first, second = start(), start()
        card = compare(first, second)
        card.show()
        first.complete()
        wait_for(lambda: card.states[first.id] == "Completed", "the end of the first")
        assert len(shown) == 1
        second.complete()
        wait_for(lambda: [one["again"] for one in shown] == [False, True], "the last picture")

    def test_outside_of_a_notebook_is_a_text(
        self, page: Page, start: Start, capsys: pytest.CaptureFixture[str]
    ) -> None:
        first, second = start(), start()
        compare(first, second).show()
        text = capsys.readouterr().out
        assert first.id in text
        assert second.id in text


class TestRefused:
    def test_are_too_few_and_too_many(self, start: Start) -> None:
        run = start()
        with pytest.raises(UserErrorException, match="1 runs cannot be compared: name 2 to 10 of them"):
            compare(run)
        with pytest.raises(UserErrorException, match="11 runs"):
            compare(*[run] * 11)

    def test_is_what_is_no_run(self, start: Start) -> None:
        with pytest.raises(UserErrorException, match=r"takes runs, .* and not 'bees_1'"):
            compare(start(), "bees_1")  # type: ignore[arg-type]

    def test_is_a_run_beside_itself(self, start: Start) -> None:
        run = start()
        with pytest.raises(UserErrorException, match=f"{run.id} would be compared with itself"):
            compare(run, run)

    def test_are_runs_of_two_workspaces(self, start: Start, tmp_path: Path) -> None:
        run = start()
        other = Experiment(make_workspace(tmp_path / "other"), "bees").start_logging(
            outputs=None, snapshot_directory=None
        )
        with pytest.raises(UserErrorException, match="compare runs of one workspace"):
            compare(run, other)

    def test_is_a_run_that_was_deleted(self, start: Start) -> None:
        first, second = start(), start()
        first.complete()
        found = Run.get(first.workspace, first.id)
        found.delete()
        with pytest.raises(RunNotFoundException, match=first.id):
            compare(second, found)

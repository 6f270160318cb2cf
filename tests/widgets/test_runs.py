"""The runs of an experiment, as a widget."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import ipywidgets
import pytest
from tests.conftest import wait_for
from tests.widgets.conftest import Page, told

from traindock import Experiment, Run, UserErrorException
from traindock_widgets import Runs
from traindock_widgets.feeding import STATIC

Start = Callable[..., Any]


def first_path(experiment: Experiment) -> str:
    """The path that a view asks for first: the TypeScript of the list makes the same."""
    return f"/workspaces/{experiment.workspace.id}/runs?experiment=bees&order=created&limit=20&offset=0"


def pages(page: Page, card: Runs) -> list[dict[str, Any]]:
    """The pages that a list has told."""
    return [one["message"]["page"] for one in page.news(card, "") if "page" in one["message"]]


class TestNews:
    def test_begin_with_the_first_page(self, page: Page, experiment: Experiment, start: Start) -> None:
        run = start()
        card = Runs(experiment)
        wait_for(lambda: pages(page, card), "the first page")
        (first,) = pages(page, card)
        assert first["path"] == first_path(experiment)
        assert [row["id"] for row in first["answer"]["runs"]] == [run.id]

    def test_have_the_page_as_it_is_after_each_change(self, page: Page, experiment: Experiment, start: Start) -> None:
        card = Runs(experiment)
        wait_for(lambda: pages(page, card), "the first page")
        run = start()
        run.complete()
        wait_for(lambda: pages(page, card)[-1]["answer"]["runs"][0]["state"] == "Completed", "the end of the run")

    def test_have_the_page_that_the_view_asked_for_last(self, page: Page, experiment: Experiment, start: Start) -> None:
        card = Runs(experiment)
        wait_for(lambda: pages(page, card), "the first page")
        path = first_path(experiment).replace("&order", "&state=Failed&order")
        page.answer(card, path)
        start().fail("why")
        wait_for(lambda: pages(page, card)[-1]["path"] == path and pages(page, card)[-1]["answer"]["runs"], "the run")

    def test_are_in_the_digest_for_views_that_come_later(
        self, page: Page, experiment: Experiment, start: Start
    ) -> None:
        run = start()
        card = Runs(experiment)
        wait_for(lambda: pages(page, card), "the first page")
        page.ask(card, kind="follow", name="")
        message = page.states(card, "_digest")[-1][""]["message"]
        assert message["changes"]["reload"]
        assert [row["id"] for row in message["page"]["answer"]["runs"]] == [run.id]


class TestOpening:
    @pytest.mark.parametrize("name", ["run", "comparison", "files"])
    def test_sends_the_module_of_what_is_opened(self, page: Page, experiment: Experiment, name: str) -> None:
        answer, (module,) = page.answer(Runs(experiment), f"/modules/{name}")
        assert "error" not in answer
        assert module == (STATIC / f"{name}.js").read_bytes()

    def test_sends_nothing_else(self, page: Page, experiment: Experiment) -> None:
        answer, buffers = page.answer(Runs(experiment), "/modules/../runs")
        assert (answer["error"]["code"], buffers) == ("not_found", [])


class TestSelection:
    def test_is_what_a_page_ticks(self, page: Page, experiment: Experiment, start: Start) -> None:
        run = start()
        card, label = Runs(experiment), ipywidgets.Label()
        ipywidgets.dlink((card, "selected_runs"), (label, "value"), ",".join)
        ipywidgets.HBox([card, label])
        data = {"method": "update", "state": {"selected_runs": [run.id]}, "buffer_paths": []}
        card.comm.handle_msg({"content": {"data": data}, "buffers": []})
        assert (card.selected_runs, label.value) == ([run.id], run.id)

    def test_has_no_run_that_was_deleted(self, page: Page, experiment: Experiment, start: Start) -> None:
        kept, gone = start(), start()
        gone.complete()
        card = Runs(experiment)
        card.selected_runs = [kept.id, gone.id]
        wait_for(lambda: pages(page, card), "the first page")
        Run.get(gone.workspace, gone.id).delete()
        told(card, "selected_runs", [kept.id])


class TestOutput:
    @pytest.mark.slow
    def test_names_the_experiment_in_its_metadata_alone(
        self, page: Page, experiment: Experiment, start: Start, shown: list[dict[str, Any]]
    ) -> None:
        for _ in range(15):
            start("$x$ \\frac")
        Runs(experiment).show()
        kind = "application/vnd.traindock.runs+json"
        assert shown[0]["data"][kind] == {"version": 1}
        assert shown[0]["metadata"] == {kind: {"workspace": experiment.workspace.id, "experiment": "bees"}}
        assert len(base64.b64decode(shown[0]["data"]["image/png"])) < 60_000

    def test_outside_of_a_notebook_is_a_line_for_each(
        self, page: Page, experiment: Experiment, start: Start, capsys: pytest.CaptureFixture[str]
    ) -> None:
        start("first")
        Runs(experiment).show()
        assert capsys.readouterr().out == "Running      first\n"


def test_what_is_no_experiment_is_refused() -> None:
    with pytest.raises(UserErrorException, match=r"Runs shows an experiment, .* and not 'bees'"):
        Runs("bees")  # type: ignore[arg-type]

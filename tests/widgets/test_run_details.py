"""The card of a run as a widget."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from typing import Any

import ipywidgets
import pytest
from tests.conftest import dispatcher_of, kill, wait_for
from tests.widgets.conftest import Page, told

from jupyterlab_traindock.live import hub
from traindock import Run, UserErrorException, Workspace
from traindock_widgets import RunDetails
from traindock_widgets.feeding import STATIC, FedWidget

Start = Callable[..., Any]


class TestTraits:
    @pytest.mark.slow
    def test_follow_the_run_while_this_thread_does_something_else(self, page: Page, start: Start) -> None:
        run = start()
        card = RunDetails(run)
        threads = set()
        card.observe(lambda _: threads.add(threading.current_thread().name), "metrics")

        run.log("loss", 0.5)
        told(card, "metrics", {"loss": 0.5})
        run.log("loss", float("nan"))
        told(card, "metrics", {"loss": None})
        run.complete()
        told(card, "state", "Completed")

        assert card.reason == "finished"
        assert threads == {"traindock live"}

    def test_have_the_last_value_of_every_metric(self, page: Page, start: Start) -> None:
        run = start()
        for number in range(150):
            run.log(f"metric {number}", number - 1)
            run.log(f"metric {number}", number)
        card = RunDetails(run)

        told(card, "metrics", {f"metric {number}": number for number in range(150)})

    def test_have_their_last_values_at_once_for_a_run_that_has_ended(self, page: Page, start: Start) -> None:
        run = start()
        run.fail("no more memory")

        card = RunDetails(run)

        assert (card.state, card.detail) == ("Failed", "no more memory")

    @pytest.mark.slow
    def test_are_followed_no_more_when_the_run_has_ended(self, page: Page, start: Start) -> None:
        run = start()
        card = RunDetails(run)
        run.complete()
        told(card, "state", "Completed")

        wait_for(lambda: not card._kernel.hub.follows(card._follower, run.id), "the end of following")

    def test_are_followed_no_more_when_the_card_is_closed(self, page: Page, start: Start) -> None:
        card = RunDetails(start())
        wait_for(lambda: card._kernel.hub._followed, "the beginning of following")

        card.close()

        wait_for(lambda: not card._kernel.hub._followed, "the end of following")

    @pytest.mark.parametrize("box", [ipywidgets.HBox, ipywidgets.Tab])
    def test_are_those_of_any_widget(self, page: Page, start: Start, box: type[Any]) -> None:
        run = start()
        card, label = RunDetails(run), ipywidgets.Label()
        link = ipywidgets.jslink((card, "state"), (label, "value"))
        ipywidgets.link((card, "state"), (label, "value"))

        shown = box([card, label])
        run.complete()

        told(label, "value", "Completed")
        assert shown.children == (card, label)
        assert link.source == (card, "state")

    def test_may_be_set_where_they_are_choices(self, page: Page, start: Start) -> None:
        card = RunDetails(start(), selected_files=["outputs/a.pt"])
        card.selected_files = ["outputs/b.pt"]
        assert page.states(card, "selected_files")[-1] == ["outputs/b.pt"]

    def test_never_print(self, page: Page, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
        run = start()
        card = RunDetails(run)
        run.log("loss", 1)
        run.fail("why")
        told(card, "state", "Failed")
        assert capsys.readouterr() == ("", "")


def test_what_is_no_run_is_refused() -> None:
    with pytest.raises(UserErrorException, match=r"RunDetails shows a run, .* and not 'run_1'"):
        RunDetails("run_1")  # type: ignore[arg-type]


def test_the_panel_that_registers_a_model_is_sent_when_it_is_opened(page: Page, start: Start) -> None:
    answer, (module,) = page.answer(RunDetails(start()), "/modules/registration")
    assert "error" not in answer
    assert module == (STATIC / "registration.js").read_bytes()


def test_a_run_that_is_deleted_is_said_to_be(page: Page, start: Start) -> None:
    run = start()
    run.complete()
    card = RunDetails(run)
    told(card, "state", "Completed")
    page.sent.clear()
    gone = RunDetails(run)
    Run.get(run.workspace, run.id).delete()

    page.ask(gone, kind="follow", name=f"{run.id}/metrics")

    wait_for(lambda: page.news(gone, f"{run.id}/metrics"), "news of the run")
    assert page.news(gone, f"{run.id}/metrics")[-1]["message"]["error"]["code"] == "run_not_found"


@pytest.mark.slow
def test_a_run_that_is_deleted_after_its_end_is_said_to_be_when_something_of_it_is_asked_for(
    page: Page, start: Start
) -> None:
    run = start()
    card = RunDetails(run)
    run.complete()
    wait_for(lambda: any("run" in one["message"] for one in page.news(card, run.id)), "the end of the run")
    Run.get(run.workspace, run.id).delete()

    page.ask(card, kind="request", id="1", path=f"/workspaces/{run.workspace.id}/runs/{run.id}/files", method="GET")

    assert page.news(card, run.id)[-1]["message"]["error"]["code"] == "run_not_found"
    assert page.states(card, "_digest")[-1][run.id]["message"]["error"]["code"] == "run_not_found"


@pytest.mark.slow
def test_a_run_that_is_deleted_in_the_moment_of_its_end_is_said_to_be(
    page: Page, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    card = RunDetails(run)
    hub = card._kernel.hub
    follow_list = hub.follow_list

    def follow_late(*arguments: Any) -> None:
        Run.get(run.workspace, run.id).delete()
        follow_list(*arguments)

    monkeypatch.setattr(hub, "follow_list", follow_late)
    run.complete()

    wait_for(lambda: page.news(card, run.id) and "error" in page.news(card, run.id)[-1]["message"], "the card", 10)


@pytest.mark.slow
def test_a_run_that_is_deleted_before_its_card_hears_of_deletions_is_said_to_be(
    page: Page, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = start(), start()
    card, others = RunDetails(run), RunDetails(other)
    deletions = card._kernel.deletions
    for one in (run, other):
        one.complete()
    wait_for(lambda: {card, others} <= deletions._told_to.get(card.workspace_id, {}).keys(), "both ends", 10)
    wait_for(lambda: card.workspace_id in deletions._followed, "the list to be followed", 10)
    deletions.leave(card)
    send, told_of_it = deletions.send, threading.Event()

    def send_on(text: str) -> None:
        send(text)
        if run.id in json.loads(text).get("changes", {}).get("gone", ()):
            told_of_it.set()

    monkeypatch.setattr(deletions, "send", send_on)
    Run.get(run.workspace, run.id).delete()
    assert told_of_it.wait(10)

    deletions.join(card)

    assert page.news(card, run.id)[-1]["message"]["error"]["code"] == "run_not_found"


@pytest.mark.slow
def test_a_run_that_is_deleted_after_its_end_is_said_to_be_though_nobody_asks(page: Page, start: Start) -> None:
    run, other = start(), start()
    card, others = RunDetails(run), RunDetails(other)
    run.complete()
    other.complete()
    wait_for(lambda: not card._kernel.hub.follows(card._follower, run.id), "the end of the run")
    wait_for(lambda: not others._kernel.hub.follows(others._follower, other.id), "the end of the other")
    Run.get(run.workspace, run.id).delete()

    wait_for(lambda: "error" in page.news(card, run.id)[-1]["message"], "the card to be told")

    assert page.news(card, run.id)[-1]["message"]["error"]["code"] == "run_not_found"
    assert page.states(card, "_digest")[-1][run.id]["message"]["error"]["code"] == "run_not_found"
    assert "error" not in page.news(others, other.id)[-1]["message"]


class TestOutput:
    def test_is_the_same_for_every_run_but_for_its_picture(
        self, page: Page, start: Start, shown: list[dict[str, Any]]
    ) -> None:
        first, second = start("first"), start("second")
        first.log("loss", 1)
        for run in (first, second):
            run.complete()
            RunDetails(run).show(render_lib=None, widget_settings={"Azure": "had these"})

        widget = "application/vnd.jupyter.widget-view+json"
        datas = [
            {kind: data for kind, data in one["data"].items() if kind not in ("image/png", widget)} for one in shown
        ]
        assert datas[0] == datas[1]
        assert set(shown[0]["data"]) == {"application/vnd.traindock.run+json", widget, "text/plain", "image/png"}
        assert [one["metadata"]["application/vnd.traindock.run+json"] for one in shown] == [
            {"workspace": run.workspace.id, "run": run.id} for run in (first, second)
        ]

    @pytest.mark.slow
    def test_has_a_picture_of_less_than_60_kb(self, page: Page, start: Start, shown: list[dict[str, Any]]) -> None:
        run = start("a name with $ in it, and \\frac")
        for at in range(300):
            for name in ("loss", "val_acc", "$x", "noise"):
                run.log(name, hash((name, at)) % 1000)
        run.complete()

        RunDetails(run).show()

        picture = base64.b64decode(shown[0]["data"]["image/png"])
        assert picture.startswith(b"\x89PNG")
        assert len(picture) < 60_000

    @pytest.mark.slow
    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("loss", (1e308, -1e308)),
            ("loss", (float("inf"), float("nan"))),
            ("损失", (1.0, 0.5)),
            ("a\ud800b", (1.0, 0.5)),
            ("two\nlines \x1b[31m", (1.0, 0.5)),
        ],
    )
    def test_is_shown_without_a_word_whatever_was_logged(
        self, page: Page, start: Start, shown: list[dict[str, Any]], name: str, values: tuple[float, ...]
    ) -> None:
        run = start()
        for value in values:
            run.log(name, value)
        run.complete()

        RunDetails(run).show()

        assert "application/vnd.traindock.run+json" in shown[0]["data"]
        assert "image/png" in shown[0]["data"]

    @pytest.mark.slow
    def test_is_drawn_once_more_when_the_run_has_ended(
        self, page: Page, start: Start, shown: list[dict[str, Any]]
    ) -> None:
        run = start()
        card = RunDetails(run)
        card.show()
        card.show()
        run.complete()

        wait_for(lambda: len(shown) == 4, "both outputs to be drawn again")
        assert [one["again"] for one in shown] == [False, False, True, True]
        assert [one["id"] for one in shown[:2]] == [one["id"] for one in shown[2:]]
        card.show()
        assert len(shown) == 5

    def test_outside_of_a_notebook_is_a_line(
        self, page: Page, start: Start, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = start()
        RunDetails(run).show()
        assert run.id in capsys.readouterr().out


def digest_of(card: FedWidget, page: Page, name: str) -> dict[str, Any]:
    """Ask for what stands for all news of a name, and return it."""
    page.ask(card, kind="follow", name=name)
    found: dict[str, Any] = page.states(card, "_digest")[-1][name]
    return found


class TestNews:
    @pytest.mark.slow
    def test_are_numbered_and_the_digest_stands_for_all_of_them(self, page: Page, start: Start) -> None:
        run = start()
        card = RunDetails(run)
        for step in range(5):
            run.log("loss", step)
            told(card, "metrics", {"loss": step})

        news = page.news(card, run.id)
        digest = digest_of(card, page, run.id)

        assert [one["number"] for one in news] == list(range(1, len(news) + 1))
        assert digest["number"] == news[-1]["number"]
        (series,) = digest["message"]["metrics"]["series"]
        assert series["buckets"]["last"] == [0, 1, 2, 3, 4]
        assert card.get_widget_data() == digest["message"]

    @pytest.mark.slow
    def test_reach_a_page_that_cannot_ask_by_the_digest(self, page: Page, start: Start) -> None:
        run = start()
        card = RunDetails(run)
        run.log("loss", 1)
        told(card, "metrics", {"loss": 1})
        run.complete()
        told(card, "state", "Completed")

        def last() -> dict[str, Any]:
            return dict(page.states(card, "_digest")[-1][run.id])

        wait_for(lambda: "run" in last().get("message", {}), "the end in the digest")
        assert last()["number"] == page.news(card, run.id)[-1]["number"]

    def test_say_that_no_dispatcher_gets_to_work_and_so_does_the_digest(
        self, page: Page, start: Start, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hub, "UPKEEP_SECONDS", 0.1)
        run = start()
        kill(dispatcher_of(workspace))
        workspace.layout.dispatcher_log.unlink()
        workspace.layout.dispatcher_log.mkdir()  # which the next one cannot write into
        card = RunDetails(run)

        def trouble() -> str:
            found = [one["message"]["trouble"] for one in page.news(card, run.id) if "trouble" in one["message"]]
            return found[-1]["message"] if found and found[-1] else ""

        wait_for(trouble, "the trouble")

        assert trouble().startswith("no run of <workspace test> goes on, since no dispatcher can be started")
        assert digest_of(card, page, run.id)["message"]["trouble"]["message"] == trouble()
        workspace.layout.dispatcher_log.rmdir()
        wait_for(lambda: not trouble(), "the end of the trouble")
        assert digest_of(card, page, run.id)["message"]["trouble"] is None

    @pytest.mark.slow
    def test_that_were_sent_do_not_change_any_more(self, page: Page, start: Start) -> None:
        run = start()
        card = RunDetails(run)
        run.log("loss", 1)
        told(card, "metrics", {"loss": 1})
        sent = digest_of(card, page, run.id)
        before = json.dumps(sent)
        run.log("loss", 2)
        told(card, "metrics", {"loss": 2})
        assert json.dumps(sent) == before

    def test_of_another_run_come_when_a_view_asks(self, page: Page, start: Start) -> None:
        run, other = start(), start()
        other.log("loss", 3)
        card = RunDetails(run)

        page.ask(card, kind="follow", name=other.id)

        wait_for(lambda: any("metrics" in one["message"] for one in page.news(card, other.id)), "news of the other run")
        assert card.metrics == {}

    @pytest.mark.slow
    def test_of_runs_that_were_asked_for_long_ago_come_no_more(self, page: Page, start: Start) -> None:
        run = start()
        others = [start() for _ in range(13)]
        card = RunDetails(run)

        for other in others:
            page.ask(card, kind="follow", name=other.id)
            wait_for(lambda other=other: page.news(card, other.id), "news of the run")

        digest = digest_of(card, page, run.id) and page.states(card, "_digest")[-1]
        assert set(digest) == {run.id, *(other.id for other in others[1:])}

    def test_survive_what_no_view_sends(self, page: Page, start: Start) -> None:
        run = start()
        card = RunDetails(run)
        for content in (None, "text", {}, {"kind": "other"}, {"kind": "follow", "name": "../x"}):
            card.comm.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})
        run.complete()
        told(card, "state", "Completed")


class TestRequests:
    def test_are_answered_as_the_server_does(self, page: Page, start: Start) -> None:
        run = start("named")
        card = RunDetails(run)
        answer, _ = page.answer(card, f"/workspaces/{run.workspace.id}/runs/{run.id}")
        assert answer["body"]["display_name"] == "named"

    def test_are_refused_as_the_server_does(self, page: Page, start: Start) -> None:
        card = RunDetails(start())
        answer, _ = page.answer(card, f"/workspaces/{card.workspace_id}/runs/nobody")
        assert answer["error"]["code"] == "run_not_found"
        assert answer["error"]["advice"]

"""How views of widgets are told what they may have missed."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from tests.conftest import wait_for
from tests.widgets.conftest import Page, told

from jupyterlab_traindock.live import hub as hub_module
from traindock import Run, Workspace
from traindock_widgets import RunDetails, feeding, observers, retrying, shedding
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


class TestAWorkspaceThatIsGoneForAMoment:
    @pytest.fixture
    def vanish(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable[[RunDetails], None]:
        """Take the workspace away until a card has been told so."""
        monkeypatch.setattr(hub_module, "UPKEEP_SECONDS", 0.1)
        monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.05)

        def vanish(card: RunDetails) -> None:
            root = workspace.layout.root
            away = root.rename(root.with_name("away"))
            wait_for(lambda: errors(card), "the card to be told that the workspace is gone", 10)
            away.rename(root)

        def errors(card: RunDetails) -> bool:
            message = card.get_widget_data()
            return "error" in message

        return vanish

    def test_leaves_the_picture_as_it_is(
        self, page: Page, start: Start, shown: list[dict[str, Any]], vanish: Callable[[RunDetails], None]
    ) -> None:
        run = start()
        card = RunDetails(run)
        card.show()

        vanish(card)

        wait_for(lambda: "error" not in card.get_widget_data(), "the card to be followed again", 10)
        assert [one["again"] for one in shown] == [False]
        run.complete()
        wait_for(lambda: len(shown) == 2, "the last picture", 10)
        assert shown[1]["again"]
        assert "image/png" in shown[1]["data"]

    def test_is_followed_on_from_where_the_card_had_got_to(
        self, page: Page, start: Start, vanish: Callable[[RunDetails], None]
    ) -> None:
        run = start()
        run.log("loss", 3.0)
        card = RunDetails(run)
        told(card, "metrics", {"loss": 3.0})

        vanish(card)
        run.log("loss", 1.0)
        run.complete()

        wait_for(lambda: card.state == "Completed", "the end", 10)
        wait_for(lambda: "run" in card.get_widget_data(), "everything about the run", 10)
        [loss] = card.get_widget_data()["metrics"]["series"]
        assert (loss["buckets"]["last"], card.metrics) == ([3.0, 1.0], {"loss": 1.0})

    def test_has_runs_that_are_deleted_afterwards_said_to_be(
        self, page: Page, start: Start, vanish: Callable[[RunDetails], None]
    ) -> None:
        run, other = start(), start()
        ended, goes_on = RunDetails(run), RunDetails(other)
        run.complete()
        deletions = ended._kernel.deletions
        wait_for(lambda: deletions._followed, "the list to be followed", 10)

        vanish(goes_on)
        wait_for(lambda: "error" not in goes_on.get_widget_data(), "the other card to be followed again", 10)
        Run.get(run.workspace, run.id).delete()

        wait_for(lambda: "error" in page.news(ended, run.id)[-1]["message"], "the card to be told", 10)
        assert page.news(ended, run.id)[-1]["message"]["error"]["code"] == "run_not_found"
        other.complete()

    def test_is_told_of_once(self, page: Page, start: Start, vanish: Callable[[RunDetails], None]) -> None:
        run = start()
        card = RunDetails(run)
        wait_for(lambda: page.news(card, run.id), "the first news")

        card._take({"name": run.id, "error": {"code": "workspace_not_found", "message": "", "advice": ""}})
        card._take({"name": run.id, "error": {"code": "workspace_not_found", "message": "", "advice": ""}})

        assert len([one for one in page.news(card, run.id) if "error" in one["message"]]) == 1
        card.close()


def test_a_card_tells_of_a_workspace_that_cannot_be_read_and_goes_on_once_it_can(
    page: Page, start: Start, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "UPKEEP_SECONDS", 0.1)
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.05)
    card = RunDetails(start())
    wait_for(lambda: page.news(card, card.run_id), "the first news")
    file = workspace.layout.workspace_json
    kept = file.rename(file.with_name("kept"))
    file.mkdir()  # what root cannot read either

    wait_for(lambda: "error" in card.get_widget_data(), "the card to be told", 10)
    error = page.news(card, card.run_id)[-1]["message"]["error"]
    file.rmdir()
    kept.rename(file)

    assert error["code"] == "workspace_unreadable"
    wait_for(lambda: "error" not in card.get_widget_data(), "the card to be followed again", 10)


def test_a_view_gets_everything_about_a_run_with_the_first_news_though_a_cell_keeps_the_kernel_from_answering(
    page: Page, start: Start
) -> None:
    run = start()
    card = RunDetails(run)
    wait_for(lambda: page.news(card, run.id), "the first news")

    assert page.news(card, run.id)[0]["message"]["document"]["compute_target"] == "local"

    run.log("loss", 1.0)
    told(card, "metrics", {"loss": 1.0})
    assert "document" not in page.news(card, run.id)[-1]["message"]
    run.complete()
    wait_for(lambda: "run" in card.get_widget_data(), "the end", 10)
    assert "document" not in card.get_widget_data()


class TestAnObserverThatRaises:
    def test_keeps_no_news_from_views_nor_from_other_traits(self, page: Page, start: Start) -> None:
        run = start()
        card = RunDetails(run)
        told(card, "state", "Running")

        def fail(change: Any) -> None:
            raise ZeroDivisionError("no value yet")

        card.observe(fail, "state")
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            run.complete()
            told(card, "reason", "finished")
            wait_for(lambda: any("run" in one["message"] for one in page.news(card, run.id)), "the end in the page")

        [text] = [str(one.message) for one in warned if "observer" in str(one.message)]
        assert re.match("an observer of 'state' of RunDetails.* raised ZeroDivisionError: no value", text)
        assert isinstance(card.observer_error, ZeroDivisionError)

    def test_is_told_of_by_the_next_cell_once(self, page: Page, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        shell = InteractiveShell()
        monkeypatch.setattr("IPython.get_ipython", lambda: shell)
        card = RunDetails(start())
        observers.warn_soon(card, "metrics", KeyError("loss"))
        observers.warn_soon(card, "metrics", KeyError("loss"))

        with pytest.warns(UserWarning, match="observer of 'metrics'"):
            shell.run_cell("1")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shell.run_cell("2")

    def test_in_the_thread_of_the_user_is_the_user_s_own(self, page: Page, start: Start) -> None:
        card = RunDetails(start())

        def fail(change: Any) -> None:
            raise ZeroDivisionError

        card.observe(fail, "selected_files")
        with pytest.raises(ZeroDivisionError):
            card.selected_files = ["outputs/a"]


def told_last(page: Page, card: RunDetails, run: Run) -> dict[str, Any]:
    """What the last digest that a page was sent says of a run; empty where there was none."""
    states = page.states(card, "_digest")
    message: dict[str, Any] = states[-1].get(run.id, {}).get("message", {}) if states else {}
    return message


class TestOfManyRunsThatHaveEnded:
    @pytest.fixture
    def cards(self, page: Page, start: Start, monkeypatch: pytest.MonkeyPatch) -> list[RunDetails]:
        """Cards of three runs that have ended, of which the kernel keeps the digests of two."""
        monkeypatch.setattr(shedding, "MOST", 2)
        monkeypatch.setattr(feeding, "_kept", shedding.Kept())
        cards = []
        for number in range(3):
            run = start()
            run.log("loss", number)
            cards.append(RunDetails(run))
            run.complete()
            wait_for(lambda run=run: "run" in told_last(page, cards[-1], run), "the end")
        wait_for(lambda: page.states(cards[0], "_digest")[-1] == {}, "the digest of the oldest to be dropped")
        return cards

    def test_the_digests_of_the_newest_alone_are_kept(self, cards: list[RunDetails], page: Page) -> None:
        assert [bool(card._digest) for card in cards] == [False, True, True]
        assert cards[0].metrics == {"loss": 0}

    def test_a_view_of_an_old_one_that_asks_is_told_all_of_it(self, cards: list[RunDetails], page: Page) -> None:
        card = cards[0]
        [before] = [one[card.run_id] for one in page.states(card, "_digest") if "run" in str(one)][-1:]
        news = len(page.news(card, card.run_id))

        page.ask(card, kind="follow", name=card.run_id)

        after = page.states(card, "_digest")[-1][card.run_id]
        assert (after["number"], len(page.news(card, card.run_id))) == (before["number"], news)
        assert after["message"] == {name: before["message"][name] for name in after["message"]}
        assert set(before["message"]) - set(after["message"]) <= {"trouble"}
        assert [bool(one._digest) for one in cards] == [True, False, True], "another one was dropped in its place"

    def test_what_an_old_one_shows_is_there_for_its_notebook(self, cards: list[RunDetails]) -> None:
        assert cards[0].get_widget_data()["run"]["id"] == cards[0].run_id

    def test_a_view_of_an_old_one_that_was_deleted_is_told_so(self, cards: list[RunDetails], page: Page) -> None:
        card = cards[0]
        Run.get(card._run.workspace, card.run_id).delete()

        page.ask(card, kind="follow", name=card.run_id)

        assert page.news(card, card.run_id)[-1]["message"]["error"]["code"] == "run_not_found"
        assert page.states(card, "_digest")[-1][card.run_id]["message"]["error"]["code"] == "run_not_found"

    def test_one_subscription_to_the_workspaces_list_is_enough(self, cards: list[RunDetails]) -> None:
        followed = cards[0]._kernel.hub._by_follower
        wait_for(lambda: len(followed) == 1, "the deletions alone to be followed")
        [names] = [list(names) for names in followed.values()]
        assert names == [cards[0].workspace_id]
        for card in cards:
            card.close()
        wait_for(lambda: not followed, "nothing to be followed any more")

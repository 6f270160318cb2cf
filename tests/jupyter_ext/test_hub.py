"""What the hub tells pages, and what it spares them, without a server."""

from __future__ import annotations

import base64
import json
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import locked_index, wait_for
from tests.jupyter_ext.following import Page, a_hub, closing_hub, job_of, published

from jupyterlab_traindock.errors import ApiError
from jupyterlab_traindock.live import hub as hub_module
from jupyterlab_traindock.live.hub import Hub
from jupyterlab_traindock.live.list_feed import MOST_RUNS, ListFeed
from jupyterlab_traindock.live.places import Place
from jupyterlab_traindock.live.run_feed import RunFeed
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock import Run, Workspace
from traindock.dispatcher import start
from traindock.errors import UserErrorException
from traindock.states import Reason, State
from traindock.store import index_file
from traindock.store.changes import Changes


@pytest.fixture(autouse=True)
def no_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody starts one for the runs here."""
    monkeypatch.setattr(start.Upkeep, "look", lambda upkeep: "")


@pytest.fixture
def faults() -> list[BaseException]:
    """What the hub tells of as a fault of ours."""
    return []


@pytest.fixture
def hub(workspace: Workspace, faults: list[BaseException]) -> Iterator[Hub]:
    """A hub for the workspace."""
    with a_hub(OpenedWorkspaces([workspace.layout.root], "", workspace.layout.root), faults) as made:
        yield made


@pytest.fixture
def run(workspace: Workspace) -> Run:
    """A run that goes on."""
    return published(workspace)


def follow(hub: Hub, page: Page, run: Run, name: str = "mine", **asked: Any) -> None:
    hub.follow_run(page, name, run.workspace.id, run.id, asked).result(30)


def sealed(run: Run) -> Future[dict[str, Any]]:
    """Stands for what is told of a run at its end."""
    described: Future[dict[str, Any]] = Future()
    described.set_result({"id": run.id, "files": [], "metrics": {}})
    return described


class TestARunThatCannotBeFollowed:
    def test_keeps_nobody_from_following_others(
        self, hub: Hub, run: Run, workspace: Workspace, faults: list[BaseException], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bad, page, other = published(workspace), Page(), Page()
        news = RunFeed.news

        def broken(feed: RunFeed, *asked: Any) -> Any:
            if feed.run.id == bad.id:
                raise OverflowError("int too large to convert to float")
            return news(feed, *asked)

        monkeypatch.setattr(RunFeed, "news", broken)

        follow(hub, page, bad)
        follow(hub, other, run)
        job_of(run).log("loss", 0.5)

        other.until(lambda _: other.values("loss") == [0.5], "the other run's metric")
        [(name, error)] = wait_for(lambda: page.refused, "why the first one is followed no more")
        assert (name, type(error)) == ("mine", OverflowError)
        assert faults == [error]
        assert hub.followed(page) == 0

    def test_a_page_that_raises_keeps_nobody_from_being_told(
        self, hub: Hub, run: Run, faults: list[BaseException]
    ) -> None:
        class Broken(Page):
            def send(self, text: str) -> None:
                raise ValueError("the page is a fault of ours")

        page = Page()
        follow(hub, Broken(), run)
        follow(hub, page, run)

        page.until(lambda message: "state" in message, "the state")
        assert {str(fault) for fault in faults} == {"the page is a fault of ours"}

    @pytest.mark.parametrize(
        ("value", "told"),
        [(10**400, "Infinity"), (-(10**400), "-Infinity"), (2**64, 2.0**64)],
        ids=["huge", "negative", "beyond 64 bits"],
    )
    def test_integers_of_any_size_are_values(self, hub: Hub, run: Run, value: int, told: float | str) -> None:
        page = Page()
        job_of(run).log("big", value)

        follow(hub, page, run)

        page.until(lambda _: page.values("big") == [told], "the value")

    def test_a_metrics_cursor_that_is_nested_without_end_is_none(self, hub: Hub, run: Run) -> None:
        nested = base64.urlsafe_b64encode(zlib.compress(b"[" * 100_000)).decode()
        page = Page()

        follow(hub, page, run, cursor=Place(metrics=f"m1.{nested}").cursor())

        [(_, error)] = wait_for(lambda: page.refused, "the refusal")
        assert isinstance(error, UserErrorException)

    def test_a_bad_cursor_ends_only_whose_it_is(self, hub: Hub, run: Run) -> None:
        page, other = Page(), Page()

        follow(hub, other, run)
        follow(hub, page, run, cursor=Place(metrics="m1.x").cursor())

        wait_for(lambda: page.refused, "the refusal")
        assert hub.follows(other, "mine")
        assert not other.refused


class TestHowOften:
    @pytest.mark.slow
    def test_metrics_come_five_times_a_second_at_most_and_states_at_once(self, hub: Hub, run: Run) -> None:
        page = Page()
        follow(hub, page, run)
        job = job_of(run)

        def with_metrics() -> list[float]:
            return [
                time for time, message in zip(page.times, list(page.messages), strict=False) if "metrics" in message
            ]

        def more_came() -> bool:
            for number in range(5):
                job.log("loss", float(number))
                run.tag("step", str(number))
            return len(with_metrics()) >= 4

        wait_for(more_came, "four messages with metrics")
        times = with_metrics()
        assert min(later - earlier for earlier, later in pairwise(times)) >= 0.2
        assert len(page.messages) > 2 * len(times), "states had to wait"


class TestAPageThatTakesLittle:
    def test_is_asked_before_each_message(self, hub: Hub, run: Run) -> None:
        page = Page(room=0)
        for number in range(20):
            follow(hub, page, run, f"s{number}")

        page.room = 3
        hub.resume()

        wait_for(lambda: len(page.messages) == 3, "three messages")
        hub.leave(page, "s19").result(30)  # the hub has been round once more
        assert len(page.messages) == 3

    def test_gets_all_in_turn(self, hub: Hub, run: Run) -> None:
        page = Page(room=0)
        for number in range(6):
            follow(hub, page, run, f"s{number}", logs=[])
        job = job_of(run)

        def all_told() -> bool:
            job.log("loss", 1.0)
            page.room = 2
            hub.resume()
            return len({message["name"] for message in page.messages}) == 6

        wait_for(all_told, "each of six subscriptions, two at a time")
        names = [message["name"] for message in page.messages]
        assert max(map(names.count, names)) <= 2


class TestEndedRuns:
    def test_its_end_is_told_once_and_what_changes_later_without_it(self, run: Run) -> None:
        feed = RunFeed(run, sealed)
        run._folder.advance(State.CANCELED, reason=Reason.CANCELED_BY_USER)

        first = feed.news(Place(), hub_module.wanted_of({}))
        run.tag("later", "1")
        second = feed.news(first.place, hub_module.wanted_of({}))

        assert "run" in first.message
        assert second.message["state"]["tags"] == {"later": "1"}
        assert "run" not in second.message

    def test_what_takes_long_to_be_described_keeps_nobody_waiting(self, workspace: Workspace, run: Run) -> None:
        page, other, may_go_on = Page(), Page(), threading.Event()

        def describe(run: Run) -> dict[str, Any]:
            assert may_go_on.wait(60)
            return {"id": run.id, "files": None, "metrics": {}}

        ended = published(workspace)
        ended._folder.advance(State.CANCELED, reason=Reason.CANCELED_BY_USER)
        workspaces = OpenedWorkspaces([workspace.layout.root], "", workspace.layout.root)
        with closing_hub(Hub(workspaces, describe)) as hub:
            follow(hub, page, ended)
            follow(hub, other, run)
            job_of(run).log("loss", 0.5)

            other.until(lambda _: other.values("loss") == [0.5], "the other run's metric")
            assert page.messages
            assert not any("run" in message for message in page.messages)
            may_go_on.set()

            page.until(lambda message: message.get("run", {}).get("id") == ended.id, "the end")

    def test_what_cannot_be_described_is_told(self, workspace: Workspace, run: Run) -> None:
        def describe(run: Run) -> dict[str, Any]:
            raise UserErrorException("no")

        page = Page()
        run._folder.advance(State.CANCELED, reason=Reason.CANCELED_BY_USER)
        with closing_hub(Hub(OpenedWorkspaces([workspace.layout.root], "", Path()), describe)) as hub:
            follow(hub, page, run)

            [(_, error)] = wait_for(lambda: page.refused, "the refusal")
        assert str(error) == "no"


class TestLogs:
    def test_a_character_that_is_being_written_waits_for_its_rest(self, run: Run) -> None:
        feed, log = RunFeed(run, sealed), run._folder.layout.stdout
        log.write_bytes("größe".encode()[:3])

        first = feed.news(Place(), hub_module.wanted_of({}))
        log.write_bytes("größe".encode())
        second = feed.news(first.place, hub_module.wanted_of({}))

        texts = [news.message["logs"]["logs/stdout.txt"] for news in (first, second)]
        assert [(text["offset"], text["text"]) for text in texts] == [(0, "gr"), (2, "öße")]

    def test_of_what_is_no_utf8_it_is_told_where_lines_begin(self, run: Run) -> None:
        feed, log = RunFeed(run, sealed), run._folder.layout.stdout
        log.write_bytes("größe\n".encode() + b"\xe9t\xe9\n\xff" + b"\n last")

        told = feed.news(Place(), hub_module.wanted_of({})).message["logs"]["logs/stdout.txt"]

        assert (told["lines"], told["end"]) == ([8, 12, 14], 19)
        assert told["text"] == "größe\n\ufffdt\ufffd\n\ufffd\n last"

    def test_one_that_was_cut_for_good_comes_with_the_end(self, run: Run) -> None:
        feed, log = RunFeed(run, sealed), run._folder.layout.stdout
        log.write_bytes(b"end \xf0\x9f\x98")
        first = feed.news(Place(), hub_module.wanted_of({}))

        run._folder.advance(State.CANCELED, reason=Reason.CANCELED_BY_USER)
        last = feed.news(first.place, hub_module.wanted_of({}))

        assert first.message["logs"]["logs/stdout.txt"]["text"] == "end "
        told = last.message["logs"]["logs/stdout.txt"]
        assert told == {"offset": 4, "gap": 0, "text": "\ufffd", "end": 7, "lines": []}
        assert dict(last.place.logs)["logs/stdout.txt"] == 7


class TestLists:
    def test_where_very_many_runs_have_changed_the_list_is_to_be_asked_for(self, workspace: Workspace) -> None:
        feed, changes = ListFeed(workspace), Changes(workspace.layout)
        begin = feed.end()
        for number in range(MOST_RUNS):
            changes.announce(f"run/none_{number}_00000000")
        few, _ = feed.news(begin)
        changes.announce("run/none_one_more")

        many, _ = feed.news(begin)

        assert (few["changes"]["reload"], len(few["changes"]["gone"])) == (False, MOST_RUNS)
        assert (many["changes"]["reload"], many["changes"]["gone"]) == (True, [])

    def test_where_another_program_has_the_index_locked_the_list_is_to_be_asked_for_and_others_are_told(
        self, hub: Hub, workspace: Workspace, run: Run
    ) -> None:
        page = Page()
        hub.follow_list(page, "list", workspace.id, None).result(30)
        page.until(lambda message: message["name"] == "list", "the beginning")
        with locked_index(workspace):
            run.set_tags({"stage": "search"})
            began = time.monotonic()
            follow(hub, page, run)
            page.until(lambda message: message["name"] == "mine" and "state" in message, "the state of a run")
            page.until(lambda message: "changes" in message, "what has changed")
            assert time.monotonic() - began < index_file._PATIENCE_SECONDS / 5

        [changes] = [message["changes"] for message in page.messages if "changes" in message]
        assert (changes["changed_runs"], changes["runs"]) == ([run.id], [])
        assert (changes["gone"], changes["reload"]) == ([], True)
        run.set_tags({"stage": "tuning"})
        page.until(lambda message: message.get("changes", {}).get("runs"), "the run as it is now")


class TestLeaving:
    def test_the_hub_keeps_nothing_of_a_page_that_left(self, hub: Hub, run: Run) -> None:
        page = Page()
        follow(hub, page, run, "one")
        follow(hub, page, run, "two")
        hub.follow_list(page, "list", run.workspace.id, None).result(30)

        hub.leave(page, "one").result(30)
        assert (hub.followed(page), hub.follows(page, "one"), hub.follows(page, "two")) == (2, False, True)

        hub.leave(page).result(30)
        assert hub.followed(page) == 0
        assert not any((hub._feeds, hub._followed, hub._by_path, hub._behind, hub._urgent))

    def test_one_that_asks_for_what_is_not_there_leaves_nothing_behind(self, hub: Hub, workspace: Workspace) -> None:
        page = Page()

        hub.follow_run(page, "none", workspace.id, "none_1_00000000", {}).result(30)
        hub.follow_list(page, "cursor", workspace.id, "x").result(30)

        wait_for(lambda: len(page.refused) == 2, "both refusals")
        assert hub.followed(page) == 0
        assert not any((hub._feeds, hub._followed))

    def test_whoever_asks_once_the_hub_has_stopped_does_not_wait(self, workspace: Workspace, run: Run) -> None:
        with a_hub(OpenedWorkspaces([workspace.layout.root], "", Path()), []) as made:
            pass

        follow(made, Page(), run)


class TestWorkspacesThatMove:
    @pytest.fixture
    def workspace(self, private_folders: None) -> Workspace:
        """One among those that are found without being named."""
        return Workspace.create("first", show_output=False)

    def test_runs_and_lists_are_followed_on_where_they_are_now(
        self, workspace: Workspace, run: Run, faults: list[BaseException], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hub_module, "UPKEEP_SECONDS", 0.05)
        workspaces = OpenedWorkspaces([], "", Path())
        page, lists = Page(), Page()
        with a_hub(workspaces, faults) as hub:
            follow(hub, page, run)
            hub.follow_list(lists, "list", workspace.id, None).result(30)
            job_of(run).log("loss", 1.0)
            page.until(lambda _: page.values("loss") == [1.0], "the first metric")

            folder = workspace.layout.root
            moved = Workspace(folder.rename(folder.with_name("second")))
            there = Run.get(moved, run.id)
            there.tag("moved", "1")
            job_of(there).log("loss", 2.0)

            page.until(lambda _: page.values("loss") == [1.0, 2.0], "what is logged at the new place")
            lists.until(lambda message: run.id in message.get("changes", {}).get("changed_runs", ()), "its change")
        assert not [*page.refused, *lists.refused, *faults]

    def test_one_that_is_gone_is_told(
        self, workspace: Workspace, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hub_module, "UPKEEP_SECONDS", 0.05)
        page = Page()
        with a_hub(OpenedWorkspaces([], "", Path()), []) as hub:
            follow(hub, page, run)
            hub.follow_list(page, "list", workspace.id, None).result(30)

            workspace.layout.root.rename(tmp_path / "elsewhere")

            wait_for(lambda: len(page.refused) == 2, "both refusals")
        assert {error.code for _, error in page.refused if isinstance(error, ApiError)} == {"workspace_not_found"}


def test_a_message_is_json_with_the_pages_own_name(hub: Hub, run: Run) -> None:
    page = Page()

    follow(hub, page, run, 'quote " and ü')

    page.until(lambda message: "state" in message, "the state")
    assert json.loads(json.dumps(page.messages[0]))["name"] == 'quote " and ü'

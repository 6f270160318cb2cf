"""The index answers questions about many runs."""

from __future__ import annotations

import math
import random
import sqlite3
import time
from typing import Any

import pytest
from tests.trainer.store.publishing import WHOLE_LIFE, Publish, ids

from traindock.states import Reason, State
from traindock.store import index_queries
from traindock.store.index import RunQuery
from traindock.workspace import Workspace


def test_the_newest_run_comes_first(workspace: Workspace, publish: Publish) -> None:
    for number in range(3):
        publish(f"exp_{number}", created=1000.0 + number)
    assert ids(workspace) == ["exp_2", "exp_1", "exp_0"]
    assert ids(workspace, limit=1, offset=1) == ["exp_1"]


def test_runs_are_found_by_state_experiment_parent_tag_and_property(workspace: Workspace, publish: Publish) -> None:
    publish("a", *WHOLE_LIFE, tags={"team": "red"}, created=3)
    publish("b", State.PREPARING, tags={"team": "blue", "odd 'name\"": "x"}, parent="a", created=2)
    publish("c", experiment="other", properties={"commit": "123"}, created=1)
    assert ids(workspace, states=(State.COMPLETED,)) == ["a"]
    assert ids(workspace, experiment="other") == ["c"]
    assert ids(workspace, parent="a") == ["b"]
    assert ids(workspace, top_level=True) == ["a", "c"]
    assert ids(workspace, tags={"team": None}) == ["a", "b"]
    assert ids(workspace, tags={"team": "blue"}) == ["b"]
    assert ids(workspace, tags={"odd 'name\"": "x"}) == ["b"]
    assert ids(workspace, properties={"commit": "123"}) == ["c"]
    assert ids(workspace, properties={"commit": "124"}) == []


def test_runs_without_an_end_are_told_of_those_that_have_one(workspace: Workspace, publish: Publish) -> None:
    assert not workspace.index.has_unfinished()
    publish("ended", *WHOLE_LIFE)
    assert not workspace.index.has_unfinished()
    publish("going", State.PREPARING)
    assert workspace.index.has_unfinished()
    assert workspace.index.unfinished() == ["going"]


def test_a_run_is_found_by_its_number_without_looking_at_the_others(workspace: Workspace, publish: Publish) -> None:
    for run_id, experiment in (("a", "ants"), ("b", "ants"), ("c", "bees")):
        publish(run_id, experiment=experiment)
    assert ids(workspace, experiment="ants", number=1) == ["a"]
    assert ids(workspace, experiment="ants", number=2) == ["b"]
    assert ids(workspace, experiment="bees", number=2) == []
    assert "experiment=? AND number=?" in str(plan(workspace, RunQuery(experiment="ants", number=1, limit=1)))


def plan(workspace: Workspace, query: RunQuery) -> list[str]:
    """Return what SQLite is going to do, step by step."""
    with workspace.index._writing() as connection:
        sql, values = index_queries.selection(connection, query)
        return [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()]


class TestText:
    def test_is_found_in_name_id_and_experiment_without_regard_to_case(
        self, workspace: Workspace, publish: Publish
    ) -> None:
        publish("ants_1_a", display_name="ResNet on ÄPFEL", experiment="Ants", created=3)
        publish("bees_1_b", display_name="vit", experiment="bees", created=2)
        publish("bees_2_c", experiment="bees", created=1)
        assert ids(workspace, text="resnet ON") == ["ants_1_a"]
        assert ids(workspace, text="äpfel") == ["ants_1_a"]
        assert ids(workspace, text="BEES_2") == ["bees_2_c"]
        assert ids(workspace, text="bees") == ["bees_1_b", "bees_2_c"]
        assert ids(workspace, text="bees", offset=1, limit=5) == ["bees_2_c"]
        assert ids(workspace, text="%") == ids(workspace, text="_3") == ids(workspace, text="\udcff") == []
        assert len(ids(workspace, text="")) == 3

    def test_a_new_name_is_found_and_the_old_one_no_more(self, workspace: Workspace, publish: Publish) -> None:
        publish("a", display_name="old")
        workspace.run_folder("a").append({"type": "display_name", "value": "new"})
        assert ids(workspace, text="new") == ["a"]
        assert ids(workspace, text="old") == []

    @pytest.mark.parametrize("few", [0, 500])
    def test_together_with_an_order_by_a_metric(
        self, workspace: Workspace, publish: Publish, monkeypatch: pytest.MonkeyPatch, few: int
    ) -> None:
        for run_id, accuracy in (("red-1", 0.1), ("blue-1", 0.2), ("red-2", 0.3)):
            publish(run_id, *WHOLE_LIFE, metrics={"acc": accuracy})
        publish("red-3")
        monkeypatch.setattr(index_queries, "_MANY", few)
        assert ids(workspace, text="RED", order="acc", limit=5) == ["red-2", "red-1", "red-3"]
        assert ids(workspace, text="RED", order="acc", limit=5, only_ordered=True) == ["red-2", "red-1"]
        assert ids(workspace, text="RED", order="acc", metric="acc", below=0.2) == ["red-1"]

    @pytest.mark.parametrize("order", ["created", "name", "duration"])
    def test_no_row_is_read_that_is_not_told(self, workspace: Workspace, publish: Publish, order: str) -> None:
        publish("a")
        steps = plan(workspace, RunQuery(text="x", top_level=True, states=(State.QUEUED,), order=order, limit=50))
        assert any(step.startswith("SCAN runs USING COVERING INDEX") for step in steps)

    def test_in_an_index_made_before_there_was_one(self, workspace: Workspace, publish: Publish) -> None:
        publish("a", display_name="ÄPFEL")
        workspace.index.count()
        with workspace.index._writing() as connection:
            for name in ("runs_by_turn", "runs_by_experiment"):
                connection.execute(f"DROP INDEX {name}")
            connection.execute("ALTER TABLE runs DROP COLUMN searched")
            connection.execute("CREATE INDEX runs_by_turn ON runs (turn DESC, id)")
            connection.execute("CREATE INDEX runs_by_experiment ON runs (experiment, turn DESC, id)")
        with sqlite3.connect(workspace.layout.index) as older:
            older.execute("PRAGMA user_version = 3")
        workspace.index.close()
        assert ids(workspace, text="äpfel") == ["a"]


class TestOrders:
    def test_by_time_either_way(self, workspace: Workspace, publish: Publish) -> None:
        for number in range(4):
            publish(f"run-{number}", created=float(number // 2))
        newest = ids(workspace)
        assert newest == ["run-2", "run-3", "run-0", "run-1"]
        assert ids(workspace, descending=False) == newest[::-1]
        assert ids(workspace, descending=False, limit=2, offset=1) == newest[::-1][1:3]

    def test_by_name_with_the_id_of_those_that_have_none(self, workspace: Workspace, publish: Publish) -> None:
        publish("b", display_name="zebra")
        publish("c", display_name="Ant")
        publish("m")
        publish("a", display_name="ant")
        assert ids(workspace, order="name", descending=False) == ["a", "c", "m", "b"]
        assert ids(workspace, order="name", limit=2) == ["b", "m"]

    def test_by_duration_with_those_last_that_have_not_begun(self, workspace: Workspace, publish: Publish) -> None:
        publish("waits")
        for run_id, started, ended in (("short", 100.0, 101.0), ("long", 50.0, 90.0)):
            publish(run_id, State.PREPARING, State.QUEUED)
            for state, since in ((State.RUNNING, started), (State.FINALIZING, ended)):
                workspace.run_folder(run_id).advance(state, since=since)
            workspace.run_folder(run_id).advance(State.COMPLETED, reason=Reason.FINISHED, since=ended)
        publish("runs", State.PREPARING, State.QUEUED)
        workspace.run_folder("runs").advance(State.RUNNING, since=time.time() - 20)
        assert ids(workspace, order="duration", limit=9) == ["long", "runs", "short", "waits"]
        assert ids(workspace, order="duration", descending=False) == ["short", "runs", "long", "waits"]

    @pytest.mark.parametrize("order", ["created", "name", "duration"])
    @pytest.mark.parametrize("descending", [True, False])
    def test_pages_make_up_the_whole(
        self, workspace: Workspace, publish: Publish, order: str, descending: bool
    ) -> None:
        for number in range(7):
            publish(
                f"run-{number}", *WHOLE_LIFE[: number % 6], created=float(number % 3), display_name="ab"[number % 2]
            )
        whole = ids(workspace, order=order, descending=descending)
        pages = [ids(workspace, order=order, descending=descending, limit=3, offset=start) for start in (0, 3, 6)]
        assert [run for page in pages for run in page] == whole
        assert len(whole) == 7


class TestGroups:
    @pytest.fixture(autouse=True)
    def runs(self, publish: Publish) -> None:
        publish("sweep", *WHOLE_LIFE, tags={"net": "vit"}, experiment="ants", created=1)
        publish("part-1", *WHOLE_LIFE, parent="sweep", experiment="ants", created=2)
        publish("part-2", State.PREPARING, parent="sweep", experiment="ants", created=3)
        publish("lone", State.PREPARING, tags={"net": "cnn"}, experiment="bees", created=4)
        publish("bare", *WHOLE_LIFE, experiment="ants", created=5)

    @pytest.mark.parametrize(
        ("by", "expected"),
        [
            ("experiment", [("ants", 4, 1, 5.0), ("bees", 1, 1, 4.0)]),
            ("state", [("Completed", 3, 0, 5.0), ("Preparing", 2, 2, 4.0)]),
            ("compute_target", [("local", 5, 2, 5.0)]),
            ("parent", [(None, 3, 1, 5.0), ("sweep", 2, 1, 3.0)]),
            ("tag:net", [(None, 3, 1, 5.0), ("cnn", 1, 1, 4.0), ("vit", 1, 0, 1.0)]),
            ("tag:none", [(None, 5, 2, 5.0)]),
        ],
    )
    def test_of_all_runs_with_the_newest_first(
        self, workspace: Workspace, by: str, expected: list[tuple[str | None, int, int, float]]
    ) -> None:
        groups = workspace.index.groups(RunQuery(), by)
        assert [(one.value, one.runs, one.unfinished, one.newest) for one in groups] == expected
        assert workspace.index.groups(RunQuery(limit=1, offset=1), by) == groups[1:2]

    def test_of_those_that_are_wanted(self, workspace: Workspace) -> None:
        def groups(by: str, **query: Any) -> dict[str | None, int]:
            return {one.value: one.runs for one in workspace.index.groups(RunQuery(**query), by)}

        assert groups("experiment", top_level=True) == {"ants": 2, "bees": 1}
        assert groups("experiment", text="LONE") == {"bees": 1}
        assert groups("tag:net", states=(State.COMPLETED,)) == {None: 2, "vit": 1}
        assert groups("state", tags={"net": None}) == {"Completed": 1, "Preparing": 1}
        assert groups("experiment", tags={"net": "gone"}) == {}

    def test_by_experiment_no_row_is_read_and_nothing_sorted(self, workspace: Workspace) -> None:
        query = RunQuery(top_level=True, text="x", states=(State.QUEUED,), compute_target="local", limit=50)
        with workspace.index._writing() as connection:
            sql, values = index_queries.grouping(query, "experiment")
            steps = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()]
        assert "SCAN runs USING COVERING INDEX runs_by_experiment" in steps
        assert "USE TEMP B-TREE FOR GROUP BY" not in steps

    def test_have_the_runs_that_a_list_finds_by_their_value(self, workspace: Workspace) -> None:
        assert ids(workspace, without_tags=("net",)) == ["bare", "part-2", "part-1"]
        assert ids(workspace, parent="sweep") == ["part-2", "part-1"]


def test_a_row_tells_how_many_runs_are_part_of_it(workspace: Workspace, publish: Publish) -> None:
    publish("sweep")
    publish("part-1", parent="sweep")
    publish("part-2", parent="sweep")
    assert {row.id: row.children for row in workspace.index.runs(RunQuery(limit=9))} == {
        "sweep": 2,
        "part-1": 0,
        "part-2": 0,
    }
    assert [row.children for row in workspace.index.rows(["sweep"])] == [2]


def test_runs_are_bounded_by_one_metric_and_ordered_by_another(workspace: Workspace, publish: Publish) -> None:
    publish("a", *WHOLE_LIFE, metrics={"loss": 0.1, "acc": 0.7})
    publish("b", *WHOLE_LIFE, metrics={"loss": 0.2, "acc": 0.9})
    publish("c", *WHOLE_LIFE, metrics={"loss": 0.9, "acc": 0.8})
    assert ids(workspace, metric="loss", below=0.5, order="acc") == ["b", "a"]
    assert ids(workspace, order="acc", descending=False) == ["a", "c", "b"]
    assert ids(workspace, metric="loss", above=0.2, statistic="min") == ["b", "c"]


@pytest.mark.parametrize("order", ["created", "loss", "acc"])
@pytest.mark.parametrize("descending", [True, False])
def test_the_way_to_an_answer_changes_nothing_about_it(
    workspace: Workspace, publish: Publish, monkeypatch: pytest.MonkeyPatch, order: str, descending: bool
) -> None:
    chance = random.Random(1)
    for number in range(12):
        metrics = {name: chance.choice([0.1, 0.2, 0.3, math.nan]) for name in ("loss", "acc") if chance.random() < 0.9}
        publish(
            f"run-{number}",
            *WHOLE_LIFE,
            metrics=metrics,
            experiment=chance.choice(["ants", "bees"]),
            created=float(number % 5),
        )
    bounds: list[dict[str, Any]] = [{"above": 0.2}, {"below": 0.2}, {"above": 0.2, "below": 0.2}, {"above": 9.0}]
    for wanted in [{**bound, **more} for bound in bounds for more in ({}, {"experiment": "ants"}, {"offset": 2})]:
        answers = []
        for many in (0, 10**9):
            monkeypatch.setattr(index_queries, "_MANY", many)
            answers.append(ids(workspace, metric="loss", order=order, descending=descending, limit=3, **wanted))
        every = ids(workspace, metric="loss", order=order, descending=descending, **{**wanted, "offset": 0})
        start = wanted.get("offset", 0)
        assert answers == [every[start : start + 3]] * 2


@pytest.mark.parametrize("order", ["created", "acc"])
def test_with_many_left_by_a_bound_the_order_is_walked_along(
    workspace: Workspace, publish: Publish, order: str
) -> None:
    publish("a", *WHOLE_LIFE, metrics={"loss": 0.1, "acc": 0.7})
    with workspace.index._writing() as connection:
        rows = [(f"x{number}", 0.5) for number in range(index_queries._MANY)]
        connection.executemany("INSERT INTO run_metrics VALUES (?, 'loss', ?2, ?2, ?2, 1)", rows)
    for above, first in ((0.0, "runs_by_turn" if order == "created" else "SEARCH o"), (0.5, "SEARCH m")):
        assert first in plan(workspace, RunQuery(metric="loss", above=above, order=order, limit=50))[1]


def test_a_metric_that_is_not_a_number_stays_one_and_is_listed_last(workspace: Workspace, publish: Publish) -> None:
    publish("a", *WHOLE_LIFE, metrics={"loss": math.nan})
    publish("b", *WHOLE_LIFE, metrics={"loss": 0.2})
    publish("c", *WHOLE_LIFE, metrics={"loss": -0.1})
    last, least, greatest, count = workspace.index.metrics(["a"])["a"]["loss"]
    assert math.isnan(last)
    assert math.isnan(least)
    assert math.isnan(greatest)
    assert count == 1
    assert workspace.index.metrics(["b"]) == {"b": {"loss": (0.2, 0.2, 0.2, 1)}}
    assert ids(workspace, order="loss") == ["b", "c", "a"]
    assert ids(workspace, order="loss", descending=False) == ["c", "b", "a"]
    assert ids(workspace, metric="loss", above=-1.0) == ["b", "c"]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("few", [0, 500])
def test_runs_without_the_metric_come_last_in_its_order_the_newest_first(
    workspace: Workspace, publish: Publish, monkeypatch: pytest.MonkeyPatch, descending: bool, few: int
) -> None:
    monkeypatch.setattr(index_queries, "_MANY", few)
    for number in range(12):
        metrics = {"loss": 1.0} if number % 3 else {"acc": number / 10}
        publish(f"run-{number:02}", *WHOLE_LIFE, metrics=metrics, created=float(number), tags={"even": str(number % 2)})
    publish("waits", created=99.0)
    have = [f"run-{number:02}" for number in (9, 6, 3, 0)][:: 1 if descending else -1]
    without = ["waits", *(f"run-{number:02}" for number in (11, 10, 8, 7, 5, 4, 2, 1))]

    def found(**more: Any) -> list[str]:
        return ids(workspace, order="acc", descending=descending, **more)

    assert found() == [*have, *without]
    assert found(only_ordered=True) == have
    for size in (3, 4, 5):
        pages = [found(limit=size, offset=start) for start in range(0, 15, size)]
        assert [one for page in pages for one in page] == [*have, *without], "each is on one page"
        assert all(len(page) == size for page in pages[:2])
    assert found(offset=6) == without[2:]
    assert found(states=(State.NOT_STARTED,), limit=5) == ["waits"]
    assert found(tags={"even": "0"}, text="RUN-", limit=5, offset=2) == [f"run-{number:02}" for number in (10, 8, 4, 2)]


@pytest.mark.parametrize("name", ["duration", "name", "created", "metric:loss"])
def test_a_metric_that_is_called_like_another_order(workspace: Workspace, publish: Publish, name: str) -> None:
    publish("a", *WHOLE_LIFE, metrics={name: 0.1})
    publish("b", *WHOLE_LIFE, metrics={name: 0.3})
    publish("c", *WHOLE_LIFE, metrics={"loss": 0.2})
    assert ids(workspace, order=f"metric:{name}") == ["b", "a", "c"]
    assert ids(workspace, order="loss", limit=1) == ids(workspace, order="metric:loss", limit=1) == ["c"]


@pytest.mark.parametrize("name", ["loss", "name", "created", "metric:loss"])
def test_each_metric_has_an_order_that_means_it(name: str) -> None:
    assert index_queries.ordering_metric(index_queries.order_by(name)) == name

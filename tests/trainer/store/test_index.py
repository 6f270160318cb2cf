"""The index answers questions about many runs, and can be lost, damaged or behind without anything being lost."""

from __future__ import annotations

import errno
import math
import multiprocessing
import os
import random
import shutil
import sqlite3
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import wait_for

from traindock.errors import StoreException
from traindock.runtime.metric_log import MetricLog
from traindock.states import Reason, State
from traindock.store import index, index_file, run_records
from traindock.store.index import Index, RunQuery
from traindock.store.index_file import IndexFile
from traindock.store.migrations import STEPS, migrate
from traindock.workspace import Workspace

Publish = Callable[..., str]

SPEC: dict[str, Any] = {"snapshot": "0" * 64, "compute_target": "local", "environment": {}, "interpreter": "python"}


@pytest.fixture
def publish(workspace: Workspace) -> Publish:
    """Publish a run without a dispatcher, in the given state."""
    return publisher(workspace)


def publisher(workspace: Workspace) -> Publish:
    """Return such a function for ``workspace``."""

    def publish(
        run_id: str,
        *states: State,
        created: float = 1000.0,
        reason: Reason = Reason.FINISHED,
        metrics: dict[str, float] | None = None,
        experiment: str = "exp",
        parent: str | None = None,
        **facts: Any,
    ) -> str:
        folder = run_records.publish(
            workspace.layout,
            workspace.record,
            run_id=run_id,
            experiment=experiment,
            number=run_records.take_number(workspace.layout, experiment),
            created=created,
            user="me",
            parent=parent,
            spec=SPEC,
            **facts,
        )
        for name, value in (metrics or {}).items():
            MetricLog(str(folder.layout.metrics)).number(name, value)
        for state in states:
            folder.advance(state, reason=reason if state.terminal else None)
        return run_id

    return publish


WHOLE_LIFE = (State.PREPARING, State.QUEUED, State.RUNNING, State.FINALIZING, State.COMPLETED)


def ids(workspace: Workspace, **query: Any) -> list[str]:
    return [row.id for row in workspace.index.runs(RunQuery(**query))]


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
    with workspace.index._writing() as connection:
        sql, values = index._select(RunQuery(experiment="ants", number=1, limit=1))
        plan = str(connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall())
    assert "experiment=? AND number=?" in plan


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
            f"run-{number}", *WHOLE_LIFE, metrics=metrics, experiment=chance.choice("ab"), created=float(number % 5)
        )
    bounds: list[dict[str, Any]] = [{"above": 0.2}, {"below": 0.2}, {"above": 0.2, "below": 0.2}, {"above": 9.0}]
    for wanted in [{**bound, **more} for bound in bounds for more in ({}, {"experiment": "a"}, {"offset": 2})]:
        answers = []
        for many in (0, 10**9):
            monkeypatch.setattr(index, "_MANY", many)
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
        rows = [(f"x{number}", 0.5) for number in range(index._MANY)]
        connection.executemany("INSERT INTO run_metrics VALUES (?, 'loss', ?2, ?2, ?2, 1)", rows)
        for above, first in ((0.0, "runs_by_turn" if order == "created" else "SEARCH o"), (0.5, "SEARCH m")):
            query = RunQuery(metric="loss", above=above, order=order, limit=50)
            sql, values = index._select(query, many=index._bounds_leave_many(connection, query))
            assert first in str(connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchone())


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


def test_what_happens_to_a_run_is_seen_at_the_next_question(workspace: Workspace, publish: Publish) -> None:
    publish("a")
    assert workspace.index.runs(RunQuery())[0].state is State.NOT_STARTED
    workspace.run_folder("a").advance(State.PREPARING)
    workspace.run_folder("a").append({"type": "tags", "set": {"new": "tag"}})
    row = workspace.index.runs(RunQuery())[0]
    assert (row.state, row.tags) == (State.PREPARING, {"new": "tag"})


def test_a_rebuild_from_the_folders_gives_the_same_answers(workspace: Workspace, publish: Publish) -> None:
    publish("a", *WHOLE_LIFE, metrics={"loss": 0.1}, tags={"x": "y"})
    publish("b", State.PREPARING, created=2000.0)
    before = workspace.index.runs(RunQuery()), workspace.index.metrics(["a", "b"])
    assert workspace.rebuild_index() == 2
    assert (workspace.index.runs(RunQuery()), workspace.index.metrics(["a", "b"])) == before


def test_a_lost_index_comes_back_by_itself(workspace: Workspace, publish: Publish) -> None:
    publish("a", *WHOLE_LIFE)
    assert ids(workspace) == ["a"]
    workspace.index.close()
    for file in workspace.layout.root.glob("index.sqlite*"):
        file.unlink()
    assert ids(workspace) == ["a"]


@pytest.mark.parametrize("damage", ["garbage", "hole", "foreign"])
def test_a_damaged_index_is_set_aside_and_rebuilt(workspace: Workspace, publish: Publish, damage: str) -> None:
    for number in range(15):
        publish(f"run-{number}", *WHOLE_LIFE)
    assert len(ids(workspace)) == 15
    workspace.index.close()
    file = workspace.layout.index
    for side in ("-wal", "-shm"):
        Path(f"{file}{side}").unlink(missing_ok=True)
    if damage == "garbage":
        file.write_bytes(b"this is no database " * 1000)
    elif damage == "hole":
        content = bytearray(file.read_bytes())
        content[4096:] = bytes(len(content) - 4096)
        file.write_bytes(content)
    else:
        file.unlink()
        connection = sqlite3.connect(file)
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")
        connection.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(ids(workspace)) == 15
    assert list(workspace.layout.root.glob("index.damaged-*")), "the damaged file is kept for whoever wants to know"


def test_an_index_that_was_emptied_is_made_anew_though_another_process_has_it_open(
    workspace: Workspace, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_file, "_PATIENCE_SECONDS", 1.0)  # of SQLite, were it to wait for the other one
    for ask in (Index.rebuild, Index.count):
        publish(f"before-{ask.__name__}")
        found = len(ids(workspace))
        os.truncate(workspace.layout.index, 0)
        with pytest.warns(UserWarning, match=r"was damaged \(the file is empty\) and is rebuilt"):
            assert ask(Index(workspace.layout, workspace.record)) == found
        publish(f"after-{ask.__name__}")
        assert len(ids(workspace)) == found + 1, "whoever had it open takes up the new one"


def test_an_index_of_a_newer_version_is_left_alone_and_said_so(workspace: Workspace, publish: Publish) -> None:
    publish("a")
    assert ids(workspace) == ["a"]
    newer = sqlite3.connect(workspace.layout.index)
    newer.execute("PRAGMA user_version = 99")
    older = Index(workspace.layout, workspace.record)
    for ask in (older.count, older.count, older.rebuild):
        with pytest.raises(StoreException, match=r"newer version of Traindock .*: upgrade"):
            ask()
    assert not list(workspace.layout.root.glob("index.damaged-*"))
    assert newer.execute("PRAGMA user_version").fetchone() == (99,)
    newer.execute(f"PRAGMA user_version = {len(STEPS)}")
    newer.close()
    assert older.count() == 1


def test_in_an_index_made_before_there_were_turns_runs_go_by_their_time(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    for statement in ";".join(STEPS[:2]).split(";"):
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 2")
    values = ("exp", 1, "", "job", "NotStarted", None, "", "local", "me", None, 1000.5, None, None, 1, 1, "{}", "{}")
    connection.execute(f"INSERT INTO runs VALUES ('a', {', '.join('?' * len(values))})", values)
    migrate(connection)
    assert connection.execute("SELECT id, turn FROM runs").fetchall() == [("a", 1000.5)]
    connection.close()


def test_of_damaged_files_only_the_last_is_kept(workspace: Workspace, publish: Publish) -> None:
    publish("a")
    (workspace.layout.root / "index.damaged-1").write_text("an earlier one")
    for _ in range(2):
        workspace.index.close()
        workspace.layout.index.write_bytes(b"this is no database " * 1000)
        with pytest.warns(UserWarning, match="was damaged"):
            assert ids(workspace) == ["a"]
    [kept] = workspace.layout.root.glob("index.damaged-*")
    assert kept.read_bytes().startswith(b"this is no database")


def test_a_question_that_makes_no_sense_is_not_taken_for_damage(workspace: Workspace, publish: Publish) -> None:
    publish("a")
    with pytest.raises(StoreException, match="datatype mismatch"):
        ids(workspace, limit="many")
    assert not list(workspace.layout.root.glob("index.damaged-*"))
    assert ids(workspace) == ["a"]


def test_an_index_rebuilt_by_another_process_is_taken_up(workspace: Workspace, publish: Publish) -> None:
    publish("a")
    assert ids(workspace) == ["a"]
    Index(workspace.layout, workspace.record).rebuild()
    publish("b", created=2000.0)
    assert ids(workspace) == ["b", "a"]


def _rebuild_again_and_again(root: str, stop: Path) -> None:
    index = Workspace(root).index
    while not stop.exists():
        assert index.rebuild() == 5


@pytest.mark.slow
def test_whoever_asks_while_others_rebuild_finds_all_there_is(
    workspace: Workspace, publish: Publish, tmp_path: Path
) -> None:
    for number in range(5):
        publish(f"exp_{number}", State.PREPARING)
    context = multiprocessing.get_context("spawn")
    stop = tmp_path / "stop"
    rebuilders = [
        context.Process(target=_rebuild_again_and_again, args=(str(workspace.layout.root), stop)) for _ in range(2)
    ]
    for rebuilder in rebuilders:
        rebuilder.start()
    began = tmp_path / "workspace" / "index.rebuild"
    wait_for(began.exists, "the first rebuild")
    folder = workspace.run_folder("exp_3")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for number in range(100):
                folder.append({"type": "tags", "set": {"number": str(number)}})
                assert ids(workspace, tags={"number": str(number)}) == ["exp_3"]
    finally:
        stop.touch()
        for rebuilder in rebuilders:
            rebuilder.join(30)
    assert [rebuilder.exitcode for rebuilder in rebuilders] == [0, 0]


def test_a_rebuild_that_takes_long_holds_nobody_up_and_takes_nothing_back(
    workspace: Workspace, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("a")
    assert ids(workspace) == ["a"]
    other = Index(workspace.layout, workspace.record)
    has_read, may_go_on = threading.Event(), threading.Event()
    really = other._fill

    def slowly(connection: sqlite3.Connection) -> None:
        really(connection)
        has_read.set()
        assert may_go_on.wait(30)

    monkeypatch.setattr(other._file, "_fill", slowly)
    rebuilding = threading.Thread(target=other.rebuild)
    rebuilding.start()
    assert has_read.wait(30)
    workspace.run_folder("a").append({"type": "tags", "set": {"new": "tag"}})
    publish("b")
    assert ids(workspace, tags={"new": "tag"}) == ["a"]
    may_go_on.set()
    rebuilding.join(30)
    assert ids(workspace, tags={"new": "tag"}) == ["a"]
    assert other.count() == 2


def test_a_rebuild_whose_result_is_deleted_at_once_makes_it_again(
    workspace: Workspace, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("a")
    really, deleted = IndexFile._put, list[Path]()

    def put(self: IndexFile, side: Path, away: Path | None = None) -> None:
        really(self, side, away)
        if not deleted:
            deleted.append(workspace.layout.index)
            workspace.layout.index.unlink()

    monkeypatch.setattr(IndexFile, "_put", put)
    found: list[int] = []
    rebuilding = threading.Thread(target=lambda: found.append(workspace.rebuild_index()), daemon=True)
    rebuilding.start()
    rebuilding.join(10)
    assert found == [1]
    assert deleted


def test_of_several_that_find_the_index_damaged_one_replaces_it(
    workspace: Workspace, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("a")
    assert ids(workspace) == ["a"]
    indexes = [Index(workspace.layout, workspace.record) for _ in range(4)]
    assert [each.count() for each in indexes] == [1, 1, 1, 1]
    for each in indexes:
        each.close()
    workspace.index.close()
    workspace.layout.index.write_bytes(b"this is no database " * 1000)
    all_found_it = threading.Barrier(4)
    really = IndexFile._replace

    def replace(self: IndexFile, error: sqlite3.Error) -> None:
        all_found_it.wait(30)
        really(self, error)

    monkeypatch.setattr(IndexFile, "_replace", replace)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(Index.count, indexes)) == [1, 1, 1, 1]
    assert len(told) == 1
    assert len(list(workspace.layout.root.glob("index.damaged-*"))) == 1


def _publish_some(root: str, process: int) -> None:
    workspace = Workspace(root)
    publish = publisher(workspace)
    for number in range(20):
        publish(f"p{process}-{number}", State.PREPARING)
        workspace.index.catch_up()


@pytest.mark.slow
def test_several_processes_publish_and_index_at_once(workspace: Workspace) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_publish_some, args=(str(workspace.layout.root), process)) for process in range(3)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    rows = workspace.index.runs(RunQuery())
    assert {row.id for row in rows} == {f"p{process}-{number}" for process in range(3) for number in range(20)}
    assert {row.state for row in rows} == {State.PREPARING}
    assert sorted(row.number for row in rows) == list(range(1, 61)), "no run number is given twice"


def test_a_run_folder_deleted_by_hand_leaves_every_list(workspace: Workspace, publish: Publish) -> None:
    for number in range(4):
        publish(f"exp_{number}", *WHOLE_LIFE, created=1000.0 + number, metrics={"loss": number / 10})
    assert ids(workspace, limit=2) == ["exp_3", "exp_2"]
    shutil.rmtree(workspace.layout.runs / "exp_3")
    (workspace.layout.runs / "exp_1" / "run.json").unlink()
    assert ids(workspace, limit=2) == ["exp_2", "exp_0"], "the next ones move up"
    assert ids(workspace, order="loss") == ["exp_2", "exp_0"]
    assert workspace.index.count() == 2
    assert workspace.index.metrics(["exp_3"]) == {"exp_3": {}}


def test_a_run_folder_that_cannot_be_looked_at_is_not_taken_for_gone(
    workspace: Workspace, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("a")
    real = os.stat

    def refusing(path: Any, *args: Any, **options: Any) -> os.stat_result:
        if str(path).endswith("run.json"):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(path, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(run_records.os, "stat", refusing)
        with pytest.raises(StoreException, match=os.strerror(errno.ESTALE)):
            ids(workspace)
    assert ids(workspace) == ["a"]


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EIO])
def test_a_run_that_cannot_be_read_for_a_moment_is_not_lost(
    workspace: Workspace, publish: Publish, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    publish("a")
    publish("b", created=2000.0)
    assert ids(workspace) == ["b", "a"]
    workspace.run_folder("b").append({"type": "tags", "set": {"new": "tag"}})
    real = Path.read_bytes

    def refusing(path: Path) -> bytes:
        if path.name == "run.json":
            raise OSError(code, os.strerror(code))
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refusing)
        for _ in range(2):
            with pytest.raises(StoreException, match=os.strerror(code)):
                ids(workspace)
    assert ids(workspace, tags={"new": "tag"}) == ["b"]
    assert ids(workspace) == ["b", "a"]


def test_a_deleted_run_folder_leaves_the_index_with_a_rebuild(workspace: Workspace, publish: Publish) -> None:
    publish("a")
    publish("b", created=2000.0)
    assert ids(workspace) == ["b", "a"]
    shutil.rmtree(workspace.layout.runs / "b")
    assert workspace.rebuild_index() == 1
    assert ids(workspace) == ["a"]


def test_a_run_with_a_damaged_record_does_not_hide_the_others(workspace: Workspace, publish: Publish) -> None:
    publish("a")
    publish("b", created=2000.0)
    (workspace.layout.runs / "b" / "run.json").write_text("{")
    assert workspace.rebuild_index() == 1
    assert ids(workspace) == ["a"]

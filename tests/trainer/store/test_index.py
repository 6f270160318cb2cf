"""The index can be lost, damaged, locked or behind without anything being lost."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import shutil
import sqlite3
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import locked_index, wait_for
from tests.trainer.store.publishing import WHOLE_LIFE, Publish, ids, publisher

from traindock.errors import IndexBusyException, StoreException
from traindock.states import State
from traindock.store import index_file, run_records
from traindock.store.index import Index, RunQuery
from traindock.store.index_file import IndexFile
from traindock.store.migrations import STEPS, migrate
from traindock.workspace import Workspace


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


@pytest.mark.parametrize("how", ["normal", "exclusive"])
def test_whoever_asks_hastily_does_not_wait_for_a_program_that_has_it_locked(
    workspace: Workspace, publish: Publish, how: str
) -> None:
    run = publish("a")
    workspace.index.hasty.catch_up()
    publish("b")  # of which it has yet to hear
    with locked_index(workspace, how):
        began = time.monotonic()
        with pytest.raises(IndexBusyException, match="is kept locked by another program: try again in a moment"):
            workspace.index.hasty.count()
        assert time.monotonic() - began < index_file._PATIENCE_SECONDS / 10
    assert workspace.index.hasty.count() == 2
    assert run in ids(workspace)


def test_whoever_asks_hastily_waits_neither_for_a_rebuild_nor_for_a_thread_that_waits(
    workspace: Workspace, publish: Publish
) -> None:
    publish("a")
    hasty, layout = workspace.index.hasty, workspace.layout
    with open(layout.index.with_suffix(".rebuild"), "wb") as rebuilding:  # by another process
        fcntl.flock(rebuilding, fcntl.LOCK_EX)
        layout.index.unlink(missing_ok=True)
        with pytest.raises(IndexBusyException):
            hasty.count()
    assert hasty.count() == 1
    with ThreadPoolExecutor(1) as threads:
        with locked_index(workspace):
            publish("b")
            patient = threads.submit(workspace.index.count)
            with pytest.raises(IndexBusyException):
                hasty.count()
            assert not patient.done(), "it waits for the lock"
        assert patient.result(30) == 2


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

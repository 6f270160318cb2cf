"""Deleting runs: gone at once, with all their space, and nothing that anybody else refers to."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit, end_everything_in, wait_for

from traindock import (
    Experiment,
    Model,
    Run,
    RunHasChildrenException,
    RunNotEndedException,
    RunNotFoundException,
    State,
    Workspace,
)
from traindock.dispatcher import start
from traindock.errors import UserErrorException
from traindock.states import Reason
from traindock.store import deleting, releasing, run_records
from traindock.store.blobs import BlobStore
from traindock.store.layout import DELETED
from traindock.store.sealing import seal

MEGABYTE = 1 << 20
Record = Callable[..., Run]


@pytest.fixture
def record(workspace: Workspace) -> Record:
    """Record a run as if it had been submitted and driven to its end, without a dispatcher."""
    return recorder(workspace)


def recorder(workspace: Workspace) -> Record:
    def record(
        files: dict[str, bytes] | None = None, *, parent: Run | None = None, ended: bool = True, **facts: Any
    ) -> Run:
        folder = run_records.publish(
            workspace.layout,
            workspace.record,
            run_id=f"tests_{time.time_ns() // 10**9}_{random.getrandbits(32):08x}",
            experiment="tests",
            number=run_records.take_number(workspace.layout, "tests"),
            created=time.time(),
            turn=run_records.take_turn(workspace.layout),
            user="ann",
            parent=parent.id if parent is not None else None,
            spec={"snapshot": "", "compute_target": "local", "environment": {}, "interpreter": sys.executable},
            **facts,
        )
        folder.layout.outputs.mkdir()
        for name, content in (files or {}).items():
            (folder.layout.outputs / name).write_bytes(content)
        for state in (State.PREPARING, State.QUEUED, State.RUNNING):
            folder.advance(state)
        if ended:
            folder.advance(State.FINALIZING)
            seal(folder.layout, BlobStore(workspace.layout.blobs))
            folder.advance(State.COMPLETED, reason=Reason.FINISHED)
        return Run.get(workspace, folder.id)

    return record


def contents(workspace: Workspace) -> set[bytes]:
    """What lies in the content store."""
    return {path.read_bytes() for path in workspace.layout.blobs.glob("*/*")}


def hidden(workspace: Workspace) -> list[Path]:
    """Folders of deleted runs that are still there."""
    return list(workspace.layout.runs.glob(f"{DELETED}*"))


class TestDeleting:
    def test_the_run_is_gone_for_every_reader(self, workspace: Workspace, record: Record) -> None:
        run, other = record({"model": b"weights"}), record()
        reader = Workspace(workspace.layout.root)
        assert reader.index.count() == 2

        run.delete()

        assert [found.id for found in Run.list(reader)] == [other.id]
        assert reader.index.count() == 1
        with pytest.raises(RunNotFoundException):
            Run.get(reader, run.id)
        with pytest.raises(RunNotFoundException):
            run.delete()
        assert not run.path.exists()
        assert hidden(workspace) == []

    def test_a_real_run(self, workspace: Workspace, submit: Submit) -> None:
        run = submit("open('outputs/model', 'wb').write(b'weights'); open('logs/log', 'w').write('one')")
        run.wait_for_completion()

        run.delete()

        assert list(Run.list(workspace)) == []
        assert [content for content in contents(workspace) if content == b"weights"] == []

    def test_its_number_is_never_given_again(self, workspace: Workspace, record: Record) -> None:
        first = record()
        number = first.number
        first.delete()

        assert record().number == number + 1

    def test_a_run_that_has_not_ended_is_refused(self, record: Record) -> None:
        run = record(ended=False)

        with pytest.raises(RunNotEndedException, match=rf"{run.id} has not ended \(Running\)"):
            run.delete()

        assert run.path.exists()

    def test_folders_that_a_script_closed_are_removed(self, workspace: Workspace, record: Record) -> None:
        run = record()
        closed = run.path / "logs" / "closed"
        closed.mkdir(parents=True)
        (closed / "file").write_text("one")
        closed.chmod(0)
        run.path.chmod(0o500)

        run.delete()

        assert hidden(workspace) == []

    def test_of_somebody_elses_run_nothing_runs_so_that_it_can_be_deleted(
        self, workspace: Workspace, record: Record
    ) -> None:
        run = record(ended=False)
        forge(run)
        assert not run.signed

        run.delete()

        assert not run.path.exists()

    def test_a_run_whose_record_was_changed_while_its_job_goes_on_is_refused(self, record: Record) -> None:
        run = record(ended=False)
        forge(run)
        with open(run._folder.layout.launch_lock, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

            with pytest.raises(RunNotEndedException):
                run.delete()

        assert run.path.exists()


class TestFamilies:
    def test_children_are_named_and_only_go_if_that_was_asked_for(self, workspace: Workspace, record: Record) -> None:
        parent = record()
        child = record(parent=parent)
        grandchild = record(parent=child)

        with pytest.raises(RunHasChildrenException, match=child.id) as caught:
            parent.delete()
        assert set(caught.value.children) == {child.id, grandchild.id}
        assert workspace.index.count() == 3

        parent.delete(with_children=True)
        assert workspace.index.count() == 0

    def test_a_child_alone_can_be_deleted(self, workspace: Workspace, record: Record) -> None:
        parent = record()
        child = record(parent=parent)

        child.delete()

        assert [run.id for run in Run.list(workspace, include_children=True)] == [parent.id]

    def test_a_child_that_goes_on_keeps_its_parent(self, record: Record) -> None:
        parent = record()
        child = record(parent=parent, ended=False)

        with pytest.raises(RunNotEndedException, match=rf"{child.id}, a child of {parent.id}, has not ended"):
            parent.delete(with_children=True)

        assert parent.path.exists()

    def test_no_child_comes_while_its_parent_is_deleted(
        self, workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parent = record()
        hide = deleting.hide

        def late(*arguments: Any) -> bool:
            monkeypatch.setattr(deleting, "hide", hide)
            record(parent=parent)
            return hide(*arguments)

        monkeypatch.setattr(deleting, "hide", late)

        with pytest.raises(RunHasChildrenException):
            parent.delete()

    def test_a_parent_that_is_gone_gets_no_child(self, workspace: Workspace, record: Record) -> None:
        parent = record()
        parent.delete()

        with pytest.raises(RunNotFoundException, match=parent.id):
            record(parent=parent)

        assert workspace.index.count() == 0

    def test_runs_that_name_each_other_as_parents(self, workspace: Workspace, record: Record) -> None:
        one = record()
        two = record(parent=one)
        forge(one, parent=two.id)

        one.delete(with_children=True)

        assert workspace.index.count() == 0


class TestSpace:
    def test_contents_that_only_this_run_referred_to_are_given_back(
        self, workspace: Workspace, record: Record, tmp_path: Path
    ) -> None:
        (tmp_path / "source").mkdir()
        (tmp_path / "source" / "data").write_bytes(b"in a snapshot")
        with Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=tmp_path / "source"):
            pass
        end_everything_in(workspace)  # a dispatcher would drive what is recorded below by itself
        before = contents(workspace)
        run = record({"own": b"own", "shared": b"shared", "model": b"a model's", "data": b"in a snapshot"})
        other = record({"shared": b"shared"})
        model = run.register_model("kept", "outputs/model")

        run.delete()

        assert contents(workspace) - before == {b"shared", b"a model's"}
        assert b"in a snapshot" in contents(workspace)
        assert model.run_id == run.id
        assert Path(Model(workspace, "kept").download(str(tmp_path / "there"))).read_bytes() == b"a model's"
        assert other.register_model("other", "outputs/shared").size == len(b"shared")

    def test_the_disk_gets_it_back(self, workspace: Workspace, record: Record) -> None:
        from traindock.run_deletion import delete

        run = record({"big": random.randbytes(4 * MEGABYTE)})
        assert workspace.index.count() == 1
        before = used(workspace.layout.root)

        deleted = delete(workspace, [run.id])

        assert before - used(workspace.layout.root) > 3.9 * MEGABYTE
        assert abs(deleted.freed_bytes - 4 * MEGABYTE) < 0.2 * MEGABYTE

    def test_also_where_the_file_system_has_no_links(
        self, workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(95, "Operation not supported")

        other = record({"shared": b"shared"})
        with monkeypatch.context() as patched:
            patched.setattr(os, "link", refuse)
            run = record({"own": b"own", "shared": b"shared"})

        run.delete()

        assert contents(workspace) == {b"shared"}
        assert other.path.exists()

    def test_the_last_of_a_model_goes_with_its_last_version(self, workspace: Workspace, record: Record) -> None:
        run = record({"model": b"a model's"})
        one, two = (run.register_model("model", "outputs/model") for _ in range(2))
        run.delete()

        one.delete()
        assert contents(workspace) == {b"a model's"}
        two.delete()
        assert contents(workspace) == set()

    def test_a_version_that_cannot_be_read_any_more_keeps_its_files(self, workspace: Workspace, record: Record) -> None:
        run = record({"model": b"a model's"})
        run.register_model("model", "outputs/model")
        path = workspace.layout.model_events("model")
        path.write_bytes(path.read_bytes().replace(b'"root"', b'"root'))

        run.delete()

        assert contents(workspace) == {b"a model's"}

    def test_what_is_just_being_referred_to_stays(self, workspace: Workspace, record: Record) -> None:
        """A registration that has looked at the file, and not yet written its version."""
        run = record({"model": b"a model's"})
        blobs = BlobStore(workspace.layout.blobs)
        with blobs.referring():
            deletion = threading.Thread(target=run.delete)
            deletion.start()
            wait_for(lambda: not run.path.exists(), "the run to be gone")
            run_of = Model.register(workspace, str(next(workspace.layout.blobs.glob("*/*"))), "model")
        deletion.join()

        assert run_of.size == len(b"a model's")
        assert contents(workspace) == {b"a model's"}

    def test_what_is_just_being_sealed_stays(self, workspace: Workspace, record: Record) -> None:
        """A run whose outputs are in the store already, and whose own record does not name them yet."""
        run, going = record({"same": b"same"}), record({"same": b"same"}, ended=False)
        deletion = threading.Thread(target=run.delete)

        def reached(step: str) -> None:
            if step == "record":
                deletion.start()
                wait_for(lambda: not run.path.exists(), "the run to be gone")

        seal(going._folder.layout, BlobStore(workspace.layout.blobs), reached=reached)
        deletion.join()

        assert contents(workspace) == {b"same"}

    def test_nobody_is_waited_for_for_ever(
        self, workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = record({"own": b"own"})
        with BlobStore(workspace.layout.blobs).referring():
            deleting.hide(workspace.layout, [run.id], 0, lambda _: True)
            finished = deleting.finish(workspace.layout, patience_seconds=0)
            assert hidden(workspace) == []
            assert contents(workspace) == {b"own"}

        assert finished.trouble
        assert deleting.finish(workspace.layout).trouble == ""
        assert contents(workspace) == set()
        assert list(workspace.layout.releases.iterdir()) == []


class TestManyAtOnce:
    """Processes that delete, register and seal the same contents at the same time."""

    WORKER = """
        import random, sys, time
        sys.path.insert(0, {repository!r})
        from pathlib import Path
        from tests.trainer.test_run_deletion import recorder
        from traindock import Model, Workspace, snapshot
        from traindock.store import model_records
        workspace, kind, seed = Workspace({root!r}), sys.argv[1], sys.argv[2]
        folder = Path(sys.argv[3])
        own = folder / seed
        record = recorder(workspace)

        def late(act):
            def later(*args, **options):
                time.sleep(0.02)  # between a look into the store and what refers to what was found there
                return act(*args, **options)
            return later

        model_records.register, snapshot.write_atomic = late(model_records.register), late(snapshot.write_atomic)
        ends, done = time.monotonic() + 5, 0
        while time.monotonic() < ends:
            # The same contents for all that are at work at this moment, and others soon after.
            if kind == "delete":
                # What somebody is about to refer to, the same content for all who look just now.
                others = list(folder.glob("*/model"))
                if others:
                    record({{"model": random.choice(others).read_bytes()}}).delete()
                    done += 1
                continue
            own.mkdir(exist_ok=True)
            (own / "new").write_bytes(b"content %d of %s" % (done, seed.encode()))
            (own / "new").rename(own / "model")
            time.sleep(0.05 * random.random())
            if kind == "register":
                Model.register(workspace, own, "model-" + seed)
            else:
                snapshot.take(own, layout=workspace.layout)
            done += 1
        print(done)
    """

    @pytest.mark.slow
    def test_no_content_is_lost_and_none_is_left(self, workspace: Workspace, tmp_path: Path) -> None:
        code = textwrap.dedent(self.WORKER).format(
            repository=str(Path(__file__).parents[2]), root=str(workspace.layout.root)
        )
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", code, kind, str(seed), str(tmp_path)], stdout=subprocess.PIPE, text=True
            )
            for seed, kind in enumerate(["delete", "delete", "register", "submit"])
        ]
        for worker in workers:
            out, _ = worker.communicate(timeout=120)
            assert worker.returncode == 0
            assert int(out.split()[-1]) > 3

        from traindock import snapshot

        blobs = BlobStore(workspace.layout.blobs)
        referred = {sha for model in Model.list(workspace) for sha in model.files.values()}
        for record in workspace.layout.snapshots.glob("*.json"):
            referred |= {file.sha256 for file in snapshot.load(record.stem, workspace.layout).files.values()}
        there = {path.name for path in workspace.layout.blobs.glob("*/*")}
        assert referred - there == set()
        assert there - referred == set()
        for sha256 in there:
            blobs.copy_out(sha256, tmp_path / "copy")
        assert hidden(workspace) == []
        assert not workspace.layout.releases.exists() or list(workspace.layout.releases.iterdir()) == []


class TestKills:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        "point",
        [
            "delete.between-runs",
            "delete.before-release",
            "release.before-lock",
            "delete.after-release",
            "delete.between-folders",
        ],
    )
    def test_whoever_is_killed_nothing_half_done_stays(self, workspace: Workspace, record: Record, point: str) -> None:
        parent = record({"one": b"one"})
        record({"two": b"two"}, parent=parent)
        kept = record({"two": b"two"})
        code = "import sys; from traindock import Workspace; Workspace(sys.argv[1]).get_run(sys.argv[2]).delete(True)"
        command = [sys.executable, "-c", code, str(workspace.layout.root), parent.id]

        killed = subprocess.run(command, env={**os.environ, "TRAINDOCK_FAULT": f"{point}:kill"})
        assert killed.returncode == -9

        seen = {run.id for run in Run.list(workspace, include_children=True)}
        assert seen - {parent.id} == {kept.id}, "a child went before its parent, or with it"
        start.ensure(workspace.layout)
        wait_for(lambda: not hidden(workspace), "the dispatcher to finish it")
        if parent.id in seen:
            parent.delete()
        wait_for(lambda: contents(workspace) == {b"two"}, "the contents to be given back")

    def test_a_dispatcher_at_work_finishes_it(self, workspace: Workspace, record: Record, submit: Submit) -> None:
        run = record({"own": b"own"})
        going = submit("import time; time.sleep(600)")
        wait_for(lambda: going.get_status() == "Running", "the dispatcher to be at work")
        deleting.hide(workspace.layout, [run.id], 0, lambda _: True)

        wait_for(lambda: not hidden(workspace), "the dispatcher to finish it")

        assert b"own" not in contents(workspace)
        going.cancel()

    def test_a_version_whose_deleter_was_killed(self, workspace: Workspace, record: Record) -> None:
        run = record({"model": b"a model's"})
        model = run.register_model("model", "outputs/model")
        run.delete()
        code = "import sys; from traindock import Model, Workspace; Model(Workspace(sys.argv[1]), 'model').delete()"
        command = [sys.executable, "-c", code, str(workspace.layout.root)]

        environment = {**os.environ, "TRAINDOCK_FAULT": "release.before-lock:kill"}
        assert subprocess.run(command, env=environment).returncode == -9

        assert Model.list(workspace) == [], model
        assert deleting.finish(workspace.layout).trouble == ""
        assert contents(workspace) == set()


@pytest.mark.slow
def test_among_ten_thousand_runs_the_others_wait_for_milliseconds(
    workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = record({"one": b"one"})
    for number in range(10_000):
        copy = workspace.layout.run(f"copy_{number}_00000000")
        copy.root.mkdir()
        shutil.copy(model._folder.layout.sealed_json, copy.sealed_json)
    run = record({"own": b"own"})
    held: list[float] = []
    alone = BlobStore.alone

    @contextlib.contextmanager
    def timed(store: BlobStore, patience_seconds: float) -> Iterator[bool]:
        with alone(store, patience_seconds) as mine:
            began = time.thread_time()
            yield mine
            held.append(time.thread_time() - began)

    monkeypatch.setattr(BlobStore, "alone", timed)

    run.delete()

    assert contents(workspace) == {b"one"}
    assert max(held) < 0.1


def test_contents_that_are_none_are_passed_over(workspace: Workspace) -> None:
    assert releasing.release(workspace.layout, ["0" * 64]) == 0


def forge(run: Run, **changes: Any) -> None:
    """Change the record of a run, so that its signature does not fit any more."""
    import json

    document = run._folder.document()
    path = run._folder.layout.run_json
    path.write_text(json.dumps({**document, "user": "eve", **changes}))
    run._folder._workspace.index.unlink(missing_ok=True)


def used(folder: Path) -> int:
    """Bytes on the disk below a folder, each file once."""
    found = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            found[status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def test_the_way_out_of_a_run_that_goes_on_is_told(record: Record) -> None:
    with pytest.raises(UserErrorException, match="cancel it"):
        record(ended=False).delete()

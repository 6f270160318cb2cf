"""The record of a model, which two registrars, a kill or a bad line never spoil."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from tests.trainer.model.conftest import Workspace, sha

from traindock.errors import (
    ModelNotFoundException,
    StoreException,
)
from traindock.model import Model
from traindock.store import events
from traindock.store.blobs import BlobStore


class TestRecord:
    def test_two_processes_at_once_get_different_versions(self, ws, file):
        context = multiprocessing.get_context("fork")
        with context.Pool(4) as pool:
            versions = pool.starmap(register_some, [(ws, file, 10)] * 4)
        assert sorted(number for numbers in versions for number in numbers) == list(range(1, 41))
        assert len(Model.list(ws)) == 40

    @pytest.mark.slow
    def test_a_kill_at_any_moment_leaves_the_whole_version_or_none(self, ws, file, tmp_path):
        file.write_bytes(os.urandom(300_000))
        expected = sha(file.read_bytes())
        registered = 0
        for attempt in range(20):
            child = os.fork()
            if child == 0:
                register_some(ws, file, 1_000)
                os._exit(0)
            moment = time.monotonic() + 0.002 * attempt
            while time.monotonic() < moment:
                os.sched_yield()
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            models = Model.list(ws)
            assert sorted(m.version for m in models) == list(range(1, len(models) + 1))
            assert all(m.files == {"model.pt": expected} for m in models)
            registered = len(models)
        after = Model.register(ws, file, "net")
        assert after.version == registered + 1
        assert sha(Path(after.download(tmp_path / "got")).read_bytes()) == expected

    def test_lines_that_make_no_sense_are_passed_over(self, ws, file):
        Model.register(ws, file, "net", tags={"a": "b"})
        path = ws.layout.model_events("net")
        good = json.loads(path.read_bytes())
        nonsense = [
            b"\xff\xfe\x00",
            b"[]",
            b'{"type": "version"}',
            b'{"type": "version", "version": "x", "files": {}}',
            json.dumps({**good, "version": 2, "files": {"../../x": good["files"]["model.pt"]}}).encode(),
            json.dumps({**good, "version": 3, "root": "../x"}).encode(),
            b'{"type": "tags", "version": 1, "set": 5}',
            b'{"type": "tags", "version": 99, "set": {"a": "c"}}',
            b'{"type": "unheard of", "version": 1}',
            b'{"type": "deleted", "version": [1]}',
        ]
        with open(path, "ab") as record:
            record.write(b"\n".join(nonsense) + b'\n{"type": "deleted", "vers')
        assert Model(ws, "net").tags == {"a": "b"}
        assert [m.version for m in Model.list(ws)] == [1]
        # The line that made version 99 may be lost, but its number was given.
        assert Model.register(ws, file, "net").version == 100
        assert len(Model.list(ws)) == 2

    def test_no_number_is_given_that_an_unreadable_record_may_have_given(self, ws, file):
        for _ in range(3):
            Model.register(ws, file, "net")
        path = ws.layout.model_events("net")
        good = path.read_bytes()
        path.write_bytes(os.urandom(len(good)))
        with pytest.raises(StoreException, match=r"models/net/events\.jsonl is damaged.*backup.*another name"):
            Model.register(ws, file, "net")
        with pytest.raises(ModelNotFoundException, match=r"models/net/events\.jsonl has lines that cannot be read"):
            Model(ws, "net")
        path.write_bytes(good)
        assert Model.register(ws, file, "net").version == 4

    @pytest.mark.parametrize(
        ("damage", "given"),
        [
            (lambda line: line[:10] + b"\n", 4),
            (lambda line: line[:45] + b"\n", 4),
            (lambda line: line[:-40] + b"\xff" * 39 + b"\n", 4),
            (lambda line: b"\xff" + line[1:], 4),
            (lambda line: b'{"t": 1, "type": "tags", "version": 1, "set": {\n', 3),
            (lambda line: b"\n", 3),
        ],
    )
    def test_a_damaged_last_line_costs_at_most_its_number(self, ws, file, damage, given):
        for _ in range(3):
            Model.register(ws, file, "net")
        path = ws.layout.model_events("net")
        *before, last = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(before) + damage(last))
        assert Model.register(ws, file, "net").version == given
        assert [m.version for m in Model.list(ws)] == [given, 2, 1]

    def test_a_damaged_line_before_a_sound_version_hides_no_number(self, ws, file):
        for _ in range(3):
            Model.register(ws, file, "net")
        path = ws.layout.model_events("net")
        first, *after = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"\0" * len(first) + b"\n" + b"".join(after))
        assert Model.register(ws, file, "net").version == 4

    def test_a_version_whose_line_lacks_its_newline_keeps_its_number_and_its_content(self, ws, file):
        for content in (b"one", b"two"):
            file.write_bytes(content)
            Model.register(ws, file, "net")
        path = ws.layout.model_events("net")
        path.write_bytes(path.read_bytes()[:-1])
        file.write_bytes(b"three")
        third = Model.register(ws, file, "net")
        assert (third.version, third.files) == (3, {"model.pt": sha(b"three")})
        assert [m.files["model.pt"] for m in Model.list(ws)] == [sha(b"three"), sha(b"two"), sha(b"one")]

    def test_changes_are_announced(self, ws, file):
        Model.register(ws, file, "net")
        assert ws.layout.changes.read_text() == "model/net\n"

    def test_a_full_disk_registers_nothing(self, ws, file, monkeypatch):
        def full(*_args, **_kwargs):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(events, "_write_whole", full)
            with pytest.raises(StoreException, match="No space left"):
                Model.register(ws, file, "net")
        assert Model.list(ws) == []
        assert Model.register(ws, file, "net").version == 1

    def test_contents_are_synced_before_the_version_is_recorded(self, ws, file, monkeypatch):
        order = []
        flush, transact = BlobStore.flush, events.transact
        monkeypatch.setattr(BlobStore, "flush", lambda s, c: (order.append("flush"), flush(s, c))[1])
        monkeypatch.setattr(events, "transact", lambda *a, **k: (order.append("record"), transact(*a, **k))[1])
        Model.register(ws, file, "net")
        assert order == ["flush", "record"]

    def test_the_record_itself_is_synced(self, ws, file, synced):
        Model.register(ws, file, "net")
        record = ws.layout.model_events("net").stat()
        assert (record.st_ino, record.st_size) in synced


def register_some(ws: Workspace, file: Path, count: int) -> list[int]:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return [Model.register(ws, file, "net").version for _ in range(count)]

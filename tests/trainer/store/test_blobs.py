"""The content store: each content once, whole, read-only, and checked when it is read."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from traindock.errors import StoreException
from traindock.store.blobs import BlobStore


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put_file(store: BlobStore, path: Path, *, durable: bool = True) -> tuple[str, int]:
    with open(path, "rb", buffering=0) as file:
        return store.put_descriptor(file.fileno(), durable=durable)


def stored(store: BlobStore) -> list[str]:
    return sorted(str(p.relative_to(store.root)) for p in store.root.rglob("*") if p.is_file())


CONTENTS = {
    "empty": b"",
    "small": b"weights",
    "one block": bytes(1 << 20),
    "one block and a byte": b"x" * ((1 << 20) + 1),
    "blocks": os.urandom(3_500_000),
}


class TestPut:
    @pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
    def test_a_file_lies_under_its_hash_and_comes_back_the_same(self, store, tmp_path, content):
        source = tmp_path / "model.pt"
        source.write_bytes(content)
        assert put_file(store, source) == (sha(content), len(content))
        assert stored(store) == [f"{sha(content)[:2]}/{sha(content)}"]
        assert stat.S_IMODE(store.path(sha(content)).stat().st_mode) == 0o444
        store.copy_out(sha(content), tmp_path / "copy", 0o755)
        assert (tmp_path / "copy").read_bytes() == content
        assert (tmp_path / "copy").stat().st_mode & 0o700 == 0o700

    @pytest.mark.parametrize("content", [b"weights", b"x" * 2_000_000])
    def test_a_content_that_is_there_is_not_written_again(self, store, tmp_path, content):
        source = tmp_path / "model.pt"
        source.write_bytes(content)
        put_file(store, source)
        before = store.path(sha(content)).stat()
        assert put_file(store, source)[0] == sha(content)
        after = store.path(sha(content)).stat()
        assert (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)
        assert len(stored(store)) == 1

    def test_a_blob_of_the_wrong_size_is_mended_by_the_next_writer(self, store, tmp_path):
        source = tmp_path / "model.pt"
        source.write_bytes(b"weights")
        put_file(store, source)
        blob = store.path(sha(b"weights"))
        blob.chmod(0o644)
        blob.write_bytes(b"wei")
        put_file(store, source)
        assert blob.read_bytes() == b"weights"

    def test_many_writers_of_one_content_leave_one_blob(self, store, tmp_path):
        source = tmp_path / "model.pt"
        source.write_bytes(os.urandom(1_500_000))
        context = multiprocessing.get_context("fork")
        with context.Pool(4) as pool:
            answers = pool.starmap(put, [(store.root, source)] * 16)
        assert len(set(answers)) == 1
        assert len(stored(store)) == 1

    def test_a_name_that_is_no_hash_never_becomes_a_path(self, store):
        for name in ("../../etc/passwd", "", "A" * 64, "a" * 63):
            with pytest.raises(StoreException, match="no SHA-256"):
                store.path(name)


def put(root: Path, source: Path) -> str:
    return put_file(BlobStore(root), source)[0]


class TestFullDisk:
    """Every ``write`` fails with ENOSPC after some bytes, as on a full disk."""

    @pytest.fixture
    def full(self, monkeypatch):
        real, room = os.write, [100_000]

        def write(fd, data):
            if room[0] <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            count = real(fd, bytes(data)[: room[0]])
            room[0] -= count
            return count

        monkeypatch.setattr(os, "write", write)

    @pytest.mark.parametrize("size", [500_000, 2_000_000])
    def test_storing_says_the_disk_is_full_and_leaves_nothing(self, store, tmp_path, size, full):
        source = tmp_path / "model.pt"
        source.touch()
        os.truncate(source, size)
        with pytest.raises(StoreException, match="disk is full"):
            put_file(store, source)
        assert stored(store) == []

    def test_copying_out_keeps_the_old_target(self, store, tmp_path, request):
        source = tmp_path / "model.pt"
        source.write_bytes(b"y" * 400_000)
        sha256 = put_file(store, source)[0]
        (tmp_path / "target").write_bytes(b"old")
        request.getfixturevalue("full")
        with pytest.raises(StoreException, match="disk is full"):
            store.copy_out(sha256, tmp_path / "target")
        assert (tmp_path / "target").read_bytes() == b"old"
        assert sorted(p.name for p in tmp_path.iterdir()) == ["blobs", "model.pt", "target"]


class TestAdopt:
    def test_the_file_becomes_a_read_only_link_and_no_byte_is_copied(self, store, tmp_path):
        path = tmp_path / "model.pt"
        path.write_bytes(b"weights")
        inode = path.stat().st_ino
        assert store.adopt(path) == sha(b"weights")
        assert store.path(sha(b"weights")).stat().st_ino == path.stat().st_ino == inode
        assert stat.S_IMODE(path.stat().st_mode) == 0o444

    def test_a_second_file_of_the_same_content_becomes_a_link_to_the_first(self, store, tmp_path):
        for name in ("a", "b"):
            (tmp_path / name).write_bytes(b"weights")
            store.adopt(tmp_path / name)
        assert (tmp_path / "a").samefile(tmp_path / "b")
        assert len(stored(store)) == 1

    def test_adopting_again_changes_nothing(self, store, tmp_path):
        path = tmp_path / "model.pt"
        path.write_bytes(b"weights")
        assert store.adopt(path) == store.adopt(path)
        assert path.stat().st_nlink == 2

    def test_where_links_are_refused_the_content_is_copied(self, store, tmp_path, monkeypatch):
        def refuse(*_args, **_kwargs):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

        monkeypatch.setattr(os, "link", refuse)
        path = tmp_path / "model.pt"
        path.write_bytes(b"weights")
        assert store.adopt(path) == sha(b"weights")
        assert path.read_bytes() == store.path(sha(b"weights")).read_bytes() == b"weights"
        assert stat.S_IMODE(path.stat().st_mode) == 0o444

    def test_a_writer_that_goes_on_reaches_neither_store_nor_link(self, store, tmp_path):
        path = tmp_path / "model.pt"
        with open(path, "wb", buffering=0) as writer:
            writer.write(b"weights")
            sha256 = store.adopt(path, exclusive=False)
            writer.write(b" and more")
        assert path.read_bytes() == b"weights"
        store.copy_out(sha256, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == b"weights"


class TestReading:
    @pytest.fixture
    def damaged(self, store, tmp_path):
        source = tmp_path / "model.pt"
        source.write_bytes(b"weights")
        sha256 = put_file(store, source)[0]
        store.path(sha256).chmod(0o644)
        store.path(sha256).write_bytes(b"weighty")
        return sha256

    def test_a_damaged_blob_is_named_and_not_handed_out(self, store, tmp_path, damaged):
        with pytest.raises(StoreException, match=f"{damaged} is damaged.*backup"):
            store.copy_out(damaged, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()

    def test_a_missing_blob_is_named(self, store, tmp_path):
        with pytest.raises(StoreException, match=f"{'0' * 64} is missing.*backup"):
            store.copy_out("0" * 64, tmp_path / "copy")


class TestUpkeep:
    def test_contents_are_synced_before_anything_refers_to_them(self, store, tmp_path, monkeypatch):
        synced = []
        monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))
        (tmp_path / "f").write_bytes(b"weights")
        sha256 = put_file(store, tmp_path / "f", durable=False)[0]
        blob = store.path(sha256).stat().st_ino
        assert blob not in synced
        store.flush([sha256, "0" * 64])
        assert blob in synced

    def test_many_contents_are_synced_at_once(self, store, tmp_path):
        names = []
        for number in range(80):
            (tmp_path / "f").write_bytes(b"%d" % number)
            names.append(put_file(store, tmp_path / "f", durable=False)[0])
        store.flush(names)
        assert all(store.path(name).exists() for name in names)

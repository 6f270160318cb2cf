"""Sealing: outputs become final, once, whole, however often it is interrupted and whatever the script did."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from pathlib import Path

import pytest

from traindock.errors import StoreException
from traindock.store.blobs import BlobStore
from traindock.store.layout import RunLayout
from traindock.store.open_files import is_open_for_writing
from traindock.store.sealed_files import read_sealed, verify_sealed
from traindock.store.sealing import seal


@pytest.fixture
def run(tmp_path: Path) -> RunLayout:
    return make_run(tmp_path / "run_1")


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def make_run(root: Path) -> RunLayout:
    """A run whose script has just ended: folders in ``work``, links to them in the run's folder."""
    run = RunLayout(root)
    for folder in (run.work / "outputs", run.work / "logs", run.uploads, run.driver):
        folder.mkdir(parents=True)
    run.outputs.symlink_to("work/outputs")
    run.logs.symlink_to("work/logs")
    (run.work / "train.py").write_text("print(1)")
    return run


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def verify(run: RunLayout, name: str) -> str:
    sealed = read_sealed(run)
    assert sealed is not None
    return verify_sealed(run, name, sealed.files[name])


def left_out(run: RunLayout) -> dict[str, str]:
    sealed = read_sealed(run)
    assert sealed is not None
    return {entry["name"]: entry["why"] for entry in sealed.left_out}


class TestSealing:
    def test_outputs_and_uploads_become_read_only_links_into_the_store(self, run, blobs):
        write(run.work / "outputs/model.pt", b"weights")
        write(run.work / "outputs/deep/er/tool.sh", b"#!/bin/sh", 0o755)
        write(run.uploads / "figures/curve.png", b"png")
        inode = (run.work / "outputs/model.pt").stat().st_ino
        sealed = seal(run, blobs)
        assert {name: (f.sha256, f.size, f.mode) for name, f in sealed.files.items()} == {
            "outputs/model.pt": (sha(b"weights"), 7, 0o644),
            "outputs/deep/er/tool.sh": (sha(b"#!/bin/sh"), 9, 0o755),
            "figures/curve.png": (sha(b"png"), 3, 0o644),
        }
        model = run.outputs / "model.pt"
        assert model.stat().st_ino == blobs.path(sha(b"weights")).stat().st_ino == inode
        assert stat.S_IMODE(model.stat().st_mode) == 0o444

    def test_logs_move_too_but_stay_ordinary_files(self, run, blobs):
        write(run.work / "logs/events.txt", b"line\n")
        sealed = seal(run, blobs)
        assert (run.logs / "events.txt").stat().st_nlink == 1
        assert not sealed.files

    def test_the_rest_of_the_working_directory_is_dropped(self, run, blobs):
        write(run.work / "data/cache.bin", b"x")
        (run.work / "data").chmod(0o500)
        seal(run, blobs)
        assert not os.path.lexists(run.work)
        assert sorted(p.name for p in run.root.iterdir()) == ["driver", "logs", "outputs", "sealed.json", "uploads"]

    def test_empty_folders_stay(self, run, blobs):
        (run.work / "outputs/empty/inner").mkdir(parents=True)
        seal(run, blobs)
        assert (run.outputs / "empty/inner").is_dir()

    def test_sealing_twice_changes_nothing(self, run, blobs):
        write(run.work / "outputs/model.pt", b"weights")
        first = seal(run, blobs)
        content = run.sealed_json.read_bytes()
        assert seal(run, blobs) == first == read_sealed(run)
        assert run.sealed_json.read_bytes() == content

    def test_contents_are_synced_before_the_run_counts_as_sealed(self, run, blobs, monkeypatch):
        write(run.work / "outputs/model.pt", b"weights")
        real, seen = BlobStore.flush, []

        def flush(store, contents):
            contents = list(contents)
            seen.append((contents, run.sealed_json.exists()))
            real(store, contents)

        monkeypatch.setattr(BlobStore, "flush", flush)
        seal(run, blobs)
        assert seen == [([sha(b"weights")], False)]

    @pytest.mark.slow
    def test_thousands_of_files(self, run, blobs):
        for number in range(2_000):
            write(run.work / f"outputs/{number % 20}/{number}.txt", b"%d" % (number % 700))
        sealed = seal(run, blobs)
        assert len(sealed.files) == 2_000
        assert all(verify(run, f"outputs/{n % 20}/{n}.txt") == sha(b"%d" % n) for n in range(0, 700, 70))
        assert sum(1 for p in blobs.root.rglob("*") if p.is_file()) == 700

    @pytest.mark.parametrize("name", ["spa ce", "quo'te\"", "new\nline", "ünï", os.fsdecode(b"\xff")])
    def test_odd_names(self, run, blobs, name):
        write(run.work / "outputs" / name, b"x")
        seal(run, blobs)
        assert verify(run, f"outputs/{name}") == sha(b"x")


class TestWhatScriptsDo:
    def test_deleted_folders_come_back_empty(self, run, blobs):
        (run.work / "outputs").rmdir()
        (run.work / "logs").rmdir()
        assert not seal(run, blobs).files
        assert stat.S_ISDIR(run.outputs.lstat().st_mode)
        assert stat.S_ISDIR(run.logs.lstat().st_mode)

    def test_the_whole_working_directory_deleted(self, run, blobs):
        for folder in ("outputs", "logs"):
            (run.work / folder).rmdir()
        (run.work / "train.py").unlink()
        run.work.rmdir()
        assert not seal(run, blobs).files
        assert run.outputs.is_dir()

    def test_a_folder_replaced_by_a_link_is_not_followed(self, run, blobs, tmp_path):
        write(tmp_path / "elsewhere/secret", b"s")
        (run.work / "outputs").rmdir()
        (run.work / "outputs").symlink_to(tmp_path / "elsewhere")
        assert not seal(run, blobs).files
        assert "replaced the folder by a link" in left_out(run)["outputs"]
        assert list(run.outputs.iterdir()) == []
        assert (tmp_path / "elsewhere/secret").read_bytes() == b"s"

    def test_the_working_directory_replaced_by_a_link_is_not_followed(self, run, blobs, tmp_path):
        write(tmp_path / "elsewhere/outputs/secret", b"s")
        run.work.rename(tmp_path / "moved")
        run.work.symlink_to(tmp_path / "elsewhere")
        assert not seal(run, blobs).files
        assert "working directory" in left_out(run)["work"]
        assert (tmp_path / "elsewhere/outputs/secret").exists()

    def test_a_folder_replaced_by_a_file_keeps_the_file(self, run, blobs):
        (run.work / "outputs").rmdir()
        write(run.work / "outputs", b"oops")
        assert list(seal(run, blobs).files) == ["outputs/outputs"]
        assert (run.outputs / "outputs").read_bytes() == b"oops"

    def test_our_link_replaced_by_a_folder_is_merged_with_what_lies_in_the_working_directory(self, run, blobs):
        run.outputs.unlink()
        write(run.outputs / "a.txt", b"outside")
        write(run.outputs / "sub/x", b"1")
        write(run.work / "outputs/a.txt", b"inside")
        write(run.work / "outputs/sub/y", b"2")
        assert sorted(seal(run, blobs).files) == [
            "outputs/a (2).txt",
            "outputs/a.txt",
            "outputs/sub/x",
            "outputs/sub/y",
        ]

    def test_our_link_replaced_by_a_file(self, run, blobs):
        run.outputs.unlink()
        write(run.outputs, b"oops")
        write(run.work / "outputs/model.pt", b"weights")
        assert list(seal(run, blobs).files) == ["outputs/model.pt"]
        assert (run.root / "outputs.replaced").read_bytes() == b"oops"
        assert "outputs.replaced" in left_out(run)["outputs"]

    def test_links_fifos_and_sockets_are_left_out_and_named(self, run, blobs, tmp_path, monkeypatch):
        write(tmp_path / "secret", b"s")
        write(run.work / "outputs/model.pt", b"weights")
        (run.work / "outputs/best.pt").symlink_to(tmp_path / "secret")
        (run.work / "outputs/dangling.pt").symlink_to("gone.pt")
        (run.work / "outputs/out").symlink_to(tmp_path)
        os.mkfifo(run.work / "outputs/pipe")
        monkeypatch.chdir(run.work / "outputs")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket")
            assert list(seal(run, blobs).files) == ["outputs/model.pt"]
        assert left_out(run) == {
            "outputs/best.pt": "it is a link that leads out of its folder",
            "outputs/dangling.pt": "it is a link to nothing",
            "outputs/out": "it is a link that leads out of its folder",
            "outputs/pipe": "it is a FIFO",
            "outputs/socket": "it is a socket",
        }
        assert (run.outputs / "best.pt").is_symlink()

    def test_links_from_one_output_to_another_become_that_file(self, run, blobs):
        write(run.work / "outputs/checkpoints/epoch=3.ckpt", b"weights")
        (run.work / "outputs/last.ckpt").symlink_to("checkpoints/epoch=3.ckpt")
        (run.work / "outputs/best.ckpt").symlink_to("last.ckpt")
        (run.work / "outputs/absolute.ckpt").symlink_to(run.work / "outputs/checkpoints/epoch=3.ckpt")
        files = seal(run, blobs).files
        assert set(files) == {f"outputs/{name}.ckpt" for name in ("absolute", "best", "last", "checkpoints/epoch=3")}
        assert len({file.sha256 for file in files.values()}) == 1
        assert (run.outputs / "best.ckpt").read_bytes() == b"weights"
        assert not (run.outputs / "best.ckpt").is_symlink()

    @pytest.mark.parametrize("size", [7, 3_000_000])
    def test_a_file_that_has_a_name_outside_of_the_run_stays_its_owners(self, run, blobs, tmp_path, size):
        """A hard link, as data tools make them: the owner can go on writing, and the run keeps what it had."""
        mine = tmp_path / "mine.bin"
        write(mine, b"x" * size, 0o664)
        for name in ("data.bin", "again.bin"):
            os.link(mine, run.work / "outputs" / name)
        seal(run, blobs)
        assert (stat.S_IMODE(mine.stat().st_mode), mine.stat().st_nlink) == (0o664, 1)
        mine.write_bytes(b"mine alone")
        for name in ("outputs/data.bin", "outputs/again.bin"):
            assert verify(run, name) == sha(b"x" * size)

    def test_two_outputs_that_are_one_file_are_stored_once_and_without_a_copy(self, run, blobs, monkeypatch):
        write(run.work / "outputs/epoch_9.pt", b"weights")
        os.link(run.work / "outputs/epoch_9.pt", run.work / "outputs/last.pt")
        inode = (run.work / "outputs/last.pt").stat().st_ino
        monkeypatch.setattr(BlobStore, "put_descriptor", None)
        sealed = seal(run, blobs)
        assert {file.sha256 for file in sealed.files.values()} == {sha(b"weights")}
        assert {path.stat().st_ino for path in run.outputs.iterdir()} == {inode}

    def test_files_and_folders_without_permissions_are_sealed(self, run, blobs):
        write(run.work / "outputs/shut/model.pt", b"weights", 0o000)
        (run.work / "outputs/shut").chmod(0o000)
        assert seal(run, blobs).files["outputs/shut/model.pt"].sha256 == sha(b"weights")

    def test_an_upload_cannot_take_a_name_of_another_folder(self, run, blobs):
        write(run.uploads / "outputs/model.pt", b"forged")
        write(run.work / "outputs/model.pt", b"weights")
        assert seal(run, blobs).files["outputs/model.pt"].sha256 == sha(b"weights")
        assert list(left_out(run)) == ["uploads/outputs/model.pt"]

    @pytest.mark.parametrize("content", [b"w" * 1000, b"w" * 3_000_000])
    def test_a_file_still_open_for_writing_is_copied(self, run, blobs, content):
        path = run.work / "outputs/model.pt"
        with open(path, "wb", buffering=0) as writer:
            writer.write(content)
            assert is_open_for_writing(path)
            sealed = seal(run, blobs)
            writer.write(b"more")
        assert sealed.files["outputs/model.pt"].sha256 == sha(content)
        assert (run.outputs / "model.pt").read_bytes() == content
        assert verify(run, "outputs/model.pt") == sha(content)

    @pytest.mark.skipif(os.uname().sysname != "Linux", reason="elsewhere the system does not tell")
    def test_a_reader_is_no_writer(self, tmp_path):
        write(tmp_path / "f", b"x")
        with open(tmp_path / "f", "rb"):
            assert not is_open_for_writing(tmp_path / "f")

    @pytest.mark.skipif(os.uname().sysname != "Linux", reason="leases and /proc are Linux's")
    def test_without_leases_proc_tells_who_writes(self, tmp_path, monkeypatch):
        import fcntl

        def refuse(*_args):
            raise OSError(22, "Invalid argument")

        monkeypatch.setattr(fcntl, "fcntl", refuse)
        write(tmp_path / "f", b"x")
        assert not is_open_for_writing(tmp_path / "f")
        with open(tmp_path / "f", "ab"):
            assert is_open_for_writing(tmp_path / "f")


class Killed(BaseException):
    pass


def busy_run(root: Path) -> RunLayout:
    run = make_run(root)
    write(run.work / "outputs/model.pt", b"weights")
    write(run.work / "outputs/tool.sh", b"#!/bin/sh", 0o755)
    write(run.work / "outputs/same.pt", b"weights")
    write(run.uploads / "figure.png", b"png")
    write(run.work / "outputs/epochs/7/model.pt", b"seventh")
    (run.work / "outputs/pipe.lnk").symlink_to("model.pt")
    (run.work / "outputs/latest").symlink_to("epochs/7")
    (run.work / "outputs/all").symlink_to("epochs")
    (run.work / "logs").rmdir()
    (run.work / "logs").symlink_to("/")
    return run


def steps_of_a_busy_run(root: Path) -> list[str]:
    steps: list[str] = []
    seal(busy_run(root / "run_0"), BlobStore(root / "blobs"), reached=steps.append)
    return steps


class TestInterruption:
    def test_killed_at_any_step_and_run_again_gives_the_same(self, tmp_path):
        steps = steps_of_a_busy_run(tmp_path / "whole")
        expected = outcome(tmp_path / "whole/run_0")
        assert {"unlink outputs", "move outputs", "drop work", "note", "record", "tidy"} <= set(steps)
        for number, step in enumerate(steps):
            root = tmp_path / str(number)
            run, blobs = busy_run(root / "run_0"), BlobStore(root / "blobs")
            countdown = [number]

            def stop(_step: str, countdown: list[int] = countdown) -> None:
                if countdown[0] == 0:
                    raise Killed
                countdown[0] -= 1

            with pytest.raises(Killed):
                seal(run, blobs, reached=stop)
            if step != "tidy":
                assert read_sealed(run) is None
            seal(run, blobs)
            assert outcome(run.root) == expected, f"killed before {step!r}"

    def test_a_kill_by_the_kernel_in_mid_sealing_leaves_a_run_that_can_be_sealed(self, tmp_path):
        run, blobs = busy_run(tmp_path / "run_0"), BlobStore(tmp_path / "blobs")

        def die(step: str) -> None:
            if step == "store outputs/same.pt":
                os.kill(os.getpid(), 9)

        child = os.fork()
        if child == 0:
            seal(run, blobs, reached=die)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
        assert read_sealed(run) is None
        assert len(seal(run, blobs).files) == 8
        assert not list(blobs.root.glob(".*"))


def outcome(root: Path) -> object:
    """Everything that must not depend on interruptions: not the change times and inodes."""
    sealed = read_sealed(RunLayout(root))
    assert sealed is not None
    files = {name: (f.sha256, f.size, f.mode) for name, f in sealed.files.items()}
    return files, sealed.left_out, sorted(str(p.relative_to(root)) for p in root.rglob("*"))


class TestVerifying:
    @pytest.fixture
    def sealed(self, run, blobs):
        write(run.work / "outputs/model.pt", b"weights")
        write(run.work / "outputs/same.pt", b"weights")
        seal(run, blobs)
        return run

    def test_an_untouched_file_is_not_read(self, sealed, monkeypatch):
        import traindock.store.sealed_files as module

        monkeypatch.setattr(module, "pump", None)
        for name in ("outputs/model.pt", "outputs/same.pt"):
            assert verify(sealed, name) == sha(b"weights")

    def test_another_link_to_the_content_does_no_harm(self, sealed, tmp_path):
        os.link(sealed.outputs / "model.pt", tmp_path / "link")
        assert verify(sealed, "outputs/model.pt") == sha(b"weights")

    def test_a_changed_file_is_noticed_even_with_its_old_times(self, sealed):
        path = sealed.outputs / "model.pt"
        before = path.stat()
        path.chmod(0o644)
        path.write_bytes(b"weighty")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(StoreException, match="was changed after the run was sealed"):
            verify(sealed, "outputs/model.pt")

    def test_a_replaced_file_is_noticed(self, sealed):
        (sealed.outputs / "model.pt").unlink()
        (sealed.outputs / "model.pt").symlink_to("/etc/hostname")
        with pytest.raises(StoreException, match="cannot be read"):
            verify(sealed, "outputs/model.pt")

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "files": 3}'])
    def test_a_damaged_record_is_named(self, sealed, content):
        sealed.sealed_json.chmod(0o644)
        sealed.sealed_json.write_bytes(content)
        with pytest.raises(StoreException, match=r"sealed\.json is damaged"):
            read_sealed(sealed)

    def test_a_record_of_a_newer_format_is_refused(self, sealed):
        sealed.sealed_json.write_bytes(b'{"format": 2}')
        with pytest.raises(StoreException, match="format 2"):
            read_sealed(sealed)

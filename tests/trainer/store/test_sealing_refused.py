"""Sealing where the script closed its folders or made what no system call takes: the run ends, and nothing is lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.conftest import as_ordinary_user

from traindock.errors import StoreException
from traindock.store.blobs import BlobStore
from traindock.store.copying import may_pass
from traindock.store.layout import RunLayout
from traindock.store.sealed_files import SealedFiles
from traindock.store.sealing import seal


def make_run(root: Path) -> RunLayout:
    run = RunLayout(root)
    for folder in (run.work / "outputs" / "deep", run.work / "logs", run.uploads):
        folder.mkdir(parents=True)
    (run.work / "outputs" / "deep" / "model.pt").write_bytes(b"weights")
    (run.work / "logs" / "train.log").write_bytes(b"line\n")
    run.outputs.symlink_to("work/outputs")
    run.logs.symlink_to("work/logs")
    return run


def left_out(sealed: SealedFiles) -> dict[str, str]:
    return {entry["name"]: entry["why"] for entry in sealed.left_out}


@pytest.mark.parametrize("closed", ["work/outputs", "work/outputs/deep", "work/logs", "work", "uploads", "."])
@pytest.mark.parametrize("mode", [0o555, 0o500, 0o000])
def test_a_folder_that_the_script_closed_is_sealed_all_the_same(tmp_path: Path, closed: str, mode: int) -> None:
    def check() -> None:
        run = make_run(tmp_path / "run_1")
        (run.root / closed).chmod(mode)
        sealed = seal(run, BlobStore(tmp_path / "blobs"))
        assert list(sealed.files) == ["outputs/deep/model.pt"]
        assert not sealed.left_out
        assert (run.logs / "train.log").read_bytes() == b"line\n"
        assert not run.work.exists()

    as_ordinary_user(tmp_path, check)


def test_closed_folders_on_both_sides_are_merged(tmp_path: Path) -> None:
    def check() -> None:
        run = make_run(tmp_path / "run_1")
        run.outputs.unlink()
        (run.outputs / "more").mkdir(parents=True)
        (run.outputs / "more" / "a.txt").write_text("outside")
        for folder in ("outputs/more", "outputs", "work/outputs/deep", "work/outputs"):
            (run.root / folder).chmod(0o555)
        assert sorted(seal(run, BlobStore(tmp_path / "blobs")).files) == [
            "outputs/deep/model.pt",
            "outputs/more/a.txt",
        ]

    as_ordinary_user(tmp_path, check)


def test_outputs_deeper_than_a_path_can_say_are_named_and_the_others_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run_1")
    monkeypatch.chdir(run.work / "outputs")
    for _ in range(25):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
        Path("f").write_text("x")
    os.chdir("/")
    sealed = seal(run, BlobStore(tmp_path / "blobs"))
    assert "outputs/deep/model.pt" in sealed.files
    assert [why for name, why in left_out(sealed).items() if "File name too long" in why]


def test_a_link_among_the_outputs_may_have_the_longest_name_there_is(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run_1")
    (run.work / "outputs" / ("n" * 255)).symlink_to("deep/model.pt")
    sealed = seal(run, BlobStore(tmp_path / "blobs"))
    assert set(sealed.files) == {"outputs/deep/model.pt", "outputs/" + "n" * 255}


def test_a_folder_that_cannot_be_moved_stays_where_it_is_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run_1")
    refuse_renames_of(run.work / "outputs", errno.EPERM, monkeypatch)
    sealed = seal(run, BlobStore(tmp_path / "blobs"))
    assert "Operation not permitted" in left_out(sealed)["outputs/"]
    assert (run.work / "outputs" / "deep" / "model.pt").read_bytes() == b"weights"
    assert (run.logs / "train.log").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_what_a_disk_may_take_later_is_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    run = make_run(tmp_path / "run_1")
    with monkeypatch.context() as refusing:
        refuse_renames_of(run.work / "outputs", number, refusing)
        with pytest.raises(StoreException) as caught:
            seal(run, BlobStore(tmp_path / "blobs"))
        assert may_pass(caught.value)
    assert list(seal(run, BlobStore(tmp_path / "blobs")).files) == ["outputs/deep/model.pt"]


def refuse_renames_of(path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self == path:
            raise OSError(number, os.strerror(number))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)

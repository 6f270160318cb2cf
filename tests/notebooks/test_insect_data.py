"""Pictures are found in folders and zip files, and broken ones are named."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def folder(tutorial: SimpleNamespace, tmp_path: Path) -> Path:
    root = tmp_path / "insects"
    tutorial.drawn_insects.write_set(root, train=12, val=3)
    return root


def test_a_broken_picture_is_left_out_and_named(tutorial: SimpleNamespace, folder: Path) -> None:
    (folder / "train/ants/torn one.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    whole = (folder / "val/bees/drawn_0000.png").read_bytes()
    (folder / "val/bees/half.png").write_bytes(whole[: len(whole) // 2])
    pictures = tutorial.insect_data.load_pictures(str(folder))
    assert (len(pictures.train), len(pictures.val)) == (24, 6)
    assert len(pictures.notes) == 2
    assert "train/ants/torn one.jpg" in pictures.notes[0]
    assert "val/bees/half.png" in pictures.notes[1]


def test_many_broken_pictures_are_an_error(tutorial: SimpleNamespace, folder: Path) -> None:
    for path in list((folder / "train/ants").iterdir())[:8]:
        path.write_bytes(b"")
    with pytest.raises(tutorial.insect_data.DataError, match=r"8 of 30 pictures .* cannot be decoded"):
        tutorial.insect_data.load_pictures(str(folder))


def test_a_class_of_broken_pictures_alone_is_an_error(tutorial: SimpleNamespace, folder: Path) -> None:
    shutil.rmtree(folder / "val/bees")
    (folder / "val/bees").mkdir()
    (folder / "val/bees/only.png").write_bytes(b"")
    with pytest.raises(tutorial.insect_data.DataError, match="val/bees"):
        tutorial.insect_data.load_pictures(str(folder))


def test_a_wrong_layout_is_named(tutorial: SimpleNamespace, folder: Path) -> None:
    shutil.move(folder / "val", folder / "test")
    with pytest.raises(tutorial.insect_data.DataError, match=r"val/<class>/.* it holds test/ants"):
        tutorial.insect_data.load_pictures(str(folder))


def test_a_path_that_is_not_there_is_an_error_and_not_replaced(tutorial: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(tutorial.insect_data.DataError, match=r"no such folder or zip file: .*/nowhere"):
        tutorial.insect_data.load_pictures(str(tmp_path / "nowhere"))


def test_a_damaged_zip_file_is_an_error(tutorial: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "torn.zip"
    path.write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(tutorial.insect_data.DataError, match=r"torn\.zip is not a usable zip file"):
        tutorial.insect_data.load_pictures(str(path))


@pytest.mark.slow
def test_the_photographs(tutorial: SimpleNamespace, real_pictures: Path) -> None:
    pictures = tutorial.insect_data.load_pictures(str(real_pictures), short_side=64)
    assert pictures.classes == ("ants", "bees")
    assert (len(pictures.train), len(pictures.val)) == (244, 153)
    assert pictures.notes == []
    assert "train/ants/ant photos.jpg" in {picture.name for picture in pictures.train}
    assert {min(picture.image.size) for picture in pictures.train + pictures.val} == {64}

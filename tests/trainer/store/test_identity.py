"""Who a workspace is: moved, copied, damaged, too new, somebody else's."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from traindock.errors import StoreException, WorkspaceException
from traindock.store import identity


def test_a_workspace_is_private_to_its_owner(tmp_path: Path) -> None:
    identity.create(tmp_path / "ws", "mine")
    assert (tmp_path / "ws").stat().st_mode & 0o777 == 0o700


def test_a_moved_workspace_keeps_its_id(tmp_path: Path) -> None:
    made = identity.create(tmp_path / "old", "mine")
    (tmp_path / "old").rename(tmp_path / "new")
    assert identity.load(tmp_path / "new").id == made.id


def test_a_copied_workspace_gets_an_id_of_its_own_and_remembers_the_first(tmp_path: Path) -> None:
    made = identity.create(tmp_path / "old", "mine")
    shutil.copytree(tmp_path / "old", tmp_path / "copy")
    copied = identity.load(tmp_path / "copy")
    assert copied.id != made.id
    assert copied.previous_ids == (made.id,)
    assert identity.load(tmp_path / "copy").id == copied.id, "the new id must last"
    assert identity.load(tmp_path / "old").id == made.id, "the original keeps its own"


def test_a_copy_whose_inode_has_the_same_number_on_another_disk_is_still_a_copy(tmp_path: Path) -> None:
    made = identity.create(tmp_path / "old", "mine")
    shutil.copytree(tmp_path / "old", tmp_path / "copy")
    give_its_own_inode(tmp_path / "copy")
    copied = identity.load(tmp_path / "copy")
    assert copied.id != made.id
    assert copied.previous_ids == (made.id,)
    assert identity.load(tmp_path / "copy").id == copied.id
    assert identity.load(tmp_path / "old").id == made.id


def test_a_moved_workspace_keeps_its_id_whatever_lies_at_its_old_place(tmp_path: Path) -> None:
    """What lies at the old path is another workspace by then, or none that can be read."""
    made = identity.create(tmp_path / "old", "mine")
    (tmp_path / "old").rename(tmp_path / "new")
    identity.create(tmp_path / "old", "another")
    assert identity.load(tmp_path / "new").id == made.id
    (tmp_path / "new").rename(tmp_path / "newer")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "workspace.json").write_text("{")
    assert identity.load(tmp_path / "newer").id == made.id


def test_a_workspace_reached_by_another_path_is_the_same(tmp_path: Path) -> None:
    made = identity.create(tmp_path / "old", "mine")
    (tmp_path / "link").symlink_to("old")
    assert identity.load(tmp_path / "link").id == made.id


def give_its_own_inode(root: Path) -> None:
    """Write into a copy the inode number that it has, as if it had that of the original."""
    file = root / "workspace.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "inode": root.stat().st_ino}))


def test_a_workspace_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    identity.create(tmp_path / "ws", "mine")
    file = tmp_path / "ws" / "workspace.json"
    before = json.loads(file.read_text())
    file.write_text(json.dumps({**before, "format": 99}))
    with pytest.raises(StoreException, match=r"format 99.*pip install -U traindock"):
        identity.load(tmp_path / "ws")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": "1"}', "\0\0"])
def test_a_damaged_workspace_file_is_named(tmp_path: Path, content: str) -> None:
    identity.create(tmp_path / "ws", "mine")
    (tmp_path / "ws" / "workspace.json").write_text(content)
    with pytest.raises(StoreException, match=r"workspace\.json"):
        identity.load(tmp_path / "ws")


def test_a_folder_with_something_else_in_it_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(WorkspaceException, match=r"thesis\.tex"):
        identity.create(tmp_path / "full", "mine")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_workspace_of_another_user_is_refused(tmp_path: Path) -> None:
    identity.create(tmp_path / "ws", "mine")
    os.chown(tmp_path / "ws", 12345, 12345)
    with pytest.raises(WorkspaceException, match="user id 12345"):
        identity.load(tmp_path / "ws")

"""What kind of disk a folder is on, and where a workspace keeps what needs a disk of this machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from traindock import Workspace
from traindock.errors import StoreException
from traindock.store import disks, identity


class TestFileSystem:
    MOUNTS = (
        "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
        "30 22 0:40 / /mnt/net rw - nfs4 server:/x rw\n"
        "31 22 0:41 / /mnt/with\\040space rw shared:1 - fuse.sshfs me@x rw\n"
        "32 22 0:42 / /mnt/network rw - xfs /dev/vdb rw\n"
        "garbage\n"
    )

    @pytest.mark.parametrize(
        ("path", "kind"),
        [
            ("/home/me", "ext4"),
            ("/mnt/net", "nfs4"),
            ("/mnt/net/not there/yet", "nfs4"),
            ("/mnt/with space/x", "fuse.sshfs"),
            ("/mnt/network/x", "xfs"),
        ],
    )
    def test_the_longest_mount_point_wins(self, tmp_path: Path, path: str, kind: str) -> None:
        table = tmp_path / "mountinfo"
        table.write_text(self.MOUNTS)
        assert disks.file_system(Path(path), table) == kind

    def test_a_machine_that_does_not_tell(self, tmp_path: Path) -> None:
        assert disks.file_system(tmp_path, tmp_path / "missing") == ""

    @pytest.mark.parametrize(
        ("kind", "remote"), [("nfs4", True), ("fuse.sshfs", True), ("fuseblk", True), ("ext4", False)]
    )
    def test_which_are_polled(self, monkeypatch: pytest.MonkeyPatch, kind: str, remote: bool) -> None:
        monkeypatch.setattr(disks, "file_system", lambda path: kind)
        assert disks.is_remote(Path("/x")) is remote


def mounts(monkeypatch: pytest.MonkeyPatch, *lines: tuple[Path, str, str]) -> None:
    """Have the machine tell of these mounts (point, type, source), and of a disk of its own for all else."""
    table = [disks._Mount("/", "/", "ext4", "/dev/vda")]
    table += [disks._Mount(os.path.realpath(point), "/", kind, source) for point, kind, source in lines]
    monkeypatch.setattr(disks, "_mounts", lambda *_: table)


class TestPlace:
    def test_a_folder_of_this_machine_is_known_by_its_path(self, tmp_path: Path) -> None:
        assert disks.place(tmp_path / "x") == os.path.realpath(tmp_path / "x")

    @pytest.mark.parametrize(("kind", "source"), [("nfs4", "nas:/data"), ("fuse.sshfs", "me@nas:/data")])
    def test_hosts_that_mount_a_disk_elsewhere_know_a_folder_by_one_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, source: str
    ) -> None:
        mounts(monkeypatch, (tmp_path / "a", kind, source), (tmp_path / "b", kind, source.replace("me@", "you@")))
        assert disks.place(tmp_path / "a" / "ws") == disks.place(tmp_path / "b" / "ws") == "nas:/data/ws"

    def test_what_fuse_shows_of_this_machine_is_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        mounts(monkeypatch, (tmp_path, "fuse.gocryptfs", "/home/me/cipher"))
        assert not disks.is_network(tmp_path)
        assert disks.is_remote(tmp_path)
        assert disks.place(tmp_path) == os.path.realpath(tmp_path)


class TestLayout:
    def test_a_disk_of_this_machine_holds_everything(self, workspace: Workspace) -> None:
        assert workspace.layout.local is None
        assert workspace.layout.index.parent == workspace.layout.root

    @pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "lustre", "ceph", "beegfs", "9p"])
    def test_a_network_disk_holds_neither_index_nor_lock(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        mounts(monkeypatch, (workspace.layout.root, kind, "nas:/data"))
        layout = disks.layout_of(workspace.layout.root, workspace.id)
        assert layout.local is not None
        for path in (layout.index, layout.dispatcher_lock, layout.dispatcher_json, layout.dispatcher_log):
            assert path.parent == layout.local
        assert layout.local.name == workspace.id
        assert stat.S_IMODE(layout.local.stat().st_mode) == 0o700
        assert layout.changes.parent == layout.root

    def test_settings_decide_where_the_type_misleads(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = workspace.layout.root
        workspace.layout.settings.write_text('[network_disk]\nuse = "yes"\n')
        assert Workspace(root).layout.local is not None
        workspace.layout.settings.write_text('[network_disk]\nuse = "no"\n')
        mounts(monkeypatch, (root, "nfs4", "nas:/data"))
        assert disks.layout_of(root, workspace.id).local is None

    def test_a_folder_that_another_host_has_owned_is_no_local_one(self, workspace: Workspace) -> None:
        workspace.layout.owners.mkdir()
        assert Workspace(workspace.layout.root).layout.local is not None

    def test_a_home_on_a_network_disk_is_passed_over(
        self, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mounts(monkeypatch, (workspace.layout.root, "nfs4", "nas:/a"), (tmp_path / "home" / "state", "nfs4", "nas:/b"))
        local = disks.layout_of(workspace.layout.root, workspace.id).local
        assert local is not None
        assert local.is_relative_to(tmp_path / "home" / "cache")

    def test_a_folder_that_others_may_write_to_is_passed_over(
        self, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mounts(monkeypatch, (workspace.layout.root, "nfs4", "nas:/a"))
        first = disks.layout_of(workspace.layout.root, workspace.id).local
        assert first is not None
        first.chmod(0o777)
        second = disks.layout_of(workspace.layout.root, workspace.id).local
        assert second is not None
        assert second.is_relative_to(tmp_path / "home" / "cache")

    def test_a_machine_without_a_disk_of_its_own_is_told_what_to_set(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mounts(monkeypatch, (Path("/"), "nfs4", "nas:/root"))
        with pytest.raises(StoreException, match="XDG_STATE_HOME"):
            disks.layout_of(workspace.layout.root, workspace.id)


class TestIdentity:
    def test_hosts_that_mount_a_disk_elsewhere_have_one_workspace(
        self, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root, elsewhere = workspace.layout.root, tmp_path / "elsewhere"
        elsewhere.symlink_to(root.parent)
        mounts(monkeypatch, (root.parent, "nfs4", "nas.example.org:/data"))
        before = workspace.layout.workspace_json.read_bytes()
        assert identity.load(elsewhere / root.name).id == workspace.id
        assert workspace.layout.workspace_json.read_bytes() == before

    def test_inodes_that_change_make_no_copy(
        self, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mounts(monkeypatch, (tmp_path, "fuse.sshfs", "nas:/data"))
        root = workspace.layout.root
        identity.update(root, path=disks.place(root), inode=1)
        assert identity.load(root).id == workspace.id

    def test_a_copy_gets_an_id_and_an_owner_of_its_own(
        self, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import shutil

        mounts(monkeypatch, (tmp_path, "fuse.sshfs", "nas:/data"))
        identity.update(workspace.layout.root, path=disks.place(workspace.layout.root))
        workspace.layout.owners.mkdir()
        workspace.layout.owner(1).write_text("{}")
        shutil.copytree(workspace.layout.root, tmp_path / "copy")
        assert identity.load(tmp_path / "copy").id != workspace.id
        assert not (tmp_path / "copy" / "owners").exists()
        assert workspace.layout.owner(1).exists()

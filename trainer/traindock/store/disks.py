"""What kind of disk a folder is on, and where a workspace keeps what only works on a disk of this machine.

SQLite's write-ahead log needs memory that all its users share, and a lock has to mean the same to all who take it.
Neither holds between the hosts of a network disk. So the index and the dispatcher's lock of a workspace there lie in
a folder of this user on this machine, named by the workspace's id; :mod:`traindock.store.ownership` decides between
hosts.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from traindock import settings
from traindock.errors import StoreException
from traindock.store.layout import WorkspaceLayout

#: File systems whose changes inotify may miss, because another machine makes them. All of FUSE counts.
_REMOTE: Final = frozenset(
    [
        "9p",
        "afpfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "drvfs",
        "fakeowner",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "panfs",
        "prl_fs",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
        "webdav",
        "wekafs",
    ]
)
#: Of those, the ones that no other machine sees: what they show lies on a disk of this one.
_ONE_MACHINE: Final = frozenset(
    [
        "fuseblk",
        "fuse.bindfs",
        "fuse.cryfs",
        "fuse.encfs",
        "fuse.exfat",
        "fuse.fuse-overlayfs",
        "fuse.gocryptfs",
        "fuse.mergerfs",
        "fuse.ntfs-3g",
        "fuse.securefs",
    ]
)
_MOUNTINFO: Final = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class _Mount:
    """One line of the kernel's table of mounts.

    Attributes:
        point: where it is mounted.
        root: which folder of the file system lies there.
        kind: the type, as the kernel calls it.
        source: the device, or what a network file system is named by, such as ``server:/export``.
    """

    point: str
    root: str
    kind: str
    source: str


def is_remote(path: Path) -> bool:
    """Whether inotify may miss changes at ``path`` (which need not exist yet): a network or FUSE file system.

    False where the machine does not tell.
    """
    return _is_remote(file_system(path))


def is_network(path: Path) -> bool:
    """Whether other machines may have the disk of ``path`` (which need not exist yet) too, as far as its type tells."""
    return _is_network(file_system(path))


def file_system(path: Path, mountinfo: Path = _MOUNTINFO) -> str:
    """Return the type of the file system that ``path`` is on, as the kernel calls it; "" where it does not tell."""
    mount = _mount(os.path.realpath(path), mountinfo)
    return mount.kind if mount else ""


def place(path: Path) -> str:
    """Name a folder such that each host which has its disk gives it the same name.

    That is its path, on a disk of this machine; on a network disk the server's name for it.
    """
    real = os.path.realpath(path)
    mount = _mount(real, _MOUNTINFO)
    if mount is None or not _is_network(mount.kind):
        return real
    # Who has mounted it does not matter: sshfs calls it me@server:/folder.
    server = re.sub(r"^[^/:@]+@", "", mount.source)
    return server.rstrip("/") + mount.root.rstrip("/") + real[len(mount.point.rstrip("/")) :]


def has_lasting_inodes(path: Path) -> bool:
    """Whether a file keeps its inode number, for all hosts alike; FUSE gives them out anew as files are looked at."""
    return not file_system(path).startswith("fuse.")


def layout_of(root: Path, workspace_id: str) -> WorkspaceLayout:
    """Return the layout of the workspace in ``root``, whose folder for this machine is there if it needs one.

    Whether it does is told by ``[network_disk] use`` of its settings, or by another host that has owned it, or by
    the type of the file system.

    Raises:
        StoreException: the workspace is on a network disk, and so is every folder that could be for this machine.
    """
    layout = WorkspaceLayout(root)
    use = _use(layout)
    if use == "yes" or (use == "auto" and (layout.owners.exists() or is_network(root))):
        return WorkspaceLayout(root, local=_local_folder(workspace_id))
    return layout


def is_current(layout: WorkspaceLayout) -> bool:
    """Whether the workspace would still be opened with this layout; costs a look at two files.

    It would not once another host owns what was taken for a disk of this machine, or the settings say otherwise.
    """
    use, network = _opinion(layout.root, _stamp(layout.settings))
    shared = use == "yes" or (use == "auto" and (network or _stamp(layout.owners) != ()))
    return shared == (layout.local is not None)


def _use(layout: WorkspaceLayout) -> str:
    with contextlib.suppress(StoreException):  # whoever submits is told
        return settings.load(layout.settings).network_disk.use
    return settings.NetworkDiskSettings().use


@lru_cache(maxsize=64)
def _opinion(root: Path, stamp: tuple[int, ...]) -> tuple[str, bool]:
    """Return what the settings of this ``stamp`` say, and whether the type of the file system is a network disk's."""
    return _use(WorkspaceLayout(root)), is_network(root)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _local_folder(workspace_id: str) -> Path:
    from platformdirs import user_cache_path, user_state_path

    # Home is on a network disk in many a cluster; /var/tmp outlives a restart and is a disk of each machine.
    own = Path(f"/var/tmp/traindock-{os.getuid()}")  # noqa: S108 (owner and mode are checked)
    for base in (user_state_path("traindock"), user_cache_path("traindock"), own):
        if is_network(base):
            continue
        folder = base / "network-workspaces" / workspace_id
        try:
            base.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for made in (base, folder) if base == own else (folder,):
                status = made.lstat()
                if status.st_uid != os.getuid() or status.st_mode & 0o022:
                    raise PermissionError(f"{made} is not only yours")
        except OSError:
            continue
        return folder
    raise StoreException(
        "the workspace is on a network disk, and its index needs a folder on a disk of this machine, of which there is "
        f"none: {user_state_path('traindock')}, {user_cache_path('traindock')} and {own} cannot be used. "
        "Set XDG_STATE_HOME to a folder of yours on such a disk"
    )


def _is_remote(kind: str) -> bool:
    return kind in _REMOTE or kind.startswith("fuse")


def _is_network(kind: str) -> bool:
    return _is_remote(kind) and kind not in _ONE_MACHINE


def _mount(real: str, mountinfo: Path) -> _Mount | None:
    """Return the mount that a real path is on, or None where the machine does not tell."""
    best = None
    for mount in _mounts(mountinfo):
        inside = real == mount.point or real.startswith(mount.point.rstrip("/") + "/")
        # Of two mounts on one point, the later hides the earlier.
        if inside and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def _mounts(mountinfo: Path) -> list[_Mount]:
    if sys.platform == "darwin":
        import psutil

        return [_Mount(each.mountpoint, "/", each.fstype, each.device) for each in psutil.disk_partitions(all=True)]
    try:
        lines = mountinfo.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, more = before.split(" "), after.split(" ")
        if len(fields) >= 5 and len(more) >= 2:
            found.append(_Mount(_unescaped(fields[4]), _unescaped(fields[3]), more[0], _unescaped(more[1])))
    return found


def _unescaped(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text

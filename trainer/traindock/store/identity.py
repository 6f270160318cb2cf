"""Who a workspace folder is: its id, its owner, its format, and whether it is a copy of another.

``workspace.json`` remembers the folder's own path and inode. A folder that was moved keeps its inode; one that was
copied has neither, or has the inode's number by chance while the original is where it was. It gets an id of its own
before anything else happens, so that a copy never launches or adopts what belongs to the original. On a network disk,
which hosts mount at paths of their own, the path is the server's.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from traindock.errors import StoreException, WorkspaceException
from traindock.store import disks
from traindock.store.events import locked
from traindock.store.files import read_json, write_json
from traindock.store.layout import WorkspaceLayout

FORMAT = 1


@dataclass(frozen=True, slots=True)
class WorkspaceRecord:
    """Content of ``workspace.json``; the Azure strings are kept for old notebooks and mean nothing here."""

    id: str
    name: str
    created: float
    path: str
    inode: int
    location: str = "local"
    subscription_id: str = ""
    resource_group: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    previous_ids: tuple[str, ...] = ()


def create(root: Path, name: str, **strings: Any) -> WorkspaceRecord:
    """Make ``root`` a workspace, with mode 0700, and return its record.

    Raises:
        WorkspaceException: the folder is one already, or holds something else, or jobs could not work in it.
        StoreException: the disk refuses.
    """
    layout = WorkspaceLayout(root)
    if os.pathsep in str(root.resolve()):
        raise WorkspaceException(
            f"the workspace's folder {str(root)!r} has {os.pathsep!r} in its path, which would cut its jobs' PATH and "
            "PYTHONPATH in two: choose another folder"
        )
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(root / ".create.lock"):
            if layout.workspace_json.exists():
                raise WorkspaceException(f"{root} is a workspace already: open it with Workspace.get")
            strange = [entry.name for entry in root.iterdir() if entry.name != ".create.lock"]
            if strange:
                raise WorkspaceException(
                    f"{root} is not empty (it holds {strange[0]!r}): name a new or an empty folder for the workspace"
                )
            for folder in (layout.runs, layout.models, layout.experiments, layout.snapshots, layout.blobs):
                folder.mkdir()
            for folder in (layout.environments, layout.datastores, layout.runtime):
                folder.mkdir()
            root.chmod(0o700)
            record = WorkspaceRecord(
                id=secrets.token_hex(16),
                name=name,
                created=time.time(),
                path=disks.place(root),
                inode=root.stat().st_ino,
                **strings,
            )
            _write(layout, record)
    except OSError as error:
        raise StoreException(f"cannot make a workspace in {root}: {error.strerror}") from error
    return record


def load(root: Path) -> WorkspaceRecord:
    """Return the record of the workspace in ``root``, with a new id if the folder turns out to be a copy.

    Raises:
        WorkspaceException: there is no workspace, or it belongs to another user.
        StoreException: it is damaged, or of a newer format than this version of Traindock knows.
    """
    layout = WorkspaceLayout(root)
    record = _read(layout)
    if _is_here(record, root):
        return record
    with locked(root / ".create.lock"):
        record = _read(layout)
        if _is_here(record, root):
            return record
        here = replace(record, path=disks.place(root), inode=root.stat().st_ino)
        if record.inode != here.inode or not disks.has_lasting_inodes(root) or _lives_on(record, root):
            here = replace(here, id=secrets.token_hex(16), previous_ids=(*record.previous_ids, record.id))
            shutil.rmtree(layout.owners, ignore_errors=True)  # they own the original
            layout.dispatcher_json.unlink(missing_ok=True)
        _write(layout, here)
    return here


def update(root: Path, **changes: Any) -> WorkspaceRecord:
    """Change fields of the record (tags, say) and return it."""
    with locked(root / ".create.lock"):
        record = replace(_read(WorkspaceLayout(root)), **changes)
        _write(WorkspaceLayout(root), record)
    return record


def _is_here(record: WorkspaceRecord, root: Path) -> bool:
    same_path, same_inode = record.path == disks.place(root), record.inode == root.stat().st_ino
    if same_path and same_inode:
        return True
    if not disks.has_lasting_inodes(root):
        return same_path
    # Hosts may know a server by different names, and none is to write here only because of that.
    return same_inode and disks.is_network(root)


def _lives_on(record: WorkspaceRecord, root: Path) -> bool:
    """Whether the folder that the record names has a workspace of this id, and is another one than ``root``.

    A copy on another disk, or a snapshot of the disk, may have the inode number of the original.
    """
    original = Path(record.path)
    if not original.is_absolute():  # a network disk, named by its server
        return False
    try:
        if original.samefile(root):
            return False
        document = read_json(WorkspaceLayout(original).workspace_json)
    except (OSError, StoreException):
        return False
    return isinstance(document, dict) and document.get("id") == record.id


def _read(layout: WorkspaceLayout) -> WorkspaceRecord:
    try:
        owner = layout.root.stat().st_uid
        if owner != os.getuid():
            raise WorkspaceException(
                f"the workspace {layout.root} belongs to user id {owner}, not to you (user id {os.getuid()}): "
                "create one of your own with Workspace.create"
            )
        document = read_json(layout.workspace_json)
    except (FileNotFoundError, NotADirectoryError):
        raise WorkspaceException(f"there is no workspace in {layout.root}: it has no workspace.json") from None
    except PermissionError as error:
        raise WorkspaceException(f"the workspace {layout.root} is not open to you: {error.strerror}") from None
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise StoreException(f"{layout.workspace_json} is damaged: it names no format")
    if document["format"] > FORMAT:
        raise StoreException(
            f"the workspace {layout.root} has format {document['format']}, and this version of Traindock knows "
            f"formats up to {FORMAT}: upgrade with 'pip install -U traindock'"
        )
    fields = {name: value for name, value in document.items() if name != "format"}
    try:
        fields["previous_ids"] = tuple(fields.get("previous_ids", ()))
        return WorkspaceRecord(**fields)
    except TypeError as error:
        raise StoreException(f"{layout.workspace_json} is damaged: {error}") from None


def _write(layout: WorkspaceLayout, record: WorkspaceRecord) -> None:
    write_json(layout.workspace_json, {"format": FORMAT, **asdict(record)})

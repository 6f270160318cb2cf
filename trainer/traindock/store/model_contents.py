"""The files of models: how they come into the content store, and out of it again."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from traindock.errors import ModelPathNotFoundException, StoreException, UserErrorException
from traindock.names import check_relative, readable
from traindock.runtime.files import ALIASES
from traindock.store import run_files
from traindock.store.blobs import BlobStore, FileRecord
from traindock.store.copying import is_temporary, open_regular, storage_error, temporary_name
from traindock.store.layout import RunLayout, WorkspaceLayout
from traindock.store.sealed_files import read_sealed, verify_sealed

_READS: Final = 3
_LISTED: Final = 50


@dataclass(frozen=True, slots=True)
class Content:
    """The files of a version.

    Attributes:
        root: name of the file, or of the folder that all files lie in.
        folder: whether ``root`` is a folder.
        files: by path below ``root``; for a single file by ``root`` itself.
    """

    root: str
    folder: bool
    files: Mapping[str, FileRecord]


def content_of_run(
    layout: WorkspaceLayout, run: RunLayout, model_path: str, only: Iterable[str] | None = None
) -> Content:
    """Bring a file or a folder of a run into the content store.

    From a sealed run nothing is copied, nor read where size and change time are as they were; from one that still
    goes on the files are copied and hashed in one pass.

    Args:
        layout: the workspace.
        run: whose file or folder.
        model_path: a name, or the folders that names begin with.
        only: paths below the folder, files or folders, to which to restrict it.

    Raises:
        UserErrorException: the path is absolute or leads out, parts of a file are named, or a file is being written to
            just now.
        ModelPathNotFoundException: nothing lies there; the text lists what does.
        StoreException: a sealed file was changed, or the disk refuses.
    """
    path = ALIASES.get(clean := check_relative(model_path, "model_path"), clean)
    listed = run_files.list_files(run)
    folder = path not in listed
    prefix = f"{path}/"
    chosen = [name for name in listed if name.startswith(prefix)] if folder else [path]
    if not chosen:
        shown = "\n".join(f"    {readable(name)}" for name in listed[:_LISTED]) or "    (none)"
        more = f"\n    … and {len(listed) - _LISTED:,} more" if len(listed) > _LISTED else ""
        raise ModelPathNotFoundException(
            f"nothing lies under model_path {model_path!r} in run {run.root.name}. Its files:\n{shown}{more}"
        )
    if only is not None:
        if not folder:
            raise _no_folder(path)
        below = [name.removeprefix(prefix) for name in chosen]
        chosen = [prefix + name for name in _parts(path, below, only)]
    blobs = BlobStore(layout.blobs)
    sealed = read_sealed(run)
    known = sealed.files if sealed is not None else {}
    files = {}
    for name in chosen:
        if name in known:
            sha256 = verify_sealed(run, name, known[name])
            record = FileRecord(sha256, known[name].size, known[name].mode)
            if not blobs.holds(sha256, record.size):
                _put(blobs, name, partial(run_files.open_file, run, name))
        else:
            record = _put(blobs, name, partial(run_files.open_file, run, name))
        files[name[len(prefix) :] if folder else path.rpartition("/")[2]] = record
    blobs.flush(file.sha256 for file in files.values())
    return Content(path.rpartition("/")[2], folder, files)


def existing(path: Path) -> Path:
    """Return the file or folder that ``path`` leads to.

    Raises:
        ModelPathNotFoundException: there is none; the text lists what lies beside it.
    """
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError):
        parent = path.parent
        there = sorted(os.listdir(parent))[:_LISTED] if parent.is_dir() else []
        raise ModelPathNotFoundException(
            f"there is no file or folder {str(path)!r}. In {str(parent.resolve())!r} there are: "
            f"{', '.join(map(repr, there)) or 'none'}"
        ) from None


def content_of_path(layout: WorkspaceLayout, path: Path, only: Iterable[str] | None = None) -> Content:
    """Bring a local file or folder into the content store; links to files are stored as the files.

    Args:
        layout: the workspace.
        path: a file, or a folder with at least one file.
        only: paths below the folder, files or folders, to which to restrict it.

    Raises:
        ModelPathNotFoundException: there is nothing, or no file.
        UserErrorException: something in the folder cannot be part of a model; the text names it.
        StoreException: the disk refuses.
    """
    blobs = BlobStore(layout.blobs)
    whole = existing(path)
    root = path.name if path.name not in ("", ".", "..") else whole.name
    if not whole.is_dir():
        if only is not None:
            raise _no_folder(path)
        files = {root: _put(blobs, str(path), partial(open_regular, whole))}
        blobs.flush(file.sha256 for file in files.values())
        return Content(root, False, files)
    names = list(_local_files(whole))
    files = {
        name: _put(blobs, name, partial(open_regular, whole / name, follow=True))
        for name in (names if only is None else _parts(path, names, only))
    }
    if not files:
        raise ModelPathNotFoundException(f"the folder {str(path)!r} holds no file to register")
    blobs.flush(file.sha256 for file in files.values())
    return Content(root, True, files)


def download(layout: WorkspaceLayout, content: Content, target_dir: Path, *, exist_ok: bool) -> Path:
    """Copy a model's files into a folder, checking every hash, and return the path of the file or folder.

    Raises:
        UserErrorException: it is there already, and ``exist_ok`` is false.
        StoreException: a content is missing or damaged, or the disk refuses.
    """
    blobs = BlobStore(layout.blobs)
    target = target_dir / content.root
    there = os.path.lexists(target)
    if there and not exist_ok:
        raise UserErrorException(
            f"{str(target)!r} exists already: choose another target_dir, or allow to overwrite with exist_ok=True"
        )
    building = target_dir / temporary_name()
    try:
        target_dir.mkdir(parents=True, exist_ok=True)
        if not content.folder:
            (file,) = content.files.values()
            blobs.copy_out(file.sha256, target, file.mode)
            return target
        folder = target if there else building
        for name, file in content.files.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            blobs.copy_out(file.sha256, place, file.mode)
        if not there:
            building.rename(target)
    except OSError as error:
        raise storage_error(error, f"write {target}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def places(layout: WorkspaceLayout, content: Content) -> dict[str, Any]:
    """Return what :meth:`traindock.Model.places` returns.

    Raises:
        StoreException: a content is missing.
    """
    blobs, files = BlobStore(layout.blobs), {}
    for name, file in content.files.items():
        if not blobs.holds(file.sha256, file.size):
            raise StoreException(
                f"{name!r} of the model is missing from the workspace, or has another size: {blobs.path(file.sha256)}. "
                "Restore it from a backup, or register the model anew."
            )
        files[name] = {"path": str(blobs.path(file.sha256)), "mode": file.mode, "sha256": file.sha256}
    return {"root": content.root, "folder": content.folder, "files": files}


def _put(blobs: BlobStore, name: str, open_it: Callable[[], int]) -> FileRecord:
    """Copy a file that may still be written to into the store, such that the copy is of one moment."""
    for _attempt in range(_READS):
        try:
            descriptor = open_it()
        except OSError as error:
            raise UserErrorException(f"{name!r} cannot be registered: {error.strerror}") from error
        try:
            before = os.fstat(descriptor)
            sha256, size = blobs.put_descriptor(descriptor, durable=False)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if (before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (size, after.st_mtime_ns, after.st_ctime_ns):
            return FileRecord(sha256, size, 0o755 if after.st_mode & stat.S_IXUSR else 0o644)
    raise UserErrorException(f"{name!r} is being written to: register it once it is complete")


def _no_folder(path: str | Path) -> UserErrorException:
    return UserErrorException(f"child paths are parts of a folder, but {str(path)!r} is a file: leave them out")


def _parts(folder: str | Path, names: list[str], only: Iterable[str]) -> list[str]:
    """Return the names that ``only`` means, at least one: files, or what lies in folders."""
    wanted = [check_relative(entry, "child path") for entry in ([only] if isinstance(only, str) else only)]
    if not wanted:
        raise UserErrorException(
            f"child paths are empty: name a file in {str(folder)!r}, or leave them out for all of it"
        )
    for entry in wanted:
        if not any(name == entry or name.startswith(f"{entry}/") for name in names):
            shown = "\n".join(f"    {name}" for name in names[:_LISTED]) or "    (none)"
            more = f"\n    … and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
            raise ModelPathNotFoundException(
                f"nothing lies under the child path {entry!r} in {str(folder)!r}. Its files:\n{shown}{more}"
            )
    return [name for name in names if any(name == entry or name.startswith(f"{entry}/") for entry in wanted)]


def _local_files(folder: Path) -> Iterator[str]:
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_temporary(name))
        where = Path(base)
        for name in folders:
            if (where / name).is_symlink():
                raise UserErrorException(
                    f"{str(where / name)!r} is a link to a folder, which no model can hold: put the folder there"
                )
        yield from ((where / name).relative_to(folder).as_posix() for name in sorted(files) if not is_temporary(name))

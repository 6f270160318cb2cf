"""The files of a run under the names of the API, while it runs and after it was sealed.

``outputs/…`` and ``logs/…`` are the script's own folders, ``logs/stdout.txt`` and ``logs/build.txt`` the logs that
Traindock keeps where the script cannot reach them (a script's own files of these two names are hidden by them), and
every other name is an upload. Azure ML's old names of the two logs are understood too.

A link from one output to another stands for that file, before and after sealing. No other link is ever followed: what
a name means is found out first, and then each step of that path is opened by itself, from the run's folder on, through
no link. The two links that stand for ``outputs`` and ``logs`` while the job runs are Traindock's own, and are taken
for what they should be.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from traindock.errors import ModelPathNotFoundException, StoreException, UserErrorException
from traindock.names import check_relative, readable
from traindock.runtime.files import ALIASES, DRIVER_LOGS, as_bytes
from traindock.runtime.links import LinkedFolder, LinkOut
from traindock.store.child_folders import present
from traindock.store.copying import BLOCK, copy_checked, open_regular, storage_error, temporary_name, write_all
from traindock.store.layout import RunLayout
from traindock.store.sealed_files import read_sealed
from traindock.store.sealing import UNFINISHED, output_links

_LISTED: Final = 50
#: Sealing moves folders; a file that was looked for just then is found at its new place.
_ATTEMPTS: Final = 3


def list_files(run: RunLayout) -> list[str]:
    """Return the names of all files of the run, sorted; special files, and links that lead out, are no files.

    Raises:
        StoreException: the record of the sealed files is damaged.
    """
    return sorted(set(_names(run)))


def list_few(run: RunLayout, most: int) -> list[str] | None:
    """Return what :func:`list_files` does; None where it has more than ``most`` names, which is soon known.

    Raises:
        StoreException: the record of the sealed files is damaged.
    """
    names: set[str] = set()
    for name in _names(run):
        names.add(name)
        if len(names) > most:
            return None
    return sorted(names)


def _names(run: RunLayout) -> Iterator[str]:
    """Yield the names of all files of the run, as they are found; some twice."""
    sealed = read_sealed(run)
    run = present(run)
    yield from (name for name, file in DRIVER_LOGS.items() if (run.driver / file).is_file())
    if sealed is not None:
        yield from sealed.files
    yield from (f"logs/{name}" for name in _names_below(_linked(run, "logs")))
    if sealed is None:
        yield from (f"outputs/{name}" for name in _names_below(_linked(run, "outputs")))
        uploads = (name for name, place in LinkedFolder(str(run.uploads)).files() if name == place)
        yield from (name for name in uploads if _is_finished(name) and not name.startswith(("outputs/", "logs/")))


def resolve(run: RunLayout, name: str) -> Path:
    """Return where a file of the run lies: a regular file, on whose path below the run's folder no link lies.

    Raises:
        UserErrorException: the name is absolute, leads out by ".." or by a link, or means no regular file.
        ModelPathNotFoundException: there is no such file; the text lists those there are.
    """
    descriptor, path = _open(run, name)
    os.close(descriptor)
    return path


def open_file(run: RunLayout, name: str) -> int:
    """Return a descriptor for reading a file of the run; raises as :func:`resolve` does."""
    return _open(run, name)[0]


def find_file(run: RunLayout, name: str) -> int | None:
    """Return a descriptor for reading a file of the run; None where there is no such file, or none any more.

    Raises:
        UserErrorException: as :func:`resolve`.
        StoreException: it cannot be read.
    """
    found = _find(run, name)
    return None if found is None else found[0]


def status(run: RunLayout, name: str) -> os.stat_result | None:
    """Return size and times of a file of the run; None where there is no such file, or none any more.

    Raises:
        UserErrorException: as :func:`resolve`.
    """
    found = _find(run, name)
    if found is None:
        return None
    try:
        return os.fstat(found[0])
    finally:
        os.close(found[0])


def download(run: RunLayout, name: str, output_file_path: str | os.PathLike[str] | None = None) -> Path:
    """Copy a file out of the run, all at once; a sealed file is verified by its hash.

    Args:
        run: the run.
        name: as :func:`list_files` gives it.
        output_file_path: where to; an existing folder, or a path that ends with a slash, gets the file under its
            own name; default: the current folder. Missing folders are made.

    Returns:
        The path of the copy.

    Raises:
        UserErrorException: as :func:`resolve`.
        StoreException: the sealed file was changed, or the disk refuses.
    """
    source, path = _open(run, name)
    try:
        target = _target(name.rstrip("/").rpartition("/")[2], output_file_path)
        sealed = read_sealed(run)
        expected = sealed.files.get(_clean(name)) if sealed is not None else None
        mode = expected.mode if expected else 0o755 if os.fstat(source).st_mode & stat.S_IXUSR else 0o644

        def damaged() -> StoreException:
            return StoreException(
                f"{name!r} of run {run.root.name} was changed after the run was sealed: {path} no longer has the "
                f"SHA-256 it had. Restore it from a backup of the workspace."
            )

        copy_checked(source, target, mode, expected=expected.sha256 if expected else None, damaged=damaged)
    finally:
        os.close(source)
    return target


def download_files(
    run: RunLayout,
    prefix: str | None = None,
    output_directory: str | os.PathLike[str] | None = None,
    *,
    output_paths: Sequence[str | os.PathLike[str]] | None = None,
    append_prefix: bool = True,
) -> list[Path]:
    """Copy all files whose names begin with ``prefix`` out of the run; see :func:`download`.

    Args:
        run: the run.
        prefix: all files if None or empty; the two logs are found under their old names too, which they then keep.
        output_directory: default: the current folder.
        output_paths: a path for each file, in the order of :func:`list_files`; below ``output_directory`` if given.
        append_prefix: keep the whole names below the folder; else drop ``prefix`` from them.

    Returns:
        The paths of the copies.

    Raises:
        ModelPathNotFoundException: no name begins so; the text lists those there are.
        UserErrorException: there are not as many ``output_paths`` as files.
        StoreException: a sealed file was changed, or the disk refuses.
    """
    start = "" if not prefix else f"{check_relative(prefix)}{'/' if prefix.endswith('/') else ''}"
    there = list_files(run)
    names = [name for name in there if name.startswith(start)]
    names = names or [old for old, name in ALIASES.items() if old.startswith(start) and name in there]
    if not names:
        raise ModelPathNotFoundException(f"run {run.root.name} has no file under {prefix!r}. {_inventory(run)}")
    folder = Path(output_directory if output_directory is not None else ".")
    if output_paths is None:
        kept = names if append_prefix else [name[len(start) :].lstrip("/") or name.rpartition("/")[2] for name in names]
        output_paths = kept
    if len(output_paths) != len(names):
        shown = ", ".join(map(readable, names[:_LISTED]))
        raise UserErrorException(f"{len(output_paths)} output_paths for {len(names)} files: {shown}")
    return [download(run, name, folder / path) for name, path in zip(names, output_paths, strict=True)]


def upload(run: RunLayout, name: str, path_or_stream: Any) -> Path:
    """Add a file to a run that is not sealed, and return where it lies.

    Args:
        run: the run.
        name: what it is to be called.
        path_or_stream: a path, or an object with ``read``; text that it gives is stored as UTF-8.

    Raises:
        UserErrorException: the run is sealed, the name is taken or not allowed, or there is no file to upload.
        StoreException: the disk refuses; nothing half written stays.
    """
    clean = _clean(name)
    if read_sealed(run) is not None:
        raise UserErrorException(f"run {run.root.name} has ended and its files are sealed: nothing can be added")
    if clean in DRIVER_LOGS or clean in list_files(run):
        raise UserErrorException(f"run {run.root.name} has a file {clean!r} already: choose another name")
    run = present(run)
    head, _, rest = clean.partition("/")
    inside = rest if rest and head in ("outputs", "logs") else clean
    folder = _existing(run, head) if inside is rest else run.uploads
    if folder is None:
        raise UserErrorException(f"run {run.root.name} has no folder {head}/ yet: choose a name outside of it")
    target = folder / inside
    temporary = folder / f"{UNFINISHED}{temporary_name()}"
    try:
        _make_folders(folder, target.parent)
        out = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            for block in _blocks(path_or_stream):
                write_all(out, block)
            os.fsync(out)
        finally:
            os.close(out)
        os.link(temporary, target)  # unlike a rename, never replaces what came meanwhile
    except FileExistsError:
        raise UserErrorException(
            f"run {run.root.name} has a file {clean!r} already, or one in its way: choose another name"
        ) from None
    except OSError as error:
        raise storage_error(error, f"upload {clean!r}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _clean(name: str) -> str:
    clean = check_relative(name)
    return ALIASES.get(clean, clean)


def _open(run: RunLayout, name: str) -> tuple[int, Path]:
    found = _find(run, name)
    if found is None:
        raise ModelPathNotFoundException(f"run {run.root.name} has no file {name!r}. {_inventory(run)}")
    return found


def _find(run: RunLayout, name: str) -> tuple[int, Path] | None:
    """Return a descriptor and the place of a file of the run; None where there is none."""
    clean = _clean(name)
    out: OSError | LinkOut | None = None
    here = present(run)
    root = run.root if here is run else here.root.parent  # of a child's folders even the way to them is the job's
    for _attempt in range(_ATTEMPTS):
        for find in _places(here, clean):
            try:
                place = here.root / find()
                return _open_step_by_step(root, str(place.relative_to(root))), place
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                continue
            except LinkOut as error:
                out = error
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    return None
                if error.errno == errno.EINVAL:
                    raise UserErrorException(f"{name!r} of run {run.root.name} is not a regular file.") from None
                if error.errno != errno.ELOOP:
                    raise StoreException(f"{name!r} of run {run.root.name} cannot be read: {error.strerror}") from error
                out = error  # no inner link, or one that has just come: then the next attempt finds where it leads
    if out is not None:
        raise UserErrorException(
            f"{name!r} of run {run.root.name} is a link, or lies behind one; links are never followed out of a run's "
            "outputs, nor to nowhere."
        )
    return None


def _places(run: RunLayout, name: str) -> list[Callable[[], str]]:
    """What finds the paths, relative to the run's folder, at which a file of this name may lie; the likeliest first."""
    if name in DRIVER_LOGS and (run.driver / DRIVER_LOGS[name]).is_file():
        return [lambda: f"{run.driver.name}/{DRIVER_LOGS[name]}"]
    head, _, rest = name.partition("/")
    if not rest or head not in ("outputs", "logs"):
        return [lambda: f"{run.uploads.name}/{name}"]
    own, made = run.root / head, run.work / head
    folders = [made] if own.is_symlink() else [own, made]
    return [partial(_meant, run, head, folder, rest) for folder in folders]


def _meant(run: RunLayout, head: str, folder: Path, rest: str) -> str:
    """Return the path, relative to the run's folder, of what ``rest`` below one of its folders means."""
    place, _mode = output_links(run, head, folder).find(rest)
    if not place:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), rest)
    return f"{folder.relative_to(run.root)}/{place}"


def _open_step_by_step(root: Path, relative: str) -> int:
    *folders, file = relative.split("/")
    where = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            if stat.S_ISLNK(os.stat(folder, dir_fd=where, follow_symlinks=False).st_mode):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), folder)
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=where)
            os.close(where)
            where = inner
        if stat.S_ISDIR(os.stat(file, dir_fd=where, follow_symlinks=False).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), file)
        return open_regular(file, dir_fd=where)
    finally:
        os.close(where)


def _existing(run: RunLayout, name: str) -> Path | None:
    """The real folder behind ``outputs`` or ``logs`` now; None if there is none."""
    own, made = run.root / name, run.work / name
    candidates = [made] if own.is_symlink() else [own, made]
    for folder in candidates:
        parents = [run.work, folder] if folder is made else [folder]
        if all(parent.is_dir() and not parent.is_symlink() for parent in parents):
            return folder
    return None


def _linked(run: RunLayout, name: str) -> LinkedFolder | None:
    folder = _existing(run, name)
    return None if folder is None else output_links(run, name, folder)


def _names_below(folder: LinkedFolder | None) -> Iterator[str]:
    """Yield the names of all finished files below ``folder``; whatever vanishes meanwhile is passed over."""
    return (name for name, _place in folder.files() if _is_finished(name)) if folder is not None else iter(())


def _is_finished(name: str) -> bool:
    return not name.rpartition("/")[2].startswith(UNFINISHED)


def _inventory(run: RunLayout) -> str:
    names = list_files(run)
    if not names:
        return "It has no files."
    more = f"\n    … and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return "Its files:\n" + "\n".join(f"    {readable(name)}" for name in names[:_LISTED]) + more


def _target(name: str, output_file_path: str | os.PathLike[str] | None) -> Path:
    given = os.fspath(output_file_path) if output_file_path is not None else "."
    target = Path(given) / name if given.endswith("/") or Path(given).is_dir() else Path(given)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"make the folder {target.parent}") from error
    return target


def _make_folders(root: Path, folder: Path) -> None:
    """Make ``folder`` below ``root``, refusing to go through a link."""
    where = root
    root.mkdir(parents=True, exist_ok=True)
    for part in folder.relative_to(root).parts:
        where /= part
        where.mkdir(exist_ok=True)
        if where.is_symlink():
            raise UserErrorException(
                f"{where.relative_to(root)} of the run is a link; links of a run are never followed."
            )


def _blocks(path_or_stream: Any) -> Iterator[bytes]:
    if hasattr(path_or_stream, "read"):
        while block := path_or_stream.read(BLOCK):
            yield as_bytes(block)
        return
    try:
        descriptor = open_regular(os.fspath(path_or_stream), follow=True)
    except (OSError, TypeError) as error:
        raise UserErrorException(f"{path_or_stream!r} cannot be uploaded: {error}") from None
    with open(descriptor, "rb") as file:
        while block := file.read(BLOCK):
            yield block

"""The files of a run as its own job sees them: ``outputs/…``, ``logs/…`` and, under any other name, the uploads."""

from __future__ import annotations

import errno
import os
import time

from .errors import ModelPathNotFoundException, StoreException, UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Callable, Dict, Iterable, List, Sequence, Tuple

#: The logs that Traindock keeps where the script cannot reach them, by name.
DRIVER_LOGS = {"logs/stdout.txt": "stdout.txt", "logs/build.txt": "build.txt"}
#: Azure ML's names of them.
ALIASES = {
    "azureml-logs/70_driver_log.txt": "logs/stdout.txt",
    "azureml-logs/20_image_build_log.txt": "logs/build.txt",
}
_LOG_BYTES = 1_000_000
_LISTED = 50


def relative_name(name: Any, what: str = "file name") -> str:
    """Return ``name`` as a clean relative path with forward slashes.

    Raises:
        UserErrorException: it is empty, absolute, or leads out by "..".
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise UserErrorException(f"{name!r} is no {what}: use a relative path such as 'outputs/model.pt'")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or not parts:
        raise UserErrorException(f"{what} {name!r} leads out of the run: use a relative path without '..'")
    return "/".join(parts)


def safe_name(name: str) -> str:
    """Return a metric's name such that it can be a file's: everything but letters, digits, -, . and _ becomes _."""
    kept = "".join(c if c.isalnum() or c in "-._" else "_" for c in name)
    encoded = kept.encode("utf-8", "ignore")[:120].decode("utf-8", "ignore")  # file systems count bytes
    return encoded.lstrip(".") or "image"


class RunFiles:
    """The run's folders under the names of the API.

    Args:
        outputs: the folder behind ``outputs/``.
        logs: the folder behind ``logs/``.
        uploads: the folder of everything else.
        driver: the folder of the logs that Traindock keeps; "" where there is none.
    """

    def __init__(self, outputs: str, logs: str, uploads: str, driver: str = "") -> None:
        self.outputs, self.logs, self.uploads, self.driver = outputs, logs, uploads, driver

    def path(self, name: str) -> str:
        """Return where the file ``name`` lies, or would lie."""
        clean = relative_name(name)
        clean = ALIASES.get(clean, clean)
        kept = os.path.join(self.driver, DRIVER_LOGS.get(clean, ""))
        if self.driver and clean in DRIVER_LOGS and os.path.isfile(kept):
            return kept
        head, _, rest = clean.partition("/")
        folder = {"outputs": self.outputs, "logs": self.logs}.get(head) if rest else None
        return os.path.join(folder, rest) if folder else os.path.join(self.uploads, clean)

    def folder_of_outputs(self) -> Path:
        """Return the folder in which the one of the outputs lies: where names of the API are relative paths."""
        from pathlib import Path

        return Path(self.outputs).parent

    def names(self) -> List[str]:
        """Return the names of all files, sorted; special files, and links that lead out, are no files."""
        from .links import LinkedFolder

        found = []
        for prefix, folder in (("outputs/", self.outputs), ("logs/", self.logs), ("", self.uploads)):
            # While the job runs, the run's own folder is a link to the one in the working directory.
            for name, _place in LinkedFolder(os.path.realpath(folder), folder).files():
                if not os.path.basename(name).startswith(".traindock-"):
                    found.append(prefix + name)
        if self.driver:  # they hide a script's own files of these names
            found += [name for name, file in DRIVER_LOGS.items() if os.path.isfile(os.path.join(self.driver, file))]
        return sorted(set(found))

    def upload(self, name: str, path_or_stream: Any) -> str:
        """Store a file, or what a stream gives, under ``name`` and return where it lies.

        Raises:
            UserErrorException: as :meth:`check_upload`, or the stream gives neither bytes nor text.
            StoreException: the disk refuses to take it.
        """
        target = self.check_upload(name, path_or_stream)
        if hasattr(path_or_stream, "read"):
            write_new(target, lambda out: _copy_stream(path_or_stream, out), name)
        elif not _is_same(path_or_stream, target):  # a file of ./outputs under its own name is where it belongs
            with open(path_or_stream, "rb") as stream:
                write_new(target, lambda out: _copy_stream(stream, out), name)
        return target

    def check_upload(self, name: str, path_or_stream: Any) -> str:
        """Return where :meth:`upload` would store a file.

        Raises:
            UserErrorException: the name leads out or is taken, or there is no file at the path.
        """
        target = self.path(name)
        if ALIASES.get(relative_name(name), relative_name(name)) in DRIVER_LOGS:
            raise taken(name)
        if not hasattr(path_or_stream, "read"):
            try:
                found = os.path.isfile(os.fspath(path_or_stream))
            except TypeError:
                kind = type(path_or_stream).__name__
                raise UserErrorException(f"to upload as {name!r}, give a path or a stream, not a {kind}") from None
            if not found:
                raise UserErrorException(f"no file {os.fspath(path_or_stream)!r} to upload as {name!r}")
            if _is_same(path_or_stream, target):
                return target
        if os.path.lexists(target):
            raise taken(name)
        return target

    def folder(self, name: str, path: Any) -> List[Tuple[str, str]]:
        """Return (name, path) of each file under the folder ``path``, named below ``name``.

        Raises:
            UserErrorException: there is no such folder.
        """
        root = os.fspath(path)
        if not os.path.isdir(root):
            raise UserErrorException(f"no folder {root!r} to upload as {name!r}")
        found = []
        for here, _, files in os.walk(root):
            for file in sorted(files):
                source = os.path.join(here, file)
                found.append((name.rstrip("/") + "/" + os.path.relpath(source, root).replace(os.sep, "/"), source))
        return sorted(found)

    def download(self, name: str, output_file_path: Any = None) -> str:
        """Copy the run's file ``name`` and return where the copy lies.

        Args:
            name: a name that :meth:`names` gives.
            output_file_path: where to; a folder that exists gets the file under its own name; default is the
                working directory. Missing folders are made.

        Raises:
            ModelPathNotFoundException: the run has no such file; the text lists those it has.
        """
        source = self.path(name)
        if not os.path.isfile(source):
            raise ModelPathNotFoundException(f"the run has no file {name!r}. {_inventory(self.names())}")
        own = os.path.basename(name.rstrip("/"))
        target = os.fspath(output_file_path) if output_file_path else own
        if os.path.isdir(target) or target.endswith(os.sep):
            target = os.path.join(target, own)
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
        with open(source, "rb") as stream, open(target, "wb") as out:
            _copy_stream(stream, out)
        return target

    def image(self, name: str, path: Any = None, plot: Any = None) -> str:
        """Store the picture of a metric under ``<name>_<time>`` and return its name in the run.

        Args:
            name: the metric.
            path: an image file, or
            plot: anything with ``savefig``: a matplotlib figure, or pyplot itself.

        Raises:
            UserErrorException: not exactly one of both, or no such file.
            StoreException: the disk refuses to take it.
        """
        self.check_image(name, path, plot)
        if plot is not None:
            return self._new_image(name, ".png", lambda out: plot.savefig(out, format="png"))
        source = os.fspath(path)
        with open(source, "rb") as stream:
            suffix = os.path.splitext(source)[1] or _sniffed(stream.read(16))
            stream.seek(0)
            return self._new_image(name, safe_name("x" + suffix)[1:], lambda out: _copy_stream(stream, out))

    @staticmethod
    def check_image(name: str, path: Any, plot: Any) -> None:
        """Check the arguments of :meth:`image`.

        Raises:
            UserErrorException: not exactly one of both, no such file, or nothing that can be drawn.
        """
        if (path is None) == (plot is None):
            raise UserErrorException(f"log_image({name!r}) takes exactly one of path= and plot=")
        if plot is not None and not callable(getattr(plot, "savefig", None)):
            kind = type(plot).__name__
            raise UserErrorException(f"log_image({name!r}): plot must be a matplotlib figure or pyplot, not {kind}")
        if path is not None and not isinstance(path, (str, bytes)) and not hasattr(path, "__fspath__"):
            kind = type(path).__name__
            raise UserErrorException(
                f"log_image({name!r}): path must be that of an image file, not a {kind}; a matplotlib figure is plot="
            )
        if path is not None and not os.path.isfile(path):
            raise UserErrorException(f"log_image({name!r}): no file {os.fspath(path)!r}")

    def _new_image(self, name: str, suffix: str, write: Callable[[Any], Any]) -> str:
        stem = f"{safe_name(name)}_{int(time.time())}"
        number = 1
        while True:
            file = stem + ("" if number == 1 else f"_{number}") + suffix
            try:
                write_new(os.path.join(self.uploads, file), write, file)
                return file
            except UserErrorException:
                number += 1  # two pictures within one second


def write_new(path: str, write: Callable[[Any], Any], name: str) -> None:
    """Make the file ``path`` with what ``write`` puts into it; nobody sees it before it is whole.

    Raises:
        UserErrorException: it exists.
        StoreException: the disk refuses to take it.
    """
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, f".traindock-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        os.makedirs(folder, exist_ok=True)
        try:
            with open(temporary, "xb") as out:
                write(out)
            _settle(temporary, path)
        except FileExistsError as error:
            raise taken(name) from error
        finally:
            if os.path.lexists(temporary):
                os.unlink(temporary)
    except OSError as error:
        raise StoreException(f"the file {name!r} cannot be stored: {error}") from error


def _settle(temporary: str, path: str) -> None:
    try:
        os.link(temporary, path)  # unlike a rename, it does not replace what is there
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        if os.path.lexists(path):  # a file system without hard links
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from error
        os.rename(temporary, path)


def pairs(names: Iterable[str], paths: Iterable[Any]) -> Dict[str, Any]:
    """Return what to upload under which name.

    Raises:
        UserErrorException: not as many names as paths, or a name is given twice.
    """
    listed, sources = list(names), list(paths)
    if len(listed) != len(sources):
        raise UserErrorException(f"upload_files: {len(listed)} names for {len(sources)} paths")
    if len(set(listed)) < len(listed):
        twice = next(name for number, name in enumerate(listed) if name in listed[:number])
        raise UserErrorException(f"upload_files: the name {twice!r} is given twice; each file needs one of its own")
    return dict(zip(listed, sources))


def chosen(
    names: List[str],
    prefix: str | None,
    output_directory: Any,
    output_paths: Sequence[Any] | None,
    append_prefix: bool,
) -> List[Tuple[str, str]]:
    """Return (name, path of the copy) of each file that ``download_files`` is to copy.

    Raises:
        ModelPathNotFoundException: no name begins with ``prefix``; the text lists those there are.
        UserErrorException: there are not as many ``output_paths`` as files.
    """
    start = "" if not prefix else relative_name(prefix) + ("/" if prefix.endswith("/") else "")
    found = [name for name in names if name.startswith(start)]
    if not found:
        raise ModelPathNotFoundException(f"the run has no file under {prefix!r}. {_inventory(names)}")
    paths = [os.fspath(path) for path in output_paths] if output_paths is not None else found
    if output_paths is None and not append_prefix:
        paths = [name[len(start) :].lstrip("/") or name.rpartition("/")[2] for name in found]
    if len(paths) != len(found):
        raise UserErrorException(f"{len(paths)} output_paths for {len(found)} files: {', '.join(found[:_LISTED])}")
    folder = os.fspath(output_directory) if output_directory is not None else "."
    return [(name, os.path.join(folder, path)) for name, path in zip(found, paths)]


def tail(path: str) -> str:
    """Return the last 1 MB of a text file, or "" where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def as_bytes(block: Any) -> bytes:
    """Return what a stream gave as bytes; text becomes UTF-8.

    Raises:
        UserErrorException: it is neither.
    """
    if isinstance(block, str):
        return block.encode("utf-8", "surrogateescape")
    if not isinstance(block, (bytes, bytearray, memoryview)):
        raise UserErrorException(f"the stream to upload gives neither bytes nor text, but a {type(block).__name__}")
    return bytes(block)


def _copy_stream(stream: Any, out: Any) -> None:
    while True:
        block = stream.read(1 << 20)
        if not block:
            return
        out.write(as_bytes(block))


def _is_same(source: Any, target: str) -> bool:
    return os.path.exists(target) and os.path.samefile(source, target)


def taken(name: str) -> UserErrorException:
    """Return the error about a name that the run has a file of already."""
    return UserErrorException(f"the run has a file {name!r} already: choose another name")


def _inventory(names: List[str]) -> str:
    listed = "\n".join("    " + name for name in names[:_LISTED])
    more = f"\n    … and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return f"Its files:\n{listed}{more}" if names else "It has no files yet."


def _sniffed(head: bytes) -> str:
    for magic, suffix in ((b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"GIF8", ".gif"), (b"BM", ".bmp")):
        if head.startswith(magic):
            return suffix
    return ".webp" if head[8:12] == b"WEBP" else ""

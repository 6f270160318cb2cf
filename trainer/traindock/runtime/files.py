"""The files of a run as its own job sees them: ``outputs/…``, ``logs/…`` and, under any other name, the uploads."""

from __future__ import annotations

import errno
import os
import time

from .errors import ModelPathNotFoundException, StoreException, UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Tuple


def relative_name(name: Any) -> str:
    """Return ``name`` as a clean relative path with forward slashes.

    Raises:
        UserErrorException: it is empty, absolute, or leads out by "..".
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise UserErrorException(f"{name!r} is no file name: use a relative path such as 'outputs/model.pt'")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or not parts:
        raise UserErrorException(f"file name {name!r} leads out of the run: use a relative path without '..'")
    return "/".join(parts)


def safe_name(name: str) -> str:
    """Return a metric's name such that it can be a file's: everything but letters, digits, -, . and _ becomes _."""
    kept = "".join(c if c.isalnum() or c in "-._" else "_" for c in name)
    encoded = kept.encode("utf-8", "ignore")[:120].decode("utf-8", "ignore")  # file systems count bytes
    return encoded.lstrip(".") or "image"


class RunFiles:
    """The run's three folders under the names of the API.

    Args:
        outputs: the folder behind ``outputs/``.
        logs: the folder behind ``logs/``.
        uploads: the folder of everything else.
    """

    def __init__(self, outputs: str, logs: str, uploads: str) -> None:
        self.outputs, self.logs, self.uploads = outputs, logs, uploads

    def path(self, name: str) -> str:
        """Return where the file ``name`` lies, or would lie."""
        clean = relative_name(name)
        head, _, rest = clean.partition("/")
        folder = {"outputs": self.outputs, "logs": self.logs}.get(head) if rest else None
        return os.path.join(folder, rest) if folder else os.path.join(self.uploads, clean)

    def names(self) -> List[str]:
        """Return the names of all files, sorted. Links to folders are not followed."""
        found = []
        for prefix, folder in (("outputs/", self.outputs), ("logs/", self.logs), ("", self.uploads)):
            for here, _, files in os.walk(folder):
                inside = os.path.relpath(here, folder).replace(os.sep, "/")
                inside = "" if inside == "." else inside + "/"
                found += [prefix + inside + name for name in files if not name.startswith(".traindock-")]
        return sorted(found)

    def upload(self, name: str, path_or_stream: Any) -> str:
        """Store a file, or what a stream gives, under ``name`` and return where it lies.

        Raises:
            UserErrorException: the run has such a file already, or there is no file at the path.
            StoreException: the disk refuses to take it.
        """
        target = self.path(name)
        if hasattr(path_or_stream, "read"):
            write_new(target, lambda out: _copy_stream(path_or_stream, out), name)
            return target
        source = os.fspath(path_or_stream)
        if not os.path.isfile(source):
            raise UserErrorException(f"no file {source!r} to upload as {name!r}")
        if os.path.exists(target) and os.path.samefile(source, target):
            return target  # a file of ./outputs under its own name is where it belongs
        with open(source, "rb") as stream:
            write_new(target, lambda out: _copy_stream(stream, out), name)
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
            known = self.names()
            listed = "\n".join("    " + one for one in known[:50]) or "    (none yet)"
            raise ModelPathNotFoundException(f"the run has no file {name!r}. Its files:\n{listed}")
        target = os.fspath(output_file_path) if output_file_path else os.path.basename(source)
        if os.path.isdir(target) or target.endswith(os.sep):
            target = os.path.join(target, os.path.basename(source))
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
        if path is not None and not os.path.isfile(os.fspath(path)):
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
            raise UserErrorException(f"the run has a file {name!r} already: choose another name") from error
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
        UserErrorException: not as many names as paths.
    """
    listed, sources = list(names), list(paths)
    if len(listed) != len(sources):
        raise UserErrorException(f"upload_files: {len(listed)} names for {len(sources)} paths")
    return dict(zip(listed, sources))


def _copy_stream(stream: Any, out: Any) -> None:
    while True:
        block = stream.read(1 << 20)
        if not block:
            return
        out.write(block.encode("utf-8") if isinstance(block, str) else block)


def _sniffed(head: bytes) -> str:
    for magic, suffix in ((b"\x89PNG", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"GIF8", ".gif"), (b"BM", ".bmp")):
        if head.startswith(magic):
            return suffix
    return ".webp" if head[8:12] == b"WEBP" else ""

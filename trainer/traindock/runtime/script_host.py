r"""Runs a Python script in ``__main__`` for ``bootstrap.py``. Standard library only, Python 3.8 or later.

What a script meets here and not under plain ``python script.py``:

- ``sys.stdout`` and ``sys.stderr`` are UTF-8 and put each line into the file before ``print`` returns, so that no
  SIGKILL loses a printed line. As on a terminal, an unfinished line arrives with its end, a ``\\r`` or a flush.
  Python processes that the script starts anew (spawned workers, which their pool ends by SIGTERM) inherit
  ``PYTHONUNBUFFERED``, unless it is set already, for the same reason.
- A full disk is counted in the ``--lost`` file and never raised into the script, nor into a forked child of it.
- The exception that ends the script is also written, as JSON, into the ``--error`` file: ``type``, ``message``,
  ``file`` (relative to the working directory at the start), ``line``, ``function`` and ``traceback`` (last lines).

Tracebacks do not show our frames. ``sys.argv``, ``sys.orig_argv``, ``sys.path[0]``, ``__file__`` and the exit codes
are the script's own.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType, TracebackType
    from typing import Any, Dict, List, Tuple, Type

#: Bytes the launcher sets aside for the error record.
RESERVED = 16384
MAX_MESSAGE, MAX_LINES, MAX_LINE = 2000, 50, 400

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run(main: ModuleType, arguments: List[str]) -> None:
    """Run the script that ``arguments`` name in the namespace of ``main``; raises whatever the script raises."""
    options = {"--error": "", "--lost": ""}
    ours = 1  # words before the script, this program included
    while arguments and arguments[0] in options:
        options[arguments[0]] = arguments[1]
        arguments, ours = arguments[2:], ours + 2
    if arguments and arguments[0] == "--":  # what follows is the script, whatever its name
        arguments, ours = arguments[1:], ours + 1
    _replace_streams(options["--lost"])
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    if not arguments:
        raise SystemExit("usage: bootstrap.py [--error PATH] [--lost PATH] [--] script.py [argument ...]")
    script = arguments[0]
    path = os.path.join(os.getcwd(), script) if sys.version_info >= (3, 9) else script
    sys.argv[:] = arguments
    shown = getattr(sys, "orig_argv", None)  # new in 3.10; some libraries start themselves again by it
    if shown:
        shown[-ours - len(arguments) :] = arguments
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        folder = os.path.dirname(os.path.realpath(script))
        sys.path[0] = folder
    space = vars(main)
    space["__doc__"] = None
    space["__file__"] = path
    space["__loader__"] = type(space["__loader__"])("__main__", path)
    report = _Report(options["--error"])
    try:
        with open(script, "rb") as file:
            source = file.read()
    except OSError as error:
        text = f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n"
        sys.stderr.write(text)
        report.describe(error)
        raise SystemExit(2) from None
    try:
        exec(compile(source, path, "exec", dont_inherit=True), space)  # noqa: S102 -- the user's own script
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            report.describe(end)
        raise
    except BaseException as error:
        report.describe(error)
        _hide_our_frames()
        raise


# ------------------------------------------------------------------------------------------------------- streams


class _Stream(io.FileIO):
    """Standard output or error below the text layer: writes all of what it gets, or counts what the disk refuses.

    There is no buffer in between; the text layer gathers a line (up to 8 KiB) and hands it over in one piece.
    """

    def __init__(self, fd: int, name: str, lost: str) -> None:
        super().__init__(fd, "wb", closefd=False)
        self.name = name
        self._fd = fd
        self._lost = lost
        self._torn = False

    def write(self, data: Any, _write: Any = os.write) -> int:
        """Write all of ``data``; returns its length in bytes, also where the disk was full."""
        if not self._torn:
            try:
                written: int = _write(self._fd, data)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                written = 0
            if written == len(data):
                return written
        else:
            written = 0
        return self._write_rest(memoryview(data).cast("B"), written)

    def _write_rest(self, data: memoryview, done: int) -> int:
        try:
            if self._torn and data and os.write(self._fd, b"\n"):  # a line cut short stays a line of its own
                self._torn = False
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError as error:
            if error.errno not in _FULL:
                raise
            self._torn = self._torn or done == 0 or data[done - 1] != 10
            _count_lost(self._lost, len(data) - done)
        return len(data)


def _count_lost(path: str, count: int) -> None:
    """Add to the 8-byte number in ``path``. Opened anew each time, for the lock to hold between forks as well."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            total = int.from_bytes(os.pread(fd, 8, 0), "little") + count
            os.pwrite(fd, total.to_bytes(8, "little"), 0)
        finally:
            os.close(fd)
    except OSError:
        return


def _replace_streams(lost: str) -> None:
    for fd, name, errors in ((1, "stdout", "surrogateescape"), (2, "stderr", "backslashreplace")):
        if getattr(sys, name) is None:
            continue
        stream = io.TextIOWrapper(
            _Stream(fd, f"<{name}>", lost),
            encoding="utf-8",
            errors=errors,
            newline="\n",
            line_buffering=True,
        )
        stream.mode = "w"  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


# ----------------------------------------------------------------------------------------------------- exceptions


class _Report:
    """Writes the error record; only the process it was made in does, not a fork of it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pid = os.getpid()
        self._folder = os.getcwd()

    def describe(self, error: BaseException) -> None:
        """Write what ``error`` is and where it was raised. Never raises: the script's own end comes first."""
        try:
            self.write(self._describe(error))
        except Exception:  # noqa: BLE001 -- out of memory, an exception that cannot be printed, …
            return

    def write(self, record: Dict[str, Any]) -> None:
        """Write ``record`` over the blanks that the launcher has set aside."""
        if not self._path or os.getpid() != self._pid:
            return
        import json

        text = json.dumps(record).encode()
        while len(text) > RESERVED and record.get("traceback"):
            record = dict(record, traceback=record["traceback"][len(record["traceback"]) // 4 + 1 :])
            text = json.dumps(record).encode()
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.write(fd, text.ljust(RESERVED))
        finally:
            os.close(fd)

    def _describe(self, error: BaseException) -> Dict[str, Any]:
        import traceback

        kind = type(error)
        plain = kind.__module__ in ("builtins", "__main__")
        trace = _without_us(error.__traceback__)
        frames = [(self._relative(f.filename), f.lineno, f.name) for f in traceback.extract_tb(trace)]
        # The line of the user's own code says more than the one in the library it called.
        own = [frame for frame in frames if not os.path.isabs(frame[0]) and "site-packages" not in frame[0]]
        where: Tuple[str | None, int | None, str | None] = (None, None, None)
        if isinstance(error, SyntaxError) and error.filename:
            where = (self._relative(error.filename), error.lineno, None)
        elif frames:
            where = (own or frames)[-1]
        lines = "".join(traceback.format_exception(kind, error, trace)).splitlines()
        return {
            "type": kind.__qualname__ if plain else f"{kind.__module__}.{kind.__qualname__}",
            "message": str(error)[:MAX_MESSAGE],
            "file": where[0],
            "line": where[1],
            "function": where[2],
            "traceback": [text[:MAX_LINE] for text in lines[-MAX_LINES:]],
        }

    def _relative(self, path: str) -> str:
        whole = os.path.normpath(os.path.join(self._folder, path))
        inside = whole.startswith(self._folder.rstrip("/") + "/")
        return os.path.relpath(whole, self._folder) if inside else path


def _without_us(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins in the script."""
    ours = (__file__, os.path.join(os.path.dirname(__file__), "bootstrap.py"))
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    return trace


def _hide_our_frames() -> None:
    """Have the interpreter show the exception it is about to get without the frames of this module."""
    hook = sys.excepthook

    def show(kind: Type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.excepthook = hook
        sys.last_traceback = trace = _without_us(trace)
        hook(kind, error.with_traceback(trace), trace)

    sys.excepthook = show

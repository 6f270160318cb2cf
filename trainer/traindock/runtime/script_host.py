r"""Runs a Python script in ``__main__`` for ``bootstrap.py``. Standard library only, Python 3.8 or later.

What a script meets here and not under plain ``python script.py``:

- ``sys.stdout`` and ``sys.stderr`` are UTF-8 and put each line into the file before ``print`` returns, so that no
  SIGKILL loses a printed line; where there are over a thousand in a second, within 50 milliseconds (see
  ``output_streams.py``). As on a terminal, an unfinished line arrives with its end, a ``\\r`` or a flush.
  Python processes that the script starts anew (spawned workers, which their pool ends by SIGTERM) inherit
  ``PYTHONUNBUFFERED``, unless it is set already, for the same reason.
- A full disk is counted in the ``--lost`` file and never raised into the script, nor into a forked child of it.
- The exception that ends the script is also written, as JSON, into the ``--error`` file: ``type``, ``message``,
  ``file`` (relative to the working directory at the start), ``line``, ``function`` and ``traceback`` (last lines).

``--notebook`` before a path executes that notebook in place of a script: see ``notebook_host.py``.

Tracebacks do not show our frames. ``sys.argv``, ``sys.orig_argv``, ``sys.path[0]``, ``__file__`` and the exit codes
are the script's own.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType, TracebackType
    from typing import Any, Dict, List, Tuple, Type

#: Bytes the launcher sets aside for the error record.
RESERVED = 16384
MAX_MESSAGE, MAX_LINES, MAX_LINE = 2000, 50, 400


def run(main: ModuleType, arguments: List[str]) -> None:
    """Run the script that ``arguments`` name in the namespace of ``main``; raises whatever the script raises."""
    options = {"--error": "", "--lost": ""}
    ours = 1  # words before the script, this program included
    while arguments and arguments[0] in options:
        options[arguments[0]] = arguments[1]
        arguments, ours = arguments[2:], ours + 2
    if arguments[:1] == ["--notebook"]:
        _sibling(main, "output_streams").replace_streams(options["--lost"])
        del sys.path[0]  # our own folder, whose modules have names that others have, too
        _sibling(main, "notebook_host").run(arguments[1], _Report(options["--error"]).write)
    if arguments and arguments[0] == "--":  # what follows is the script, whatever its name
        arguments, ours = arguments[1:], ours + 1
    _sibling(main, "output_streams").replace_streams(options["--lost"])
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


def _sibling(main: ModuleType, name: str) -> Any:
    """Load a module beside this one as ``bootstrap.py`` has loaded this one, without a package named ``traindock``."""
    path = os.path.join(os.path.dirname(__file__), name + ".py")
    loader = type(vars(main)["__loader__"])(f"traindock.{name}", path)
    module = type(main)(loader.name)
    module.__file__ = path
    exec(loader.get_code(loader.name), vars(module))  # noqa: S102
    return module


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

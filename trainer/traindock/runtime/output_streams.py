"""Standard output and error of a script that ``script_host.py`` runs. Standard library only, Python 3.8 or later.

Each line is in the file before ``print`` returns, so that no end of the process, however sudden, loses one. That costs
a call of the system for each, several times what ``print`` itself takes; who prints more than a thousand lines in a
second would wait for little else. Standard output therefore goes over to blocks in a flood: at most 50 milliseconds
later a thread of its own writes what has gathered and goes back to lines, to look again. What can then be lost are the
lines of those 50 milliseconds, if the process is killed from outside or crashes; whatever the script itself does that
others could see (an exception, a message on standard error, a process that it starts, its end) finds them written.
"""

from __future__ import annotations

import _thread
import atexit
import errno
import fcntl
import io
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Type

#: So many lines in less than so many seconds are a flood.
FLOOD_LINES, FLOOD_SECONDS = 64, 0.064
#: For how long lines gather at most.
GATHERING_SECONDS = 0.05

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: What Python audits (PEP 578) and after which others may write into the same file, or nobody here any more.
_LEAVING = frozenset(
    ("os.exec", "os.kill", "os.killpg", "os.posix_spawn", "os.system", "signal.pthread_kill", "subprocess.Popen")
)


class OutputFile(io.FileIO):
    """What is below the text layer of a stream: writes all of what it gets, or counts what the disk refuses.

    There is no buffer in between; the text layer gathers a line (up to 8 KiB) and hands it over in one piece.
    """

    def __init__(self, fd: int, name: str, lost: str) -> None:
        """Write to a file that is open.

        Args:
            fd: the file, which stays open.
            name: what the stream calls itself.
            lost: path of the file with the number of bytes that the disk has refused.
        """
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


class StandardOutput(OutputFile):
    """The file below a text layer that gathers lines in a flood.

    The text layer does not care what ``write`` returns. In a flood that is ``list.append``, so that ``print`` runs no
    line of Python here: it costs what it costs anywhere, no signal's handler comes between, and no other thread, for
    which the text layer of some versions is not ready while it waits for a write (python/cpython#119506). Nothing is
    printed while the list is written, so that it holds what a script can print in 50 milliseconds and no more.
    """

    def __init__(self, fd: int, name: str, lost: str) -> None:
        """Write to a file that is open; the arguments are those of ``OutputFile``."""
        super().__init__(fd, name, lost)
        self._text: io.TextIOWrapper | None = None
        self._countdown = FLOOD_LINES
        self._since = 0.0
        self._gathering = False
        self._held: List[bytes] = []
        self._watched = False
        self._gatherer = 0
        # A signal's handler may print while its own thread writes.
        self._writing = _thread.RLock()

    def pace(self, text: io.TextIOWrapper) -> None:
        """Begin to look how much is printed through ``text``, the layer above this file."""
        self._text = text

    def write(self, data: Any, _write: Any = os.write) -> int:
        """Write ``data``, after what is held; returns its length in bytes."""
        if self._gathering or self._held:
            with self._writing:
                self._held.append(bytes(data))
                self._write_held()
            return len(data)
        size = super().write(data, _write)
        self._countdown -= 1
        if self._countdown <= 0:
            self._look()
        return size

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            with self._writing:
                self._write_held()
        super().flush()

    def settle(self) -> None:
        """Write all that was printed until now. Raises nothing: what refuses it refuses the script's next line, too."""
        text = self._text
        if self._gathering and text is not None:
            try:
                text.flush()
            except (OSError, ValueError):  # ValueError: the script has closed it
                return

    def _look(self) -> None:
        """See how long the last lines took, and gather the next ones where there were too many."""
        with self._writing:
            now = time.monotonic()
            flood = now - self._since < FLOOD_SECONDS
            self._countdown, self._since = FLOOD_LINES, now
            text = self._text
            # Who has asked the stream for something else than lines gets that.
            if not flood or self._gathering or text is None or text.closed or not text.line_buffering:
                return
            if not self._watched:
                self._watched = True
                _watch(self)
            try:
                _thread.start_new_thread(self._gather, ())
            except RuntimeError:  # no more threads are to be had
                return
            self._gathering = True
            self.write = self._held.append  # type: ignore[method-assign, assignment]
            text.reconfigure(line_buffering=False)

    def _gather(self) -> None:
        time.sleep(GATHERING_SECONDS)
        with self._writing:
            self._gatherer = _thread.get_ident()
            self.go_back()
            self._gatherer = 0

    def go_back(self) -> None:
        """End a flood: write all that was printed, and from here on each line at once."""
        with self._writing:
            text = self._text
            if not self._gathering or text is None:
                return
            try:
                text.reconfigure(line_buffering=True)
                text.flush()  # that did so as well, but what was printed between its flush and its end would be left
            except ValueError:
                pass  # the script has closed it
            del self.write
            self._write_held()
            self._gathering, self._since = False, time.monotonic()

    def _write_held(self) -> None:
        pieces = self._held[:]
        del self._held[: len(pieces)]
        if pieces:
            try:
                super().write(b"".join(pieces))
            except OSError:
                if _thread.get_ident() != self._gatherer:
                    raise
                # Nobody can be told here; the script's next line is refused likewise.

    def end(self) -> None:
        """Write all that was printed, and gather nothing from here on: no thread will look after it any more."""
        self.go_back()
        self._text = None

    def before_fork(self) -> None:
        """Leave nothing in memory that would be written once more by the child."""
        self._writing.acquire()
        self.settle()

    def after_fork(self) -> None:
        """Go on in the parent."""
        self._writing.release()

    def in_fork(self) -> None:
        """Begin anew in the child, which has none of the threads; what those printed since is not its own."""
        self._writing = _thread.RLock()
        self._held.clear()
        text = self._text
        if self._gathering and text is not None and not text.closed:
            self.write = [].append  # type: ignore[method-assign, assignment]
            text.reconfigure(line_buffering=True)
            self.go_back()


class SettledFile(OutputFile):
    """A second way to what standard output writes to: what was printed before comes before."""

    def __init__(self, fd: int, name: str, lost: str, output: StandardOutput) -> None:
        """Write to a file that is open.

        Args:
            fd: the file, which stays open.
            name: what the stream calls itself.
            lost: path of the file with the number of bytes that the disk has refused.
            output: what standard output writes to.
        """
        super().__init__(fd, name, lost)
        self._output = output

    def write(self, data: Any, _write: Any = os.write) -> int:
        """Write all of ``data``; returns its length in bytes, also where the disk was full."""
        self._output.settle()
        return super().write(data, _write)


class StandardText(io.TextIOWrapper):
    """The text layer of a stream.

    What ``print`` looks up four times for each line is an attribute of the class: instances without any of their own,
    and ``closed`` without asking the layer below, take a tenth less time for all of it.
    """

    __slots__ = ()
    mode = "w"  # as the interpreter says of its own streams
    closed = False

    def close(self) -> None:
        """Write what was printed, and refuse more."""
        super().close()
        self.closed = True


def replace_streams(lost: str) -> None:
    """Put streams of ours in the place of ``sys.stdout`` and ``sys.stderr``, where the process has them.

    Args:
        lost: path of the file with the number of bytes that the disk has refused.
    """
    below_errors: OutputFile = OutputFile(2, "<stderr>", lost)
    if sys.stdout is not None:
        output = StandardOutput(1, "<stdout>", lost)
        below_errors = SettledFile(2, "<stderr>", lost, output)

        class OutputText(StandardText):
            __slots__ = ()
            # Where a script writes bytes. What is really below is no matter of its own in a flood.
            buffer = SettledFile(1, "<stdout>", lost, output)

        output.pace(_replace("stdout", OutputText, output, "surrogateescape"))
    if sys.stderr is not None:
        _replace("stderr", StandardText, below_errors, "backslashreplace")


def _replace(name: str, kind: Type[StandardText], file: OutputFile, errors: str) -> StandardText:
    stream = kind(file, encoding="utf-8", errors=errors, newline="\n", line_buffering=True)
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)
    return stream


def _watch(output: StandardOutput) -> None:
    """Have nothing wait in memory when the script does what others could see, or ends."""

    def settle(event: str, _: Any) -> None:
        if event in _LEAVING:
            output.settle()

    leave = os._exit

    def leave_settled(status: int) -> None:
        output.settle()
        leave(status)

    sys.addaudithook(settle)
    os._exit = leave_settled  # type: ignore[assignment]  # the one way out that nobody audits
    os.register_at_fork(before=output.before_fork, after_in_parent=output.after_fork, after_in_child=output.in_fork)
    atexit.register(output.end)


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

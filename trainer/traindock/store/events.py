"""Append-only records: one JSON object a line, written whole, under a lock of the file itself.

Every run, model and experiment has one ``events.jsonl``. It is the record; whatever the index says is read from
it. A line that was cut short (a full disk, a power cut) is skipped by readers and closed by the next writer;
nothing is ever truncated or rewritten.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from traindock.errors import StoreException

Event: TypeAlias = dict[str, Any]


def read(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Read the events from byte ``offset`` on.

    Returns:
        The events, and the offset to go on from: just after the last complete line. Lines that are no JSON
        object are skipped. A missing file has no events.
    """
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    return _parse(data), offset + data.rfind(b"\n") + 1


def read_settled(path: Path) -> list[Event]:
    """Read all events, after a writer that holds the lock just now has finished."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return _parse(file.read())
    except FileNotFoundError:
        return []


def damaged(path: Path) -> int:
    """Return how many lines readers pass over because they are torn or make no sense.

    A writer that holds the lock just now is waited for. A missing file has no lines.
    """
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return sum(event is None for _, event in lines(file.read()))
    except FileNotFoundError:
        return 0


def lines(data: bytes) -> Iterator[tuple[bytes, Event | None]]:
    """Yield each line with its event, or with None where it is none; a torn tail is a line too."""
    for line in data.split(b"\n"):
        if not line:
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        yield line, event if isinstance(event, dict) and isinstance(event.get("type"), str) else None


def append(path: Path, *new: Event, durable: bool = False, announce: Callable[[], None] | None = None) -> None:
    """Append events in one write; see :func:`transact`."""
    transact(path, lambda _: list(new), durable=durable, announce=announce)


def transact(
    path: Path,
    decide: Callable[[list[Event]], Iterable[Event]],
    *,
    durable: bool = False,
    announce: Callable[[], None] | None = None,
) -> list[Event]:
    """Decide on new events in the light of all earlier ones, and append them, under the file's lock.

    Args:
        path: the events file; created if it is missing, its folder is not.
        decide: gets the events so far and returns the ones to append (``"t"`` is added where it is missing).
            An exception it raises leaves the file unchanged, but for the closing of a torn line.
        durable: sync the file to disk before returning.
        announce: called under the lock and before the write, so that a reader which waits for the lock never
            misses an event whose writer died in between.

    Returns:
        The events appended.

    Raises:
        StoreException: the disk is full or refuses; the text names the file.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise StoreException(f"cannot record in {path}: its folder is gone") from None
    except OSError as error:
        raise StoreException(f"cannot record in {path}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        before = _read_all(fd)
        if before and not before.endswith(b"\n"):
            # Closed, it may turn out to be whole, and readers take it in: so the decision must see it as they will.
            if announce is not None:
                announce()
            _write_whole(fd, path, b"\n")
            before += b"\n"
        new = [{"t": time.time(), **event} for event in decide(_parse(before))]
        if new:
            if announce is not None:
                announce()
            # ASCII only, so that lone surrogates (from odd file names) survive the round trip.
            data = "".join(json.dumps(event) + "\n" for event in new).encode("ascii")
            _write_whole(fd, path, data)
            if durable:
                os.fsync(fd)
    except OSError as error:
        raise StoreException(f"cannot record in {path}: {error.strerror}") from error
    finally:
        os.close(fd)
    return new


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``path`` (created if missing) for the length of the block."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _write_whole(fd: int, path: Path, data: bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):
        more = os.write(fd, data[written:])
        if more == 0:
            raise StoreException(f"cannot record in {path}: the disk took {written} of {len(data)} bytes")
        written += more


def _read_all(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    return os.pread(fd, size, 0) if size else b""


def _parse(data: bytes) -> list[Event]:
    end = data.rfind(b"\n")
    return [event for _, event in lines(data[: end + 1]) if event is not None]

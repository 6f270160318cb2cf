"""``traindock logs``: a run's output, byte for byte, as it is or as it comes."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from traindock.cli import endings, parsers
from traindock.cli.finding import command, find_run, open_workspace
from traindock.cli.output import ALL_OF_IT, binary, emit, most_bytes, note
from traindock.cli.text import clean, size
from traindock.errors import Detached, RunNotSignedException
from traindock.run_details import failure
from traindock.states import State

if TYPE_CHECKING:
    from traindock.run import Run
    from traindock.store.run_records import RunRecord

_BLOCK: Final = 1 << 16
_PAUSE_SECONDS: Final = 1.0


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock logs`` understands."""
    parser.teach(
        """
        Print what a run's script has written to its stdout and stderr, exactly as it is. What is said about the run
        itself goes to stderr. Ctrl-C ends the watching, never the run.
        """,
        """
        traindock logs last
        traindock logs last -f                      follow it until the run ends
        traindock logs last --tail 20
        traindock logs last --build                 how its environment was made
        traindock logs last -f --exit-status && traindock register last my-model outputs/
        """,
    )
    parser.add_argument("run_name", metavar="RUN", help='an id, a part of one, EXPERIMENT:NUMBER, or "last"')
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the run ends")
    parser.add_argument("--build", action="store_true", help="the log of making the environment ready")
    parser.add_argument("--tail", type=parsers.count, metavar="N", help="begin with the last N lines")
    parser.add_argument(
        "--exit-status", action="store_true", help="with -f: exit with 3 if the run failed, with 4 if it was canceled"
    )


def run(args: argparse.Namespace) -> int:
    """Print the log."""
    if args.follow and args.json:
        args.parser.error("-f prints a log as it comes, which no single JSON document can hold")
    if args.exit_status and not args.follow:
        args.parser.error("--exit-status needs -f")
    workspace = open_workspace(args)
    found = find_run(args, workspace, args.run_name)
    layout = workspace.layout.run(found.id)
    path = layout.build_log if args.build else layout.stdout
    if args.json:
        return _document(args, found, path)
    if args.follow:
        record = _watched(args, found, path)
        return endings.exit_code(record.state) if args.exit_status else 0
    out = binary()
    _copy(path, _first(args, path), out)
    if not path.exists() or path.stat().st_size == 0:
        other = "" if args.build else f"; how its environment was made: {command(args, 'logs', found.id, '--build')}"
        note(args, f"nothing in this log yet; the run is {found.get_status()}{other}")
    out.flush()
    return 0


def _document(args: argparse.Namespace, found: Run, path: Path) -> int:
    try:
        with open(path, "rb") as file:
            file.seek(_start(path, args.tail))
            content = file.read()
    except FileNotFoundError:
        content = b""
    name = "logs/build.txt" if args.build else "logs/stdout.txt"
    emit({"run": found.id, "state": found.get_status(), "name": name, "text": content.decode("utf-8", "replace")})
    return 0


def _watched(args: argparse.Namespace, found: Run, path: Path) -> RunRecord:
    try:
        return _follow(args, found, path)
    except KeyboardInterrupt:
        raise detached(args, found) from None


def detached(args: argparse.Namespace, found: Run) -> Detached:
    """Return what to raise where watching a run was interrupted."""
    return Detached(
        f"stopped watching; run {found.id} goes on ({found.get_status()}). "
        f"Watch it again: {command(args, 'logs', '-f', found.id)}; end it: {command(args, 'cancel', found.id)}"
    )


def _follow(args: argparse.Namespace, found: Run, path: Path) -> RunRecord:
    """Copy what is in the log and what comes, until the run has ended, and return its record."""
    from traindock.dispatcher import start
    from traindock.store.signing import Signature
    from traindock.store.watch import Watcher

    layout = found.workspace.layout.run(found.id)
    offset = _first(args, path)
    out = binary()
    told = ""
    upkeep = start.Upkeep(found.workspace.layout)
    with Watcher([layout.events, path]) as watcher:
        while True:
            # The state first: once it is terminal, the log is complete when it is read after it.
            record = found.record
            offset += _copy(path, offset, out)
            out.flush()
            if record.state.terminal:
                _tell_of_end(args, found, record, path)
                return record
            news = f"[{record.state}]{' ' if record.detail else ''}{record.detail}"
            if news != told:
                told = news
                note(args, news)
            if record.signature is not Signature.VALID:
                raise RunNotSignedException(
                    f"run {record.id} is {record.state} and will stay so: it was not submitted by you to this workspace"
                )
            if trouble := upkeep.look():
                note(args, f"traindock: warning: {trouble}")
            watcher.wait(_PAUSE_SECONDS)


def _tell_of_end(args: argparse.Namespace, found: Run, record: RunRecord, shown: Path) -> None:
    """Say how a run ended, and what to do if it failed; what the log that was shown has said is not repeated."""
    if record.state is not State.FAILED:
        note(args, endings.sentence(record))
        return
    told = failure(record, found.workspace.layout.run(found.id))
    note(args, endings.sentence(record, told.tail if told.log == shown else ()))
    note(args, f"traindock: {endings.next_step(found)}")


def _copy(path: Path, offset: int, out: IO[bytes]) -> int:
    """Copy a file from ``offset`` on, in pieces, however much it is; return the number of bytes."""
    copied = 0
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            while block := file.read(_BLOCK):
                out.write(block)
                copied += len(block)
    except FileNotFoundError:
        pass
    return copied


def _first(args: argparse.Namespace, path: Path) -> int:
    """Return where to begin, and say so where that is not what was asked for, since it would be too much."""
    start = _start(path, args.tail)
    most = most_bytes()
    if most is None or not path.exists():
        return start
    if args.follow:
        most //= 10  # there has to be room for what comes
    over = path.stat().st_size - most
    if over <= start:
        return start
    with open(path, "rb") as file:
        file.seek(over)
        file.readline(_BLOCK)  # the rest of a line that began before
        start = file.tell()
    note(args, f"the last {size(most)} of {clean(path)}; {ALL_OF_IT}")
    return start


def _start(path: Path, lines: int | None) -> int:
    """Return where the last ``lines`` lines of a file begin; 0 for None or a file that is not there."""
    if lines is None:
        return 0
    try:
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            if lines == 0:
                return end
            # The newline that closes the last line begins no further one.
            missing = lines + (1 if _byte_before(file, end) == b"\n" else 0)
            position = end
            while position > 0:
                length = min(_BLOCK, position)
                position -= length
                file.seek(position)
                block = file.read(length)
                found = block.count(b"\n")
                if found < missing:
                    missing -= found
                    continue
                at = len(block)
                for _ in range(missing):
                    at = block.rindex(b"\n", 0, at)
                return position + at + 1
    except FileNotFoundError:
        pass
    return 0


def _byte_before(file: IO[bytes], position: int) -> bytes:
    if position == 0:
        return b""
    file.seek(position - 1)
    return file.read(1)

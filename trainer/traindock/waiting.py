"""Waiting for a run: blocking or awaited, silent or with its states and logs printed as they come."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import sys
import warnings
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from traindock import notebook, run_details
from traindock.dispatcher import start
from traindock.errors import ActivityFailedException, Detached, RunNotSignedException, TraindockError
from traindock.states import Reason, State
from traindock.store.changes import Changes
from traindock.store.index import RunQuery
from traindock.store.loop_watch import LoopWatcher
from traindock.store.run_records import RunRecord
from traindock.store.signing import Signature
from traindock.store.watch import Watcher

if TYPE_CHECKING:
    from traindock.run import Run

_CHUNK = 1 << 16
_BEFORE_BUILDING = (State.NOT_STARTED, State.PREPARING)
_BEFORE_RUNNING = (State.NOT_STARTED, State.PREPARING, State.QUEUED)
_PAUSE_SECONDS = 1.0
#: Most bytes of what each log had before, that are printed into a notebook: a page that shows a gigabyte is lost.
_MOST_BEFORE = 1 << 16


def wait(run: Run, *, show_output: bool, raise_on_error: bool) -> dict[str, Any]:
    """Wait, blocking; see :meth:`Run.wait_for_completion`."""
    try:
        follower = _Follower(run, show_output and not _show_card(run))
        with Watcher(follower.paths) as watcher:
            while not follower.step():
                watcher.wait(_PAUSE_SECONDS)
            return follower.finish(raise_on_error)
    except KeyboardInterrupt:
        raise _detached(run) from None


async def wait_async(run: Run, *, show_output: bool, raise_on_error: bool) -> dict[str, Any]:
    """Wait without blocking the event loop, in silence where a card is shown; see :meth:`Run.wait_for_completion`."""
    try:
        if show_output:
            _show_card(run)
        follower = _Follower(run, show_output and notebook.cards() is None)
        with LoopWatcher(follower.paths) as watcher:
            while not follower.step():
                await watcher.wait(_PAUSE_SECONDS)
            return follower.finish(raise_on_error)
    except asyncio.CancelledError:
        # A notebook's interrupt arrives as a cancellation, which must go on to whoever asked for it.
        print(_detached(run))  # noqa: T201
        raise
    except KeyboardInterrupt:
        raise _detached(run) from None


def _show_card(run: Run) -> bool:
    """Show the run's card in a notebook that has none yet; return whether that was done."""
    cards = notebook.cards()
    if cards is None or cards.is_shown(run):
        return False
    cards.show(run)
    return True


def _detached(run: Run) -> Detached:
    return Detached(
        f"Stopped watching run {run.id}; the run goes on ({run.get_status()}). "
        "Wait for it again with run.wait_for_completion(show_output=True), or end it with run.cancel()"
    )


class _Follower:
    """Prints what is new about a run, step by step."""

    def __init__(self, run: Run, show_output: bool) -> None:
        self._run = run
        self._show = show_output
        layout = run.workspace.layout.run(run.id)
        most_before = _MOST_BEFORE if notebook.in_kernel() else None
        self._logs = [
            _Log("logs/build.txt", layout.build_log, most_before),
            _Log("logs/stdout.txt", layout.stdout, most_before),
        ]
        #: What changes where there is something new.
        self.paths = [layout.events]
        if show_output:
            self.paths += [log.path for log in self._logs]
            print(f"RunId: {run.id}\nFolder: {run.path}")  # noqa: T201
        self._told: tuple[State, str] | None = None
        self._states_told = 0
        self._compared = False
        self._upkeep = start.Upkeep(run.workspace.layout)

    def step(self) -> bool:
        """Print what is new, and return whether the run has ended."""
        # The state first: once it is terminal, the logs are complete when they are read after it.
        record = self._run.record
        if self._show:
            build, output = self._logs
            self._print_states(record, building=True)
            build.print_new()
            self._print_states(record)
            # The script may print before its start is recorded; people read the one before the other.
            if record.state not in _BEFORE_RUNNING:
                output.print_new()
        if record.state.terminal:
            return True
        if record.signature is not Signature.VALID:
            raise RunNotSignedException(
                f"run {record.id} is {record.state} and will stay so: it was not submitted by you to this workspace"
                + (" (which is a copy of the one it belongs to)" if record.signature is Signature.COPIED else "")
            )
        if trouble := self._upkeep.look():
            self._warn(trouble)
        if not self._compared:
            self._compared = True
            self._compare(record)
        return False

    def _compare(self, record: RunRecord) -> None:
        """Have a run looked at whose end the index knows of, though its record, damaged since, does not say so."""
        workspace = self._run.workspace
        with contextlib.suppress(TraindockError, OSError):
            rows = workspace.index.runs(RunQuery(experiment=record.experiment, number=record.number))
            if any(row.id == record.id and row.state.terminal for row in rows):
                Changes(workspace.layout).announce(f"run/{record.id}")

    def finish(self, raise_on_error: bool) -> dict[str, Any]:
        """Print the summary; return the details, or raise if the run failed."""
        # A notebook that is executed without a page may be saved before the card hears of the end by itself.
        if (cards := notebook.cards()) is not None:
            cards.draw_end(self._run)
        record, details = self._run.record, self._run.get_details()
        if self._show:
            self._print_summary(record, details)
        if record.state is State.FAILED and raise_on_error:
            reason = record.reason or Reason.INTERNAL_ERROR
            told = run_details.failure(record, self._run.workspace.layout.run(record.id))
            raise ActivityFailedException(
                record.id,
                reason.value,
                record.detail,
                exit_code=record.exit.get("exit_code"),
                log_tail=told.tail,
                log_path=str(told.log),
                hint=told.hint,
            )
        return details

    def _print_states(self, record: RunRecord, *, building: bool = False) -> None:
        """Print the states that are new; with ``building``, only those that come before the build log."""
        # States that passed between two looks are told too; their details are history by then.
        passed = [(change.state, "") for change in record.history[self._states_told : -1]]
        new = [*passed, (record.state, record.detail)]
        if building:
            new = list(takewhile(lambda told: told[0] in _BEFORE_BUILDING, new))
        self._states_told += min(len(new), len(record.history) - self._states_told)
        for told in new:
            state, detail = told
            if told != self._told and not state.terminal:
                self._told = told
                for log in self._logs:
                    log.end_line()
                print(f"[{state}]{' ' if detail else ''}{detail}", flush=True)  # noqa: T201

    def _warn(self, text: str) -> None:
        if self._show:
            for log in self._logs:
                log.end_line()
            print(f"Warning: {text}", flush=True)  # noqa: T201
        else:
            warnings.warn(text, stacklevel=5)

    def _print_summary(self, record: RunRecord, details: dict[str, Any]) -> None:
        for log in self._logs:
            log.end_line()
        spent = _seconds(record)
        seconds = f" after {spent:.1f} s" if spent is not None else ""
        lines = ["", "Execution Summary", "=================", f"RunId: {record.id}"]
        lines.append(f"Status: {record.state}{seconds}{f' ({record.reason})' if record.reason else ''}")
        if record.detail:
            lines.append(run_details.brief_detail(record, self._run.workspace.layout.run(record.id)))
        lines += [f"Warning: {warning['message']}" for warning in details.get("warnings", [])]
        lines += [f"Folder: {self._run.path}", ""]
        print("\n".join(lines), flush=True)  # noqa: T201


def _seconds(record: RunRecord) -> float | None:
    """How long the script ran, by a clock that nobody sets if there is such a record."""
    measured = record.exit.get("seconds")
    if isinstance(measured, int | float):
        return float(measured)
    if record.ended is None or record.started is None:
        return None
    return max(0.0, record.ended - record.started)


class _Log:
    """One log file, printed from where the last look ended.

    Args:
        name: of the log.
        path: where it is.
        most_before: most bytes that are printed of what it has at the first look; None for all.
    """

    def __init__(self, name: str, path: Path, most_before: int | None) -> None:
        self.name = name
        self.path = path
        self._most_before = most_before
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._in_line = False

    def print_new(self) -> None:
        """Print what was appended since the last time, in pieces, however much it is."""
        try:
            file = open(self.path, "rb")  # noqa: SIM115
        except FileNotFoundError:
            return
        with file:
            if self._offset == 0 and os.fstat(file.fileno()).st_size > 0:
                print(f"\nStreaming {self.name}\n{'=' * (len(self.name) + 10)}\n")  # noqa: T201
                self._leave_out(file)
            file.seek(self._offset)
            while chunk := file.read(_CHUNK):
                self._offset += len(chunk)
                text = self._decoder.decode(chunk)
                sys.stdout.write(text)
                self._in_line = bool(text) and not text.endswith("\n")
            sys.stdout.flush()

    def _leave_out(self, file: BinaryIO) -> None:
        """Begin with the last whole lines of a log that is long already, and say so."""
        size = os.fstat(file.fileno()).st_size
        if self._most_before is None or size <= self._most_before:
            return
        file.seek(size - self._most_before)
        file.readline(self._most_before)
        self._offset = file.tell()
        print(f"… {self._offset:,} bytes before are in {self.path}")  # noqa: T201

    def end_line(self) -> None:
        """Begin a new line if the log stopped within one."""
        if self._in_line:
            sys.stdout.write("\n")
            self._in_line = False

"""How the end of a run is said, and which exit code stands for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from traindock.cli.text import clean
from traindock.repetition import without_repetition
from traindock.run_details import failure
from traindock.states import State

if TYPE_CHECKING:
    from traindock.run import Run
    from traindock.store.run_records import RunRecord

RUN_FAILED: Final = 3
RUN_CANCELED: Final = 4


def exit_code(state: State) -> int:
    """Return the exit code that tells how a run ended that was waited for."""
    return {State.FAILED: RUN_FAILED, State.CANCELED: RUN_CANCELED}.get(state, 0)


def sentence(record: RunRecord, shown: Iterable[str] = ()) -> str:
    """Say how a run ended.

    Args:
        record: the run.
        shown: lines that have just been shown, which are not to be repeated.
    """
    reason = f" ({record.reason})" if record.reason else ""
    detail = without_repetition(record.detail, shown)
    return f"[{record.state}]{reason}{f': {detail}' if detail else ''}"


def next_step(failed: Run) -> str:
    """Say where to look and what to do after a failure whose output and end have just been shown."""
    told = failure(failed.record, failed.workspace.layout.run(failed.id))
    return f"run {failed.id} failed; the whole log: {clean(told.log)}\n{told.hint}".rstrip()

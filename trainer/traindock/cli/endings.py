"""How the end of a run is said, and which exit code stands for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from traindock.states import State

if TYPE_CHECKING:
    from traindock.store.run_records import RunRecord

RUN_FAILED: Final = 3
RUN_CANCELED: Final = 4


def exit_code(state: State) -> int:
    """Return the exit code that tells how a run ended that was waited for."""
    return {State.FAILED: RUN_FAILED, State.CANCELED: RUN_CANCELED}.get(state, 0)


def sentence(record: RunRecord) -> str:
    """Say how a run ended."""
    reason = f" ({record.reason})" if record.reason else ""
    return f"[{record.state}]{reason}{f': {record.detail}' if record.detail else ''}"

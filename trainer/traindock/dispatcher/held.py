"""How runs end whose work a process does that was there before: a notebook's kernel, or another run's job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from traindock.compute import processes
from traindock.compute.base import Outcome
from traindock.compute.held import note_failure
from traindock.dispatcher.endings import Ending
from traindock.states import Reason, State
from traindock.store.layout import RunLayout
from traindock.store.run_records import RunRecord


def ending_of_held(outcome: Outcome, record: RunRecord, layout: RunLayout) -> Ending:
    """Judge an end that the run's own process recorded, or did not. Unknown is never success.

    A run whose end somebody asked for is Canceled when its process ends it well or vanishes, and Failed when
    its process says that it failed.
    """
    found = outcome.exit
    if found is None:
        ending = _vanished(record, layout)
    elif found.get("exit_code") == 0 or found.get("canceled"):
        if record.cancel_requested:
            ending = Ending(Reason.CANCELED_BY_USER, f"canceled by {record.cancel_requested_by}", found)
        elif found.get("canceled"):
            ending = Ending(Reason.CANCELED_BY_USER, "canceled by the code that logs into it", found)
        else:
            ending = Ending(Reason.FINISHED, "", found)
    else:
        ending = Ending(Reason.EXITED_NONZERO, _what_failed(found), found)
    if ending.state is State.FAILED:
        note_failure(layout, _log_text(ending))
    return ending


def _vanished(record: RunRecord, layout: RunLayout) -> Ending:
    started = processes.read_started(layout.started_json)
    who = f"the process that logged into it ({started.launcher.pid} on {started.host})" if started else "its process"
    if record.cancel_requested:
        return Ending(Reason.CANCELED_BY_USER, f"canceled by {record.cancel_requested_by}; then {who} ended")
    return Ending(
        Reason.LOST,
        f"{who} ended, or was killed, before it called complete() or fail(); what it had logged and uploaded was kept",
    )


def _what_failed(found: Mapping[str, Any]) -> str:
    error = found.get("error")
    if not isinstance(error, dict):
        return "its code said that it failed"
    kind, message = str(error.get("type") or ""), str(error.get("message") or "")[:500]
    return ": ".join(part for part in (kind, message) if part) or "its code said that it failed"


def _log_text(ending: Ending) -> str:
    error = ending.exit.get("error")
    lines = error.get("traceback") if isinstance(error, dict) else None
    return "\n".join(str(line) for line in lines) if isinstance(lines, list) and lines else ending.detail

"""From how a job ended to the run's terminal state, its reason and a sentence for people."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from traindock.compute.base import Outcome
from traindock.compute.devices import vanished
from traindock.compute.node_shapes import memory_text
from traindock.states import Reason, State, outcome
from traindock.store.layout import RunLayout
from traindock.store.run_records import RunRecord

_MAY_BE_GPUS: Final = frozenset({Reason.EXITED_NONZERO, Reason.KILLED_BY_SIGNAL, Reason.LOST})


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ends: the reason decides the state."""

    reason: Reason
    detail: str = ""
    exit: Mapping[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """The terminal state."""
        return outcome(self.reason)


def ending_of(job: Outcome, record: RunRecord, layout: RunLayout) -> Ending:
    """Judge a job's exit record in the light of what was asked of the run. Unknown is never success."""
    found = job.exit
    if job.cause is not None and not (found is not None and found.get("canceled") and record.cancel_requested):
        return Ending(Reason(job.cause.reason), job.cause.detail, found or {})
    if found is None:
        left = f"; still running: {', '.join(map(str, job.left))}" if job.left else ""
        return Ending(
            Reason.LOST,
            "the job and its launcher vanished without a trace of how they ended (killed, or the machine went down); "
            f"what it wrote until then was kept, see {layout.stdout}{left}",
        )
    reason, detail = _judge(found, record)
    return Ending(reason, detail, found)


def with_lost_gpus(ending: Ending, lost: Sequence[str]) -> Ending:
    """Return an ending, told by the GPUs that the run has lost where it may have failed for that.

    Args:
        ending: of :func:`ending_of`.
        lost: devices that the run was leased and that are not there any more.
    """
    if not lost or ending.reason not in _MAY_BE_GPUS:
        return ending
    return Ending(Reason.GPU_VANISHED, f"{vanished(lost)} ({ending.detail})", ending.exit)


def _judge(found: Mapping[str, Any], record: RunRecord) -> tuple[Reason, str]:
    seconds = float(found.get("seconds") or 0.0)
    if found.get("launch_error"):
        return Reason.LAUNCH_FAILED, f"the job could not be started: {found['launch_error']}"
    if found.get("canceled"):
        if record.cancel_requested:
            return Reason.CANCELED_BY_USER, f"canceled by {record.cancel_requested_by} after {seconds:.1f} s"
        return Reason.KILLED_BY_SIGNAL, "the job's launcher was told to end by a signal from outside Traindock"
    if found.get("timed_out"):
        limit = record.spec.max_run_duration_seconds
        return Reason.TIMED_OUT, f"ended after {seconds:.1f} s: max_run_duration_seconds={limit}"
    number, code = found.get("signal"), found.get("exit_code")
    if found.get("oom_killed"):
        return Reason.OUT_OF_MEMORY, f"a process of the job was killed for memory by the system ({_memory(found)})"
    if found.get("oom_kills") and code != 0:
        then = f"with exit code {code}{_error_text(found)}" if number is None else f"by signal {number}"
        return (
            Reason.OUT_OF_MEMORY,
            f"a process that the script had started was killed for memory by the system ({_memory(found)}); the script "
            f"then ended {then}",
        )
    if number is not None:
        return Reason.KILLED_BY_SIGNAL, f"the script was killed by signal {number} ({_signal_name(number)})"
    if code == 0:
        return Reason.FINISHED, ""
    if code is None:
        return Reason.LOST, "the job's exit record names neither an exit code nor a signal"
    what = "notebook" if record.spec.notebook is not None else "script"
    return Reason.EXITED_NONZERO, f"the {what} ended with exit code {code}{_error_text(found)}"


def memory_warning(found: Mapping[str, Any]) -> str:
    """Return what is to be said of a run that completed although processes of it were killed; else ""."""
    kills = int(found.get("oom_kills") or 0)
    if not kills:
        return ""
    some = "a process" if kills == 1 else f"{kills} processes"
    return (
        f"{some} that the script had started {'was' if kills == 1 else 'were'} killed for memory by the system "
        f"({_memory(found)}): its results may not be whole"
    )


def _memory(found: Mapping[str, Any]) -> str:
    limit, peak = found.get("memory_limit_bytes"), found.get("memory_peak_bytes")
    if limit is None:
        return f"peak of the script: {memory_text(int(found.get('peak_memory_bytes') or 0))}"
    # The bytes of files that it had read lately count as well, and are given up first.
    used = f", its peak was {memory_text(peak)}" if peak is not None else ""
    return f"its node has {memory_text(limit)}{used}"


def _error_text(found: Mapping[str, Any]) -> str:
    error = found.get("error")
    if not isinstance(error, dict):
        return ""
    kind, message = error.get("type"), str(error.get("message") or "")[:500]
    if kind == "SystemExit" and message:
        return f": {message}"  # what the script itself wanted to have said; where it did helps nobody
    where = f"cell [{error['cell']}]" if error.get("cell") else f"line {error.get('line')}"
    place = f" ({error.get('file')}, {where})" if error.get("file") else ""
    # The text of a syntax error ends with its place.
    if message.endswith(f", line {error.get('line')})"):
        place = ""
    return f": {kind}{': ' if message else ''}{message}{place}"


def _signal_name(number: Any) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"

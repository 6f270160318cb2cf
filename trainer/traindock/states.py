"""Run states, the reasons behind them, and the only table of transitions.

This module is pure: it reads and writes nothing. Whoever changes the state of a run asks
:func:`check_transition` first; whoever ends one derives the terminal state from its reason
with :func:`outcome`, so that no two parts of Traindock can disagree about what a reason means.
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import Final

from traindock.errors import InvalidTransition


class State(str, Enum):
    """What a run is doing, in the order in which a run normally passes through them."""

    NOT_STARTED = "NotStarted"  # recorded by the submitter; no dispatcher has taken it yet
    PREPARING = "Preparing"  # its environment is being found or built
    QUEUED = "Queued"  # waiting for a node of its compute target, or for GPUs
    RUNNING = "Running"  # the script is being executed
    FINALIZING = "Finalizing"  # the script has ended; outputs are being sealed
    CANCEL_REQUESTED = "CancelRequested"  # somebody asked for an end; the job may still be running
    COMPLETED = "Completed"  # ended well
    FAILED = "Failed"  # ended badly; the reason says how
    CANCELED = "Canceled"  # ended because somebody asked for it

    @property
    def terminal(self) -> bool:
        """Whether a run in this state can never change its state again."""
        return self in _TERMINAL

    def __str__(self) -> str:
        return self.value


class Reason(str, Enum):
    """Why a run ended. Each reason belongs to exactly one terminal state, see :func:`outcome`."""

    FINISHED = "finished"  # the script returned 0
    CANCELED_BY_USER = "canceled_by_user"
    EXITED_NONZERO = "exited_nonzero"  # the script ended with another exit code
    KILLED_BY_SIGNAL = "killed_by_signal"  # a signal that Traindock did not send ended the script
    OUT_OF_MEMORY = "out_of_memory"  # the kernel killed a process of the job for memory
    TIMED_OUT = "timed_out"  # max_run_duration_seconds passed
    ENVIRONMENT_FAILED = "environment_failed"  # the environment could not be built
    LAUNCH_FAILED = "launch_failed"  # the job could not be started on its compute target
    NO_GPU = "no_gpu"  # the GPUs asked for are not there (any more)
    NO_GPU_TOOLKIT = "no_gpu_toolkit"  # the container engine cannot give GPUs to containers
    GPU_DRIVER_TOO_OLD = "gpu_driver_too_old"  # for the CUDA that the image was made with
    GPU_DRIVER_UNUSABLE = "gpu_driver_unusable"  # the driver does not answer to the container toolkit
    GPU_VANISHED = "gpu_vanished"  # a GPU of the run is not there any more
    LEASES_UNUSABLE = "leases_unusable"  # who has which GPU of the machine cannot be read or written
    ENGINE_RESTARTED = "engine_restarted"  # the container engine was restarted, which ended the job
    ENGINE_LOST = "engine_lost"  # the container engine is gone, and with it what it knew of the job's end
    LOST = "lost"  # the job vanished without a trace of how it ended
    INTERNAL_ERROR = "internal_error"  # a fault of Traindock itself

    def __str__(self) -> str:
        return self.value


_TERMINAL: Final = frozenset({State.COMPLETED, State.FAILED, State.CANCELED})

_OUTCOMES: Final = MappingProxyType(
    {
        Reason.FINISHED: State.COMPLETED,
        Reason.CANCELED_BY_USER: State.CANCELED,
        Reason.EXITED_NONZERO: State.FAILED,
        Reason.KILLED_BY_SIGNAL: State.FAILED,
        Reason.OUT_OF_MEMORY: State.FAILED,
        Reason.TIMED_OUT: State.FAILED,
        Reason.ENVIRONMENT_FAILED: State.FAILED,
        Reason.LAUNCH_FAILED: State.FAILED,
        Reason.NO_GPU: State.FAILED,
        Reason.NO_GPU_TOOLKIT: State.FAILED,
        Reason.GPU_DRIVER_TOO_OLD: State.FAILED,
        Reason.GPU_DRIVER_UNUSABLE: State.FAILED,
        Reason.GPU_VANISHED: State.FAILED,
        Reason.LEASES_UNUSABLE: State.FAILED,
        Reason.ENGINE_RESTARTED: State.FAILED,
        Reason.ENGINE_LOST: State.FAILED,
        Reason.LOST: State.FAILED,
        Reason.INTERNAL_ERROR: State.FAILED,
    }
)

_ENDS: Final = frozenset({State.FAILED, State.CANCELED})

#: From each state, the states that may follow it directly.
TRANSITIONS: Final = MappingProxyType(
    {
        State.NOT_STARTED: frozenset({State.PREPARING, State.CANCEL_REQUESTED}) | _ENDS,
        State.PREPARING: frozenset({State.QUEUED, State.CANCEL_REQUESTED}) | _ENDS,
        State.QUEUED: frozenset({State.RUNNING, State.CANCEL_REQUESTED}) | _ENDS,
        State.RUNNING: frozenset({State.FINALIZING, State.CANCEL_REQUESTED}) | _ENDS,
        # A job that ended by itself before the cancel reached it is still Completed or Failed.
        State.CANCEL_REQUESTED: frozenset({State.FINALIZING}) | _TERMINAL,
        State.FINALIZING: _TERMINAL,
        State.COMPLETED: frozenset[State](),
        State.FAILED: frozenset[State](),
        State.CANCELED: frozenset[State](),
    }
)


def outcome(reason: Reason) -> State:
    """Return the terminal state that ``reason`` leads to. Total over :class:`Reason`."""
    return _OUTCOMES[reason]


def check_transition(current: State | None, new: State, reason: Reason | None = None) -> None:
    """Check that a run may go from ``current`` to ``new``.

    Args:
        current: the state the run is in, or None when it has no state yet.
        new: the state it is to get.
        reason: required for terminal states and refused for all others.

    Raises:
        InvalidTransition: the table does not allow it, or the reason does not belong to ``new``.
    """
    allowed = {State.NOT_STARTED} if current is None else TRANSITIONS[current]
    if new not in allowed:
        raise InvalidTransition(str(current), str(new), sorted(s.value for s in allowed))
    if new.terminal != (reason is not None) or (reason is not None and outcome(reason) is not new):
        raise InvalidTransition(str(current), f"{new} with reason {reason}", sorted(s.value for s in allowed))

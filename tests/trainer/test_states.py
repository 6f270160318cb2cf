"""The table of transitions, as a user may rely on it."""

from __future__ import annotations

import itertools

import pytest

from traindock.errors import InvalidTransition
from traindock.states import TRANSITIONS, Reason, State, check_transition, outcome

TERMINAL = [State.COMPLETED, State.FAILED, State.CANCELED]


def test_a_run_normally_passes_through_every_stage_in_order() -> None:
    stages = [State.NOT_STARTED, State.PREPARING, State.QUEUED, State.RUNNING, State.FINALIZING]
    check_transition(None, State.NOT_STARTED)
    for current, following in itertools.pairwise(stages):
        check_transition(current, following)
    check_transition(State.FINALIZING, State.COMPLETED, Reason.FINISHED)


@pytest.mark.parametrize("terminal", TERMINAL)
@pytest.mark.parametrize("new", list(State))
def test_a_terminal_state_never_changes(terminal: State, new: State) -> None:
    reason = next((reason for reason in Reason if outcome(reason) is new), None)
    with pytest.raises(InvalidTransition):
        check_transition(terminal, new, reason if new.terminal else None)


@pytest.mark.parametrize("state", [state for state in State if not state.terminal])
def test_every_state_leads_to_an_end(state: State) -> None:
    reached, frontier = set(), {state}
    while frontier:
        reached |= frontier
        frontier = set().union(*(TRANSITIONS[known] for known in frontier)) - reached
    assert {State.FAILED, State.CANCELED} <= reached


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_belongs_to_one_terminal_state(reason: Reason) -> None:
    assert outcome(reason).terminal
    for state in TERMINAL:
        if state is not outcome(reason):
            with pytest.raises(InvalidTransition):
                check_transition(State.FINALIZING, state, reason)


def test_only_the_scripts_own_success_is_completed() -> None:
    assert [reason for reason in Reason if outcome(reason) is State.COMPLETED] == [Reason.FINISHED]


def test_a_terminal_state_needs_a_reason_and_no_other_state_takes_one() -> None:
    with pytest.raises(InvalidTransition):
        check_transition(State.FINALIZING, State.COMPLETED)
    with pytest.raises(InvalidTransition):
        check_transition(State.NOT_STARTED, State.PREPARING, Reason.FINISHED)


def test_a_run_that_was_asked_to_end_never_starts_running() -> None:
    with pytest.raises(InvalidTransition, match="CancelRequested to Running"):
        check_transition(State.CANCEL_REQUESTED, State.RUNNING)

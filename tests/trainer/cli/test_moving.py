"""``traindock move``: runs that wait, put into another order."""

from __future__ import annotations

import pytest
from tests.recorded_runs import Record

from traindock.dispatcher import start
from traindock.states import State

from .conftest import Cli


@pytest.fixture
def runs(record: Record, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three that wait."""
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    return [record(State.NOT_STARTED) for _ in range(3)]


def test_before_another_to_the_front_and_to_the_end(cli: Cli, runs: list[str]) -> None:
    one, two, three = runs
    assert (
        cli("move", "digits:3", "--before", "digits:2").out == f"Run {three} is number 2 of 3 that wait for 'local'\n"
    )
    assert cli("move", two, "--first", "--json").document == {"compute": "local", "waiting": [two, one, three]}
    assert cli("move", two, "--first").out == f"Run {two} is number 1 of 3 that wait for 'local'\n"
    assert cli("move", one, "--last", "--json").document["waiting"] == [two, three, one]


def test_the_only_one_that_waits_is_first_and_last(cli: Cli, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    run = record(State.NOT_STARTED)
    for where in ("--first", "--last"):
        assert cli("move", run, where).out == f"Run {run} is number 1 of 1 that wait for 'local'\n"


def test_a_run_that_does_not_wait_is_named_and_stays(cli: Cli, runs: list[str], record: Record) -> None:
    ended = record()
    answer = cli("move", ended, "--first")
    assert answer.code == 1
    assert answer.err == f"traindock: run {ended} cannot be moved: it has ended (Completed). Nothing was changed.\n"
    assert cli("move", runs[0], "--before", ended).code == 1


@pytest.mark.parametrize("words", [[], ["--first", "--last"], ["--before"]])
def test_where_to_has_to_be_said_once(cli: Cli, runs: list[str], words: list[str]) -> None:
    assert cli("move", runs[0], *words).code == 2

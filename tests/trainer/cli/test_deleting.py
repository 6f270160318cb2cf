"""``traindock delete``: asks first, deletes all or none, and says what that gave back."""

from __future__ import annotations

import io
import sys

import pytest
from tests.recorded_runs import Record

from traindock.run import Run
from traindock.states import State
from traindock.store.run_records import run_ids
from traindock.workspace import Workspace

from .conftest import Cli


class Terminal(io.StringIO):
    """What somebody types."""

    def isatty(self) -> bool:
        return True


def test_runs_are_deleted_without_a_question_where_that_was_said(cli: Cli, record: Record) -> None:
    one, two = record(), record()

    answer = cli("delete", "digits:1", two, "--yes")

    assert answer.code == 0
    lines = answer.out.splitlines()
    assert set(lines[:-1]) == {f"Deleted run {one}", f"Deleted run {two}"}
    assert lines[-1].endswith(" freed")
    assert cli("runs", "--json").document["runs"] == []


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_who_sits_at_a_terminal_is_asked(
    cli: Cli, record: Record, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    run = record()
    monkeypatch.setattr(sys, "stdin", Terminal(typed))

    answer = cli("delete", "last")

    assert answer.code == code
    assert f"{run}\nDelete this run? [y/N] " in answer.err
    assert run_ids(workspace.layout) == ([run] if code else [])


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_where_nobody_can_be_asked_it_has_to_be_said(
    cli: Cli, record: Record, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    run = record()

    answer = cli("delete", run, *words)

    assert answer.code == 1
    assert "--yes" in answer.err
    assert run_ids(workspace.layout) == [run]


def test_all_or_none(cli: Cli, record: Record, workspace: Workspace) -> None:
    ended, going = record(), record(State.RUNNING)

    answer = cli("delete", ended, going, "--yes", "--json")

    assert answer.error["code"] == "run_not_ended"
    assert going in answer.error["message"]
    assert len(run_ids(workspace.layout)) == 2


def test_children_go_if_that_was_said(cli: Cli, record: Record) -> None:
    parent = record()
    child = record(parent=parent)

    refused = cli("delete", parent, "--yes", "--json")
    deleted = cli("delete", parent, "--with-children", "--yes", "--json")

    assert refused.error["code"] == "run_has_children"
    assert child in refused.error["message"]
    assert [run["id"] for run in deleted.document["runs"]] == [child, parent]
    assert deleted.document["freed_bytes"] > 0


def test_a_child_that_is_named_too_needs_no_more_words(cli: Cli, record: Record) -> None:
    parent = record()
    child = record(parent=parent)

    assert cli("delete", parent, child, "--yes").code == 0


def test_what_lies_with_somebody_else_is_told(
    cli: Cli, record: Record, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.get(workspace, record())
    monkeypatch.setattr("traindock.store.deleting.remove_tree", lambda folder: False)

    answer = cli("delete", run.id, "--yes")

    assert answer.code == 0
    assert "not all of their space is free yet" in answer.err
    with pytest.warns(UserWarning, match="not all of its space is free"):
        Run.get(workspace, record()).delete()

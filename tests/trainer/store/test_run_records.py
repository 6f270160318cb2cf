"""A run's folder is its record: what was submitted never changes, what happens is appended, forgeries show."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from traindock.errors import InvalidTransition, RunNotFoundException, RunNotSignedException, StoreException
from traindock.states import Reason, State
from traindock.store import events, run_records, signing
from traindock.store.signing import Signature
from traindock.workspace import Workspace

SPEC: dict[str, Any] = {"snapshot": "0" * 64, "compute_target": "local", "environment": {}, "interpreter": "python"}


@pytest.fixture
def folder(workspace: Workspace) -> run_records.RunFolder:
    return publish(workspace, "exp_1")


def publish(workspace: Workspace, run_id: str, **facts: Any) -> run_records.RunFolder:
    return run_records.publish(
        workspace.layout,
        workspace.record,
        run_id=run_id,
        **{"experiment": "exp", "number": 1, "created": 1000.0, "user": "me", "spec": SPEC, **facts},
    )


def test_a_published_run_is_not_started_and_signed_by_its_user(folder: run_records.RunFolder) -> None:
    record = folder.load()
    assert record.state is State.NOT_STARTED
    assert record.signature is Signature.VALID
    assert (record.number, record.user, record.spec.compute_target) == (1, "me", "local")


def test_states_are_appended_with_their_reasons(folder: run_records.RunFolder) -> None:
    folder.advance(State.PREPARING)
    record = folder.advance(State.FAILED, reason=Reason.ENVIRONMENT_FAILED, detail="no such package")
    assert (record.state, record.reason, record.detail) == (
        State.FAILED,
        Reason.ENVIRONMENT_FAILED,
        "no such package",
    )
    assert record == folder.load()
    assert [change.state for change in record.history] == [State.NOT_STARTED, State.PREPARING, State.FAILED]


def test_a_forbidden_transition_changes_nothing(folder: run_records.RunFolder) -> None:
    with pytest.raises(InvalidTransition):
        folder.advance(State.RUNNING)
    assert folder.load().state is State.NOT_STARTED


def test_a_forged_later_state_in_the_file_does_not_undo_a_terminal_one(folder: run_records.RunFolder) -> None:
    folder.advance(State.CANCELED, reason=Reason.CANCELED_BY_USER)
    events.append(folder.layout.events, {"type": "state", "state": "Running"})
    events.append(folder.layout.events, {"type": "state", "state": "Completed", "reason": "finished"})
    assert folder.load().state is State.CANCELED


@pytest.mark.parametrize(
    "event",
    [
        {"type": "state"},
        {"type": "state", "state": "Dancing"},
        {"type": "state", "state": "Failed", "reason": "bad luck"},
        {"type": "tags", "set": 3},
        {"type": "properties"},
        {"type": "of the future", "value": 1},
        {"type": "tags", "set": {"a": "b"}, "t": "yesterday"},
    ],
)
def test_events_that_make_no_sense_are_left_out(folder: run_records.RunFolder, event: dict[str, Any]) -> None:
    before = folder.load()
    events.append(folder.layout.events, event)
    assert folder.load() == before


def test_a_property_keeps_the_value_it_was_given_first(workspace: Workspace) -> None:
    folder = publish(workspace, "exp_1", properties={"commit": "1"})
    events.append(folder.layout.events, {"type": "properties", "add": {"commit": "2", "data": "a"}})
    events.append(folder.layout.events, {"type": "properties", "add": {"data": "b"}})
    assert folder.load().properties == {"commit": "1", "data": "a"}


def test_a_changed_submission_is_no_longer_signed_and_cannot_be_changed_further(
    folder: run_records.RunFolder,
) -> None:
    document = json.loads(folder.layout.run_json.read_text())
    document["spec"]["script"] = "evil.py"
    folder.layout.run_json.write_text(json.dumps(document))
    assert folder.load().signature is Signature.INVALID
    with pytest.raises(RunNotSignedException, match="not submitted by you"):
        folder.advance(State.PREPARING)
    with pytest.raises(RunNotSignedException):
        folder.append({"type": "tags", "set": {"a": "b"}})
    assert len(events.read(folder.layout.events)[0]) == 1


def test_a_run_moved_from_another_workspace_is_not_signed_here(
    folder: run_records.RunFolder, workspace: Workspace, tmp_path: Path
) -> None:
    other = Workspace.create("other", path=tmp_path / "other", show_output=False)
    shutil.copytree(folder.layout.root, other.layout.runs / folder.id)
    assert other.run_folder(folder.id).load().signature is Signature.INVALID


def test_a_run_in_a_copied_workspace_is_known_as_a_copy(
    folder: run_records.RunFolder, workspace: Workspace, tmp_path: Path
) -> None:
    shutil.copytree(workspace.layout.root, tmp_path / "copy")
    copy = Workspace(tmp_path / "copy")
    assert copy.run_folder(folder.id).load().signature is Signature.COPIED


def test_another_users_key_makes_another_signature(
    folder: run_records.RunFolder, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody else"))
    assert folder.load().signature is Signature.INVALID


def test_the_signing_key_is_private_and_an_open_one_is_refused(folder: run_records.RunFolder, tmp_path: Path) -> None:
    key = tmp_path / "home" / "config" / "traindock" / "signing.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    signing._load_key.cache_clear()
    with pytest.raises(StoreException, match="open to others"):
        signing.sign({})


def test_a_run_that_is_not_there_is_named(workspace: Workspace) -> None:
    with pytest.raises(RunNotFoundException, match="exp_404"):
        workspace.run_folder("exp_404").load()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": "other"}'])
def test_a_damaged_run_file_is_named(folder: run_records.RunFolder, content: str) -> None:
    folder.layout.run_json.write_text(content)
    with pytest.raises(StoreException, match="damaged"):
        folder.load()


def test_numbers_go_on_after_the_counter_is_lost(workspace: Workspace) -> None:
    for number in (1, 2, 3):
        assert run_records.take_number(workspace.layout, "exp") == number
        publish(workspace, f"exp_{number}_abc", number=number)
    (workspace.layout.experiments / "exp" / "last_number").unlink()
    assert run_records.take_number(workspace.layout, "exp") == 4


def test_a_signing_key_that_cannot_be_made_is_said_where_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "a-file"))
    with pytest.raises(StoreException, match=r"signing\.key, which .*, cannot be made: .*XDG_CONFIG_HOME"):
        signing.sign({})


def test_of_those_that_submit_in_the_same_moment_one_after_the_other_takes_its_turn(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_tried = []

    def now() -> float:
        with open(workspace.layout.last_turn, "rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        others_tried.append("in vain")
        return 1000.0

    monkeypatch.setattr(time, "time", now)
    turns = [run_records.take_turn(workspace.layout) for _ in range(50)]
    assert turns == sorted(set(turns))
    assert 1000.0 == turns[0] < turns[-1] < 1000.001
    assert others_tried == ["in vain"] * 50


def test_a_turn_is_the_time_but_where_the_clock_was_set_back(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = []
    for clock in (5000.5, 1000.0, 1000.0, 5000.75):
        monkeypatch.setattr(time, "time", lambda clock=clock: clock)
        turns.append(run_records.take_turn(workspace.layout))
    assert turns == sorted(set(turns))
    assert turns[0] == 5000.5
    assert turns[2] == pytest.approx(5000.5, abs=1e-6)
    assert turns[3] == 5000.75


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\xff" * 25, b"nan", b"inf", b"-inf\n"])
def test_where_the_last_turn_is_lost_the_clock_decides(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    workspace.layout.last_turn.write_bytes(damage)
    assert run_records.take_turn(workspace.layout) == 1000.0
    assert run_records.take_turn(workspace.layout) > 1000.0


def test_a_run_that_has_no_turn_goes_by_its_time(folder: run_records.RunFolder) -> None:
    assert folder.load().turn == 1000.0


def test_a_turn_that_cannot_be_kept_is_said_so(workspace: Workspace) -> None:
    workspace.layout.last_turn.mkdir()
    with pytest.raises(StoreException, match=r"last_turn.*directory"):
        run_records.take_turn(workspace.layout)


def test_a_state_is_on_the_disk_before_the_run_counts_as_being_in_it(
    workspace: Workspace, synced: list[tuple[int, int]]
) -> None:
    folder = publish(workspace, "exp_1")
    events_file = folder.layout.events.stat()
    assert (events_file.st_ino, events_file.st_size) in synced, "the first one"
    folder.advance(State.PREPARING)
    assert synced[-1] == (events_file.st_ino, folder.layout.events.stat().st_size)

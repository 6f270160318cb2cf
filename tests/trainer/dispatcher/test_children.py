"""Children that a job asks for: made once for each request, within limits, and never left behind."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from traindock import Experiment, Reason, Run, State, UserErrorException, Workspace
from traindock.dispatcher import children
from traindock.dispatcher.children import Children, notice_child
from traindock.dispatcher.endings import Ending
from traindock.dispatcher.finish import finish
from traindock.spec import RunSpec
from traindock.store import run_records
from traindock.store.run_records import RunFolder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create("test", path=tmp_path / "workspace", show_output=False)


@pytest.fixture
def job(workspace: Workspace) -> RunFolder:
    """A run whose job is running; no dispatcher is at work."""
    Experiment(workspace, "tests")
    folder = run_records.publish(
        workspace.layout,
        workspace.record,
        run_id="tests_1_job",
        experiment="tests",
        number=1,
        created=time.time(),
        user="me",
        spec=RunSpec(snapshot="", compute_target="local", environment={}, interpreter="python").to_json(),
    )
    for state in (State.PREPARING, State.QUEUED, State.RUNNING):
        folder.advance(state)
    return folder


def made(workspace: Workspace, job: RunFolder) -> set[str]:
    return {child.id for child in Run.get(workspace, job.id).get_children(recursive=True)}


def test_a_request_that_is_served_twice_makes_its_children_once(workspace: Workspace, job: RunFolder) -> None:
    run = Run.get(workspace, job.id)
    first = Children(workspace, job).make(run, "r1", [{}, {"a": "b"}])
    again = Children(workspace, job).make(run, "r1", [{}, {"a": "b"}])
    other = Children(workspace, job).make(run, "r2", [{}])
    assert first == again
    assert made(workspace, job) == {found["TRAINDOCK_RUN_ID"] for found in first + other}
    assert [found["TRAINDOCK_RUN_NUMBER"] for found in first + other] == ["2", "3", "4"]


def test_an_id_of_ones_own_is_given_once(workspace: Workspace, job: RunFolder) -> None:
    run, family = Run.get(workspace, job.id), Children(workspace, job)
    (found,) = family.make(run, "r1", [{}], run_id="mine")
    assert family.make(run, "r1", [{}], run_id="mine") == [found]
    with pytest.raises(UserErrorException, match="choose another id"):
        family.make(run, "r2", [{}], run_id="mine")
    with pytest.raises(UserErrorException, match="choose another id"):
        family.make(run, "r3", [{}], run_id=job.id)


def test_what_a_dispatcher_left_that_died_does_not_stop_the_next(workspace: Workspace, job: RunFolder) -> None:
    run = Run.get(workspace, job.id)
    (found,) = Children(workspace, job).make(run, "r1", [{}])
    child = workspace.layout.run(found["TRAINDOCK_RUN_ID"]).root
    child.rename(child.with_name(f".new-{child.name}"))
    assert Children(workspace, job).make(run, "r1", [{}])[0]["TRAINDOCK_RUN_ID"] == child.name
    assert child.exists()


def test_a_job_has_so_many_children_and_no_more(
    workspace: Workspace, job: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "MAX_CHILDREN", 3)
    run, family = Run.get(workspace, job.id), Children(workspace, job)
    family.make(run, "r1", [{}])
    family.make(family.get(family.make(run, "r2", [{}])[0]["TRAINDOCK_RUN_ID"]), "r3", [{}])
    for serving in (family, Children(workspace, job)):  # also after a restart
        with pytest.raises(UserErrorException, match="can have no more"):
            serving.make(run, "r4", [{}])
    assert len(made(workspace, job)) == 3


@pytest.mark.parametrize("tags", [[], [{}] * 101])
def test_none_and_too_many_at_once_are_refused(
    workspace: Workspace, job: RunFolder, tags: list[dict[str, str]]
) -> None:
    with pytest.raises(UserErrorException, match="ask for 1 to 100"):
        Children(workspace, job).make(Run.get(workspace, job.id), "r1", tags)


@pytest.mark.parametrize("name", ["x" * 257, 7, ["a"]])
def test_a_name_is_a_short_text(workspace: Workspace, job: RunFolder, name: object) -> None:
    with pytest.raises(UserErrorException, match="at most 256 characters"):
        Children(workspace, job).make(Run.get(workspace, job.id), "r1", [{}], name=name)


def test_only_the_jobs_own_family_is_found(workspace: Workspace, job: RunFolder) -> None:
    family = Children(workspace, job)
    assert family.get(job.id).id == job.id
    for stranger in ("other", "../x", None, 7, ["a"]):
        with pytest.raises(UserErrorException, match="neither the run of this job"):
            family.get(str(stranger))


def test_below_an_ended_child_nothing_is_made(workspace: Workspace, job: RunFolder) -> None:
    run, family = Run.get(workspace, job.id), Children(workspace, job)
    child = family.get(family.make(run, "r1", [{}])[0]["TRAINDOCK_RUN_ID"])
    family.end(child, {"exit_code": 0})
    assert child.get_status() == "Completed"
    with pytest.raises(UserErrorException, match=r"has ended \(Completed\)"):
        family.make(child, "r2", [{}])
    family.end(child, {"exit_code": 1})
    assert child.get_status() == "Completed"


def test_with_a_child_end_those_below_it(workspace: Workspace, job: RunFolder) -> None:
    run, family = Run.get(workspace, job.id), Children(workspace, job)
    child = family.get(family.make(run, "r1", [{}])[0]["TRAINDOCK_RUN_ID"])
    below = family.get(family.make(child, "r2", [{}])[0]["TRAINDOCK_RUN_ID"])
    family.end(child, {"exit_code": 1, "error": {"type": "E", "message": "broken"}})
    assert [one.get_detailed_status()["details"] for one in (child, below)] == ["E: broken"] * 2


def test_an_open_child_ends_with_its_job_for_the_same_reason(workspace: Workspace, job: RunFolder) -> None:
    run, family = Run.get(workspace, job.id), Children(workspace, job)
    ids = [found["TRAINDOCK_RUN_ID"] for found in family.make(run, "r1", [{}, {}, {}])]
    done, canceled, still = (family.get(run_id) for run_id in ids)
    family.end(done, {"exit_code": 0})
    workspace.run_folder(canceled.id).append({"type": "cancel", "by": "somebody"})
    Children(workspace, job).end_all(Ending(Reason.OUT_OF_MEMORY, "too big"))
    assert (done.reason, canceled.reason, still.reason) == (
        Reason.FINISHED,
        Reason.CANCELED_BY_USER,
        Reason.OUT_OF_MEMORY,
    )
    assert still.get_detailed_status()["details"] == f"ended with the job of {job.id}: too big"


def test_a_child_that_outlived_its_job_is_ended_when_it_is_met(workspace: Workspace, job: RunFolder) -> None:
    child = Children(workspace, job).make(Run.get(workspace, job.id), "r1", [{}])[0]["TRAINDOCK_RUN_ID"]
    folder = workspace.run_folder(child)
    notice_child(workspace, folder.load())
    assert folder.load().state is State.RUNNING
    finish(workspace.layout, job, Ending(Reason.LOST, "gone"))
    notice_child(workspace, folder.load())
    assert folder.load().reason is Reason.LOST

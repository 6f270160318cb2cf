"""Children that a process or a job makes, as their users see them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Submit, dispatcher_of, kill, wait_for

from traindock import (
    Experiment,
    Reason,
    UserErrorException,
    Workspace,
)
from traindock.interactive import InteractiveRun
from traindock.store.run_records import run_ids


class TestChildrenOfThisProcess:
    def test_they_belong_to_their_parent_and_end_with_it(self, experiment: Experiment) -> None:
        with experiment.start_logging() as run:
            with run.child_run("fold-1") as first:
                first.log("loss", 0.5)
            others = run.create_children(tag_key="fold", tag_values=[2, 3])
            others[0].log("loss", 0.25)
            below = others[0].child_run("below")
            assert first.get_status() == "Completed"
            assert {child.id for child in run.get_children()} == {first.id, *(child.id for child in others)}
            assert below.id in {child.id for child in run.get_children(recursive=True)}
        assert [child.tags for child in others] == [{"fold": "2"}, {"fold": "3"}]
        assert {child.get_status() for child in run.get_children(recursive=True)} == {"Completed"}
        assert first.parent == run
        assert run.get_metrics(recursive=True)[first.id] == {"loss": 0.5}
        assert [found.id for found in experiment.get_runs()] == [run.id]

    def test_any_run_can_get_some_until_it_has_ended(self, submit: Submit, experiment: Experiment) -> None:
        job = submit("import time; time.sleep(600)")
        child: InteractiveRun = job.child_run("beside")
        (other,) = job.create_children(1)
        job.cancel()
        job.wait_for_completion()
        assert child.parent == job
        child.complete()
        other.fail()
        assert (child.get_status(), other.get_status()) == ("Completed", "Failed")
        with pytest.raises(UserErrorException, match=r"has ended \(Canceled\)"):
            job.child_run()

    def test_wrong_numbers_are_refused(self, experiment: Experiment) -> None:
        with experiment.start_logging() as run:
            with pytest.raises(UserErrorException, match="1 to 100"):
                run.create_children(101)
            with pytest.raises(UserErrorException, match="a count, or both"):
                run.create_children()
            with pytest.raises(UserErrorException, match="choose another id"):
                run.child_run(run_id=run.id)
            assert list(run.get_children()) == []


@pytest.mark.slow
@pytest.mark.shared_workspace
class TestChildrenOfAJob:
    def test_a_job_logs_into_children_of_its_own(self, submit: Submit, workspace: Workspace) -> None:
        run = submit(
            """
            from traindock import Run
            run = Run.get_context()
            with run.child_run("fold-1") as child:
                child.log("loss", 0.5)
                child.tag("kind", "first")
                child.upload_file("outputs/fold.txt", __file__)
                model = child.register_model("fold", "outputs/fold.txt")
                print("model", model.version, "parent", child.parent.id == run.id)
            for child in run.create_children(tag_key="fold", tag_values=[2, 3]):
                child.log("loss", 0.25)
                child.complete()
            """
        )
        assert run.wait_for_completion()["status"] == "Completed"
        assert "model 1 parent True" in (run.path / "driver" / "stdout.txt").read_text()
        children = {child.display_name: child for child in run.get_children()}
        assert {child.get_status() for child in children.values()} == {"Completed"}
        assert len(children) == 3
        first = children["fold-1"]
        assert first.tags == {"kind": "first"}
        assert run.tags == {}
        assert first.get_metrics() == {"loss": 0.5}
        assert first.get_file_names() == ["outputs/fold.txt"]
        assert (first.type, first.experiment, first.parent) == ("traindock.childrun", run.experiment, run)
        assert sorted(child.tags.get("fold", "") for child in children.values()) == ["", "2", "3"]
        assert len({child.number for child in children.values()}) == 3
        assert first.get_snapshot_id() == run.get_snapshot_id()
        assert workspace.models["fold"].version == 1

    def test_an_error_in_the_block_fails_the_child_alone(self, submit: Submit) -> None:
        run = submit(
            """
            from traindock import Run
            run = Run.get_context()
            try:
                with run.child_run("broken") as child:
                    raise ValueError("no such luck")
            except ValueError:
                print("went on")
            run.child_run("said").fail("by hand", error_code="E1")
            run.child_run("given up").cancel()
            """
        )
        assert run.wait_for_completion()["status"] == "Completed"
        found = {child.display_name: child.get_detailed_status() for child in run.get_children()}
        assert found["broken"]["status"] == "Failed"
        assert found["broken"]["details"] == "ValueError: no such luck"
        assert found["said"]["details"] == "E1: by hand"
        assert found["given up"]["status"] == "Canceled"

    @pytest.mark.parametrize(
        ("end", "reason"), [("pass", Reason.FINISHED), ("raise SystemExit(3)", Reason.EXITED_NONZERO)]
    )
    def test_what_the_job_leaves_open_ends_like_the_job(self, submit: Submit, end: str, reason: Reason) -> None:
        run = submit(
            f"""
            from traindock import Run
            child = Run.get_context().child_run("open")
            child.log("loss", 1.0)
            below = child.child_run("below")
            {end}
            """
        )
        run.wait_for_completion(raise_on_error=False)
        children = list(run.get_children(recursive=True))
        assert [child.reason for child in children] == [reason, reason]
        assert all(f"ended with the job of {run.id}" in child.record.detail for child in children)
        assert {child.display_name: child.get_metrics() for child in children} == {"open": {"loss": 1.0}, "below": {}}

    def test_a_killed_job_takes_its_children_along(self, submit: Submit) -> None:
        run = submit(
            """
            import os
            from traindock import Run
            Run.get_context().create_children(3)
            os.kill(os.getpid(), 9)
            """
        )
        run.wait_for_completion(raise_on_error=False)
        assert [child.reason for child in run.get_children()] == [Reason.KILLED_BY_SIGNAL] * 3

    def test_a_canceled_child_ends_as_canceled_and_its_job_goes_on(self, submit: Submit, tmp_path: Path) -> None:
        run = submit(
            f"""
            import os, time
            from traindock import Run
            with Run.get_context().child_run("fold") as child:
                while not os.path.exists({str(tmp_path / "go")!r}):
                    time.sleep(0.01)
            """
        )
        (child,) = wait_for(lambda: list(run.get_children()), "the child")
        child.cancel()
        wait_for(lambda: child.get_status() == "CancelRequested", "the dispatcher")
        (tmp_path / "go").touch()
        assert run.wait_for_completion()["status"] == "Completed"
        assert child.get_status() == "Canceled"

    @pytest.mark.shared_workspace(False)
    def test_a_dispatcher_that_dies_makes_no_child_twice_and_forgets_none(
        self, submit: Submit, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Killed within the making of a child, after its event and before anybody can see it."""
        run = submit(
            f"""
            import os, time
            from traindock import Run
            run = Run.get_context()
            open({str(tmp_path / "there")!r}, "w")
            while not os.path.exists({str(tmp_path / "go")!r}):
                time.sleep(0.01)
            for child in run.create_children(5):
                child.log("loss", 1.0)
                child.complete()
            """
        )
        wait_for((tmp_path / "there").exists, "the script")
        kill(dispatcher_of(workspace))
        monkeypatch.setenv("TRAINDOCK_FAULT", "submit.after-event:kill")
        monkeypatch.setenv("TRAINDOCK_FAULT_ONCE", str(tmp_path / "hit"))
        (tmp_path / "go").touch()
        assert run.wait_for_completion()["status"] == "Completed"
        assert (tmp_path / "hit").exists()
        children = list(run.get_children())
        assert [child.get_status() for child in children] == ["Completed"] * 5
        assert [child.get_metrics() for child in children] == [{"loss": 1.0}] * 5
        assert [path.name for path in workspace.layout.runs.glob(".new-*")] == []

    def test_an_ended_child_takes_nothing_more(self, submit: Submit) -> None:
        run = submit(
            """
            from traindock import Run, UserErrorException
            child = Run.get_context().child_run()
            child.complete()
            calls = [(child.log, "a", 1.0), (child.log_list, "b", [1]), (child.upload_file, "x", "y")]
            for call, *arguments in calls:
                try:
                    call(*arguments)
                except UserErrorException as error:
                    print("refused:", "was ended by complete()" in str(error))
            """
        )
        run.wait_for_completion()
        assert (run.path / "driver" / "stdout.txt").read_text() == "refused: True\n" * 3

    def test_a_fork_that_leaves_the_block_does_not_end_the_child(self, submit: Submit) -> None:
        run = submit(
            """
            import os, sys
            from traindock import Run
            with Run.get_context().child_run() as child:
                if os.fork() == 0:
                    raise SystemExit(1)
                os.wait()
                child.log("loss", 1.0)
            """
        )
        run.wait_for_completion()
        (child,) = run.get_children()
        assert (child.get_status(), child.get_metrics()) == ("Completed", {"loss": 1.0})

    @pytest.mark.shared_workspace(False)
    def test_a_job_reaches_no_other_run(self, submit: Submit, experiment: Experiment, workspace: Workspace) -> None:
        other = experiment.start_logging()
        run = submit(
            f"""
            import os
            from traindock import Run, TraindockError
            from traindock.requests import ask, send
            folder = os.environ["TRAINDOCK_REQUESTS_DIR"]
            for about in ({other.id!r}, "../../elsewhere", 7):
                send(folder, "tag", run=about, tags={{"stolen": "yes"}})
                send(folder, "end_child", run=about, exit={{"exit_code": 0}})
                try:
                    ask(folder, "child_run", 30, run=about)
                except TraindockError as error:
                    print(error)
            for wrong in ({other.id!r}, "../escape", "x" * 300):
                try:
                    Run.get_context().child_run(run_id=wrong)
                except TraindockError as error:
                    print(error)
            send(folder, "end_child", run=os.environ["TRAINDOCK_RUN_ID"], exit={{"exit_code": 1}})
            """
        )
        assert run.wait_for_completion()["status"] == "Completed"
        said = (run.path / "driver" / "stdout.txt").read_text().splitlines()
        assert [("neither the run of this job" in line) for line in said[:3]] == [True] * 3
        assert "already" in said[3]
        assert all("is no run id name" in line for line in said[4:])
        assert len(said) == 6
        assert other.tags == {}
        assert other.get_status() == "Running"
        assert set(run_ids(workspace.layout)) == {run.id, other.id}
        other.complete()

    def test_what_is_no_end_is_refused_or_taken_for_a_failure(self, submit: Submit) -> None:
        run = submit(
            """
            import os
            from traindock import Run
            from traindock.requests import send
            run = Run.get_context()
            children = run.create_children(3)
            ends = [{"exit_code": "0", "error": ["x"], "seconds": "long"}, {}, "done"]
            for child, end in zip(children, ends):
                send(os.environ["TRAINDOCK_REQUESTS_DIR"], "end_child", run=child.id, exit=end)
            """
        )
        assert run.wait_for_completion()["status"] == "Completed"
        children = sorted(run.get_children(), key=lambda child: child.number)
        assert [child.get_details()["status"] for child in children] == ["Failed", "Failed", "Completed"]

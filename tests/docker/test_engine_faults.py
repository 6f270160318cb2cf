"""What happens to runs when their engine is stopped, killed, gone or full; each test breaks one of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import dispatcher_of, end_everything_in, first_in_ci, make_workspace, wait_for
from tests.docker.conftest import MakeEngine
from tests.docker.engines import OwnEngine
from tests.docker.jobs import (
    Submit,
    add_target,
    check_nothing_is_left,
    ended,
    stdout_of,
    stopped_before_launch,
    submitter,
)
from tests.trainer.images.conftest import Shelf

from traindock import Environment, Run, State, Workspace
from traindock.compute import processes
from traindock.errors import EngineException
from traindock.states import Reason

Patient = Callable[..., Submit]

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"


def started(run: Run) -> Run:
    """Wait until the script of `SLEEPER` runs, and the dispatcher follows it."""
    wait_for(lambda: "up" in stdout_of(run) and run.record.state is State.RUNNING, "the script")
    return run


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    """Make a workspace with a target on an engine of the test's own; nothing may be left of its runs in the end."""
    made: list[tuple[OwnEngine, Workspace]] = []

    def make(engine: OwnEngine, patience: float = 60.0, settings: str = "", form: str = "volume") -> Submit:
        # Its dispatcher stays while an engine is brought back, to remove what it could not.
        workspace = make_workspace(tmp_path / "workspace", idle_seconds=60.0)
        made.append((engine, workspace))
        with workspace.layout.settings.open("a") as file:
            file.write(f'[docker]\nbase_image = "{engine.base_image}"\npatience_seconds = {patience}\n{settings}')
        add_target(workspace, engine.url, network="none", environment_form=form)
        return submitter(workspace, tmp_path)

    yield make
    for engine, workspace in made:
        try:
            if engine.pid is None:
                engine.start()
            check_nothing_is_left(engine.client(), workspace)
        finally:
            end_everything_in(workspace)


@pytest.mark.own_engine
@pytest.mark.parametrize("how", first_in_ci(["kill", "stop"]))
def test_an_engine_that_is_restarted_ends_the_run_by_that_name(
    own_engine: MakeEngine, patient: Patient, how: str
) -> None:
    """And not as exit code 137, whichever way it went down."""
    made = own_engine()
    run = started(patient(made)(SLEEPER))
    getattr(made, how)()
    made.start()
    ended(run)
    assert (run.record.state, run.record.reason) == (State.FAILED, Reason.ENGINE_RESTARTED), run.get_details()
    assert "live-restore" in run.record.detail


@pytest.mark.own_engine
def test_with_live_restore_the_run_goes_on(own_engine: MakeEngine, patient: Patient) -> None:
    """It says that the engine is gone, and when it is back it says nothing more."""
    made = own_engine("--live-restore")
    run = started(
        patient(made)(
            """
            import os, time
            print("up", flush=True)
            while not os.path.exists("outputs/go"):
                time.sleep(0.01)
            """
        )
    )
    made.kill()
    wait_for(lambda: "does not answer" in run.record.detail, "the run to say so")
    made.start()
    wait_for(lambda: not run.record.detail, "the run to say no more")
    (run.path / "work" / "outputs" / "go").touch()
    assert ended(run).record.state is State.COMPLETED, run.get_details()


@pytest.mark.own_engine
def test_a_job_that_ends_while_the_engine_is_gone_has_its_own_end(own_engine: MakeEngine, patient: Patient) -> None:
    """Its launcher has recorded it."""
    made = own_engine("--live-restore")
    run = started(patient(made)("import sys, time; print('up', flush=True); time.sleep(2); sys.exit(3)"))
    made.kill()
    ended(run)
    assert (run.record.reason, run.record.exit["exit_code"]) == (Reason.EXITED_NONZERO, 3)


@pytest.mark.soak
@pytest.mark.own_engine
def test_a_run_is_canceled_while_the_engine_is_gone(own_engine: MakeEngine, patient: Patient) -> None:
    """Its container's first process is known."""
    made = own_engine("--live-restore")
    run = started(patient(made)(SLEEPER))
    made.kill()
    run.cancel()
    assert ended(run).record.reason is Reason.CANCELED_BY_USER


@pytest.mark.own_engine
def test_a_run_is_canceled_while_the_engine_hangs(own_engine: MakeEngine, patient: Patient) -> None:
    """Its first process is told at once, not when somebody has lost patience with the engine."""
    made = own_engine("--live-restore")
    run = started(patient(made)(SLEEPER))
    assert made.pid is not None
    os.kill(made.pid, signal.SIGSTOP)
    try:
        run.cancel()
        wait_for(lambda: not processes.lock_is_held(run._folder.layout.launch_lock), "the job's end", 20)
    finally:
        os.kill(made.pid, signal.SIGCONT)
    assert ended(run).record.reason is Reason.CANCELED_BY_USER


@pytest.mark.own_engine
def test_an_engine_that_does_not_come_back_ends_the_run_after_a_while(own_engine: MakeEngine, patient: Patient) -> None:
    """It took the job with it, and nobody can say more."""
    made = own_engine()
    run = started(patient(made, patience=1.0)(SLEEPER))
    made.stop()
    ended(run)
    assert (run.record.state, run.record.reason) == (State.FAILED, Reason.ENGINE_LOST), run.get_details()


@pytest.mark.own_engine
def test_whoever_submits_while_the_engine_is_down_is_told_at_once(own_engine: MakeEngine, patient: Patient) -> None:
    """And no run is made."""
    made = own_engine()
    submit = patient(made)
    made.stop()
    with pytest.raises(EngineException, match=f"there is no container engine at {made.running}"):
        submit(SLEEPER)


@pytest.mark.own_engine
def test_an_engine_that_is_gone_when_a_run_is_to_start_fails_it_by_that_name(
    own_engine: MakeEngine, patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing of it is started afterwards, when the engine is back."""
    made = own_engine()
    submit = patient(made)
    run = stopped_before_launch(submit, monkeypatch, tmp_path)
    made.kill()
    dispatcher_of(run.workspace).send_signal(signal.SIGCONT)
    ended(run)
    assert run.record.reason is Reason.LAUNCH_FAILED, run.get_details()
    assert "container engine" in run.record.detail
    assert stdout_of(run) == ""


# ------------------------------------------------------------------------------------- its disk is full

#: What the base image takes, and what a job's container and an environment need beside it.
DISK_BYTES = 900 << 20


def fill(engine: OwnEngine, leave: int = 0) -> Path:
    """Fill the disk of an engine but for some bytes; returns what fills it."""
    filler = engine.data / "filler"
    status = os.statvfs(engine.data)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - leave)
    return filler


@pytest.mark.own_engine
def test_a_disk_that_is_full_as_the_container_is_made_is_waited_for(own_engine: MakeEngine, patient: Patient) -> None:
    """The run says so, and goes on once there is room."""
    made = own_engine(disk_bytes=DISK_BYTES)
    submit = patient(made)
    ended(submit("print('the image is known')"))
    filler = fill(made)
    run = submit("print('went on')")
    wait_for(lambda: "the disk of the container engine is full" in run.record.detail, "the run to say so")
    assert not run.record.state.terminal
    filler.unlink()
    assert ended(run).record.state is State.COMPLETED, run.get_details()
    assert stdout_of(run) == "went on\n"


@pytest.mark.own_engine
@pytest.mark.parametrize("form", first_in_ci(["volume", "image"]))
def test_a_disk_that_is_full_as_the_environment_is_built_is_named(
    own_engine: MakeEngine, patient: Patient, shelf: Shelf, form: str
) -> None:
    """The build's last lines do not have to be read to know why; with room again, the same submit works."""
    shelf.wheel("alpha", "1.0")
    made = own_engine(disk_bytes=DISK_BYTES)
    submit = patient(made, settings=f'[packages]\nfind_links = ["{shelf.folder}"]\noffline = true\n', form=form)
    ended(submit("print('the image is known')"))
    environment = Environment("alpha")
    environment.python.conda_dependencies.add_pip_package("alpha")
    filler = fill(made, leave=4 << 20)
    run = ended(submit("import alpha; print(alpha.version)", environment=environment))
    assert run.record.reason is Reason.ENVIRONMENT_FAILED, run.get_details()
    assert "the disk of the container engine is full" in run.record.detail
    filler.unlink()
    again = ended(submit("import alpha; print(alpha.version)", environment=environment))
    assert stdout_of(again) == "1.0\n", again.get_details()


@pytest.mark.own_engine
def test_a_disk_that_the_job_itself_fills_ends_it_and_loses_nothing(own_engine: MakeEngine, patient: Patient) -> None:
    """What it writes outside of its outputs lies on the engine's disk; its outputs and metrics do not."""
    made = own_engine(disk_bytes=DISK_BYTES)
    submit = patient(made)
    run = ended(
        submit(
            """
            from traindock import Run
            run = Run.get_context()
            open("outputs/before", "w").write("kept")
            run.log("loss", 0.5)
            with open("/tmp/checkpoint", "wb") as file:
                while True:
                    file.write(bytes(1 << 20))
            """
        )
    )
    assert run.record.reason is Reason.EXITED_NONZERO
    assert "No space left on device" in run.record.detail
    assert (run.path / "outputs" / "before").read_text() == "kept"
    assert list(run.metrics.values("loss")) == [0.5]
    assert stdout_of(ended(submit("print('next')"))) == "next\n", "its container went, and what it wrote"

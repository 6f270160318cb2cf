"""What happens to a run when its container, its memory, its engine or its dispatcher does not play along."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest
from tests.conftest import dispatcher_of, end_everything_in, kill, make_workspace, wait_for
from tests.docker.conftest import MakeEngine
from tests.docker.jobs import Submit, add_target, container_of, ended, stdout_of, submitter

from traindock import Run, State, Workspace
from traindock.compute.docker.naming import container_name
from traindock.dispatcher import start
from traindock.states import Reason

Patient = Callable[..., Submit]

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
MEGABYTES = 128


@pytest.fixture
def submit(workspace: Workspace, engine_url: str, tmp_path: Path) -> Submit:
    add_target(workspace, engine_url)
    return submitter(workspace, tmp_path)


def started(run: Run) -> Run:
    """Wait until the script of `SLEEPER` runs, and the dispatcher follows it."""
    wait_for(lambda: "up" in stdout_of(run) and run.record.state is State.RUNNING, "the script")
    return run


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda container: container.kill(), "killed from outside"),
        (lambda container: container.stop(timeout=20), "stopped from outside"),
        (lambda container: container.remove(force=True), "from outside Traindock (docker"),
    ],
    ids=["kill", "stop", "rm"],
)
def test_a_container_that_somebody_else_ends(
    submit: Submit, engine: docker.DockerClient, harm: Callable[[Any], None], says: str
) -> None:
    """The run fails, says so, and keeps what it wrote."""
    run = started(submit("open('outputs/x', 'w').close()\n" + SLEEPER))
    harm(container_of(engine, run))
    ended(run)
    assert (run.record.state, run.record.reason) == (State.FAILED, Reason.KILLED_BY_SIGNAL)
    assert says in run.record.detail
    assert "outputs/x" in run.get_file_names()
    wait_for(lambda: container_of(engine, run) is None, "the container to be removed")


HOG = "b'x' * (1 << 30)"
CHILD = f"""
    import subprocess, sys
    code = subprocess.call([sys.executable, "-c", "{HOG}"])
    print("child", code)
    sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("script", "arguments", "reason"),
    [
        (HOG, (), Reason.OUT_OF_MEMORY),
        (CHILD, ("5",), Reason.OUT_OF_MEMORY),
        (CHILD, ("0",), Reason.FINISHED),
    ],
    ids=["script", "child-and-script", "child-only"],
)
def test_memory_that_does_not_suffice(
    workspace: Workspace, engine_url: str, tmp_path: Path, script: str, arguments: tuple[str, ...], reason: Reason
) -> None:
    """The text has the limit and the peak; a script that bears it completes, with a warning."""
    add_target(workspace, engine_url, memory=MEGABYTES << 20)
    run = ended(submitter(workspace, tmp_path)(script, *arguments))
    assert run.record.reason is reason, run.get_details()
    said = run.record.detail if reason is Reason.OUT_OF_MEMORY else " ".join(run.record.warnings)
    assert "killed for memory" in said
    assert f"its node has {MEGABYTES} MiB, its peak was {MEGABYTES} MiB" in said


def test_a_script_that_ignores_sigterm_is_killed_after_its_grace_time(submit: Submit) -> None:
    """By its launcher."""
    run = started(submit("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPER))
    run.cancel()
    assert ended(run).record.reason is Reason.CANCELED_BY_USER


def test_a_launcher_that_hangs_is_killed_with_its_container(submit: Submit) -> None:
    """It was stopped, so that it hears nothing."""
    run = started(submit("import os, signal; os.kill(os.getppid(), signal.SIGSTOP)\n" + SLEEPER))
    run.cancel()
    assert ended(run).record.reason is Reason.CANCELED_BY_USER


def test_a_container_of_another_by_the_same_name_is_named_and_left_alone(
    submit: Submit, engine: docker.DockerClient, base_image: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only what carries the run's labels is ever touched."""
    run = stopped_before_launch(submit, monkeypatch, tmp_path)
    name = container_name(run.id, 1)
    foreign = engine.containers.create(base_image, ["true"], name=name)
    try:
        dispatcher_of(run.workspace).send_signal(signal.SIGCONT)
        ended(run)
        assert run.record.reason is Reason.LAUNCH_FAILED
        assert f"a container {name!r} that is not this run's" in run.record.detail
        assert engine.containers.get(name).id == foreign.id
    finally:
        foreign.remove(force=True)


def test_an_image_that_was_removed_before_the_launch_is_looked_for_once_more(
    workspace: Workspace,
    engine: docker.DockerClient,
    engine_url: str,
    base_image: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Another one of its name is there by then."""
    add_target(workspace, engine_url)
    name = f"traindock-test/vanishing:{os.urandom(4).hex()}"
    first = labelled(engine, base_image, name, "first")
    text = workspace.layout.settings.read_text().replace(f'"{base_image}"', f'"{name}"')
    workspace.layout.settings.write_text(text)
    run = stopped_before_launch(submitter(workspace, tmp_path), monkeypatch, tmp_path)
    second = labelled(engine, base_image, name, "second")
    engine.images.remove(first, force=True)
    try:
        dispatcher_of(workspace).send_signal(signal.SIGCONT)
        assert started(run).record.state is State.RUNNING
        assert container_of(engine, run).attrs["Image"] == second
        run.cancel()
        ended(run)
    finally:
        engine.images.remove(name, force=True)


def labelled(engine: docker.DockerClient, base: str, name: str, label: str) -> str:
    """Make an image of its own upon another one; returns its id."""
    import io

    dockerfile = f"FROM {base}\nLABEL traindock.test.which={label}-{name.replace(':', '-')}\n"
    image, _ = engine.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=name, rm=True, forcerm=True)
    return str(image.id)


def stopped_before_launch(submit: Submit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Submit a run whose dispatcher stops just before it would launch it."""
    once = tmp_path / "once"
    monkeypatch.setenv("TRAINDOCK_FAULT", "dispatcher.before-launch:stop")
    monkeypatch.setenv("TRAINDOCK_FAULT_ONCE", str(once))
    run = submit(SLEEPER)
    wait_for(once.exists, "the dispatcher to come to the launch")
    wait_for(lambda: dispatcher_of(run.workspace).status() == psutil.STATUS_STOPPED, "the dispatcher to stop")
    monkeypatch.delenv("TRAINDOCK_FAULT")
    return run


def test_a_mount_that_is_gone_is_named(workspace: Workspace, engine_url: str, tmp_path: Path) -> None:
    """Nothing is made in its place."""
    source = tmp_path / "data"
    add_target(workspace, engine_url, mounts=[[str(source), "/data", True]])
    run = ended(submitter(workspace, tmp_path)("pass"))
    assert run.record.reason is Reason.LAUNCH_FAILED
    assert str(source) in run.record.detail
    assert not source.exists()


POINTS = ["docker.created", "docker.started", "dispatcher.after-launch", "dispatcher.running"]


@pytest.mark.parametrize("point", POINTS)
def test_a_dispatcher_that_dies_at_a_step_of_the_launch(
    submit: Submit, engine: docker.DockerClient, point: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The next one goes on: the script runs once, and no container is left."""
    once = tmp_path / "once"
    monkeypatch.setenv("TRAINDOCK_FAULT", f"{point}:kill")
    monkeypatch.setenv("TRAINDOCK_FAULT_ONCE", str(once))
    run = submit(
        """
        import os, time
        os.close(os.open(os.environ["HOME"] + "/" + os.environ["TRAINDOCK_RUN_ID"], os.O_CREAT | os.O_EXCL))
        for number in range(100):
            print("line", number)
            time.sleep(0.005)
        """
    )
    wait_for(once.exists, f"the dispatcher to come to {point}")
    monkeypatch.delenv("TRAINDOCK_FAULT")
    ended(run)
    assert run.record.state is State.COMPLETED, run.get_details()
    assert stdout_of(run).splitlines() == [f"line {number}" for number in range(100)]
    wait_for(lambda: container_of(engine, run) is None, "the container to be removed")


def test_a_dispatcher_that_is_killed_while_it_follows_is_succeeded(submit: Submit) -> None:
    """The job does not notice."""
    run = started(
        submit(
            """
            import os, time
            print("up", flush=True)
            while not os.path.exists("outputs/go"):
                time.sleep(0.01)
            print("down")
            """
        )
    )
    kill(dispatcher_of(run.workspace))
    (run.path / "work" / "outputs" / "go").touch()
    start.ensure(run.workspace.layout)
    assert ended(run).record.state is State.COMPLETED, run.get_details()
    assert stdout_of(run) == "up\ndown\n"


def test_a_dispatcher_removes_what_its_predecessor_left_of_runs_that_have_ended(
    submit: Submit, engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It died after the run's end was recorded, and before the container was removed."""
    run = started(submit("import time; print('up', flush=True); time.sleep(0.3)"))
    container = container_of(engine, run)
    container.pause()  # so that it is still there when the dispatcher is killed
    kill(dispatcher_of(run.workspace))
    container.unpause()
    container.wait()
    start.ensure(run.workspace.layout)
    assert ended(run).record.state is State.COMPLETED
    wait_for(lambda: container_of(engine, run) is None, "the container to be removed")


# ------------------------------------------------------------------------------------- the engine itself


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    """Make a workspace with a target on an engine of the test's own."""
    made: list[Workspace] = []

    def make(url: str, base_image: str, patience: float = 60.0) -> Submit:
        workspace = make_workspace(tmp_path / "workspace")
        made.append(workspace)
        with workspace.layout.settings.open("a") as file:
            file.write(f'[docker]\nbase_image = "{base_image}"\npatience_seconds = {patience}\n')
        add_target(workspace, url, network="none")
        return submitter(workspace, tmp_path)

    yield make
    for workspace in made:
        end_everything_in(workspace)


@pytest.mark.own_engine
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_engine_that_is_restarted_ends_the_run_by_that_name(
    own_engine: MakeEngine, patient: Patient, how: str
) -> None:
    """And not as exit code 137, whichever way it went down."""
    made = own_engine()
    run = started(patient(made.url, made.base_image)(SLEEPER))
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
        patient(made.url, made.base_image)(
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
    run = started(
        patient(made.url, made.base_image)("import sys, time; print('up', flush=True); time.sleep(2); sys.exit(3)")
    )
    made.kill()
    ended(run)
    assert (run.record.reason, run.record.exit["exit_code"]) == (Reason.EXITED_NONZERO, 3)


@pytest.mark.own_engine
def test_a_run_is_canceled_while_the_engine_is_gone(own_engine: MakeEngine, patient: Patient) -> None:
    """Its container's first process is known."""
    made = own_engine("--live-restore")
    run = started(patient(made.url, made.base_image)(SLEEPER))
    made.kill()
    run.cancel()
    assert ended(run).record.reason is Reason.CANCELED_BY_USER


@pytest.mark.own_engine
def test_an_engine_that_does_not_come_back_ends_the_run_after_a_while(own_engine: MakeEngine, patient: Patient) -> None:
    """It took the job with it, and nobody can say more."""
    made = own_engine()
    run = started(patient(made.url, made.base_image, patience=1.0)(SLEEPER))
    made.stop()
    ended(run)
    assert (run.record.state, run.record.reason) == (State.FAILED, Reason.ENGINE_LOST), run.get_details()

"""What happens to a run when its container, its memory, its engine or its dispatcher does not play along."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from tests.conftest import dispatcher_of, first_in_ci, kill, wait_for
from tests.docker.jobs import (
    TARGET,
    Submit,
    add_target,
    check_nothing_is_left,
    container_of,
    ended,
    labelled,
    stdout_of,
    stopped_before_launch,
    submitter,
)

from traindock import ComputeTarget, ComputeTargetException, Run, State, Workspace
from traindock.compute.docker.naming import container_name
from traindock.dispatcher import start
from traindock.states import Reason
from traindock.store import computes

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
MEGABYTES = 128


@pytest.fixture(autouse=True)
def nothing_is_left(workspace: Workspace, engine: docker.DockerClient) -> Iterator[None]:
    """After each of these tests, whatever was done to the run."""
    yield
    check_nothing_is_left(engine, workspace)


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
@pytest.mark.needs("control_groups")
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


@pytest.mark.core
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


def replace_base(workspace: Workspace, old: str, new: str) -> None:
    """Let runs of the workspace take another image for their base."""
    text = workspace.layout.settings.read_text()
    workspace.layout.settings.write_text(text.replace(f'"{old}"', f'"{new}"'))


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
    replace_base(workspace, base_image, name)
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


def test_an_image_that_was_removed_and_that_nobody_can_have_again_is_named(
    workspace: Workspace,
    engine: docker.DockerClient,
    engine_url: str,
    base_image: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It is in no registry."""
    add_target(workspace, engine_url)
    name = f"localhost/traindock-test/vanishing:{os.urandom(4).hex()}"
    image = labelled(engine, base_image, name, "only")
    replace_base(workspace, base_image, name)
    run = stopped_before_launch(submitter(workspace, tmp_path), monkeypatch, tmp_path)
    engine.images.remove(image, force=True)
    dispatcher_of(workspace).send_signal(signal.SIGCONT)
    ended(run)
    assert (run.record.state, run.record.reason) == (State.FAILED, Reason.ENVIRONMENT_FAILED), run.get_details()
    assert name in run.record.detail


@pytest.mark.core
def test_a_mount_that_is_gone_is_named_at_submit(workspace: Workspace, engine_url: str, tmp_path: Path) -> None:
    """Nothing is made in its place."""
    source = tmp_path / "data"
    add_target(workspace, engine_url, mounts=[[str(source), "/data", True]])
    with pytest.raises(ComputeTargetException, match=f"{source}, which the compute target mounts .* is not there"):
        submitter(workspace, tmp_path)("pass")
    assert not source.exists()


def test_a_mount_that_vanishes_before_the_launch_is_named(
    workspace: Workspace, engine_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Podman would make an empty folder in its place."""
    source = tmp_path / "data"
    source.mkdir()
    add_target(workspace, engine_url, mounts=[[str(source), "/data", True]])
    run = stopped_before_launch(submitter(workspace, tmp_path), monkeypatch, tmp_path)
    source.rmdir()
    dispatcher_of(workspace).send_signal(signal.SIGCONT)
    ended(run)
    assert run.record.reason is Reason.LAUNCH_FAILED
    assert f"{source}, which the compute target mounts" in run.record.detail
    assert not source.exists()


def test_a_mount_that_vanishes_while_the_job_runs_does_not_end_it(
    workspace: Workspace, engine_url: str, tmp_path: Path
) -> None:
    """What is mounted stays, until nobody has it mounted any more."""
    source = tmp_path / "data"
    source.mkdir()
    add_target(workspace, engine_url, mounts=[[str(source), "/data", False]])
    run = started(
        submitter(workspace, tmp_path)(
            """
            import os, time
            print("up", flush=True)
            while not os.path.exists("outputs/go"):
                time.sleep(0.01)
            print(os.listdir("/data"))
            """
        )
    )
    source.rmdir()
    (run.path / "work" / "outputs" / "go").touch()
    assert ended(run).record.state is State.COMPLETED, run.get_details()
    assert stdout_of(run) == "up\n[]\n"


POINTS = ["docker.created", "dispatcher.running", "docker.started", "dispatcher.after-launch"]


@pytest.mark.core
@pytest.mark.parametrize("point", first_in_ci(POINTS, 2))
def test_a_dispatcher_that_dies_at_a_step_of_the_launch(
    submit: Submit, point: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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


@pytest.mark.core
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


@pytest.mark.core
@pytest.mark.parametrize(
    "point", first_in_ci(["dispatcher.after-seal", "dispatcher.before-seal", "dispatcher.before-clean"])
)
def test_the_container_stays_until_the_run_is_sealed_and_recorded(
    submit: Submit, engine: docker.DockerClient, point: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever dies in between leaves it to the next dispatcher, which may have to ask what became of it."""
    once = tmp_path / "once"
    monkeypatch.setenv("TRAINDOCK_FAULT", f"{point}:kill")
    monkeypatch.setenv("TRAINDOCK_FAULT_ONCE", str(once))
    run = submit("open('outputs/x', 'w').write('x'); import sys; sys.exit(3)")
    first = dispatcher_of(run.workspace)
    wait_for(once.exists, f"the dispatcher to come to {point}")
    wait_for(lambda: container_of(engine, run).status == "exited", "the container's end")
    monkeypatch.delenv("TRAINDOCK_FAULT")
    first.wait(10)
    assert run.record.state.terminal == (point == "dispatcher.before-clean")
    start.ensure(run.workspace.layout)
    assert (ended(run).record.reason, run.record.exit["exit_code"]) == (Reason.EXITED_NONZERO, 3)
    assert "outputs/x" in run.get_file_names()


@pytest.mark.needs("control_groups")
def test_a_dispatcher_removes_what_its_predecessor_left_of_runs_that_have_ended(
    submit: Submit, engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It was killed while the job came to its end."""
    script = "import os, time\nprint('up', flush=True)\nwhile not os.path.exists('outputs/go'):\n    time.sleep(0.01)"
    run = started(submit(script))
    container = container_of(engine, run)
    container.pause()  # so that it is still there when the dispatcher is killed
    kill(dispatcher_of(run.workspace))
    (run.path / "work" / "outputs" / "go").touch()
    container.unpause()
    container.wait()
    start.ensure(run.workspace.layout)
    assert ended(run).record.state is State.COMPLETED


@pytest.mark.parametrize("point", ["docker.created", "dispatcher.before-clean"])
def test_a_dispatcher_removes_what_is_left_on_a_target_that_was_deleted_meanwhile(
    submit: Submit, engine: docker.DockerClient, point: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    once = tmp_path / "once"
    monkeypatch.setenv("TRAINDOCK_FAULT", f"{point}:kill")
    monkeypatch.setenv("TRAINDOCK_FAULT_ONCE", str(once))
    run = submit("print('up')")
    first = dispatcher_of(run.workspace)
    wait_for(once.exists, f"the dispatcher to come to {point}")
    monkeypatch.delenv("TRAINDOCK_FAULT")
    first.wait(10)
    assert container_of(engine, run) is not None

    ComputeTarget(run.workspace, TARGET).delete()
    start.ensure(run.workspace.layout)

    wait_for(lambda: container_of(engine, run) is None, "the container to be removed")
    assert ended(run).record.state is (State.FAILED if point == "docker.created" else State.COMPLETED)
    kill(dispatcher_of(run.workspace))
    start.ensure(run.workspace.layout)
    wait_for(lambda: not computes.former(run.workspace.layout), "the former target to be forgotten")

"""Containers that are made while their runs wait for a node, so that they need only be started when one is free."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from tests.conftest import dispatcher_of, kill, wait_for
from tests.docker.jobs import (
    Submit,
    add_target,
    check_nothing_is_left,
    container_of,
    ended,
    stdout_of,
    submitter,
)

from traindock import Run, State, Workspace
from traindock.dispatcher import start

HOLDS = """
    import os, time
    print("up", flush=True)
    while not os.path.exists(GO):
        time.sleep(0.01)
"""


@pytest.fixture(autouse=True)
def nothing_is_left(workspace: Workspace, engine: docker.DockerClient) -> Iterator[None]:
    """After each of these tests."""
    yield
    check_nothing_is_left(engine, workspace)


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """The file that ends the run that has the only node."""
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks" / "go"


@pytest.fixture
def submit(workspace: Workspace, engine_url: str, tmp_path: Path, go: Path) -> Submit:
    add_target(workspace, engine_url, max_nodes=1, mounts=[[str(go.parent), str(go.parent), False]])
    return submitter(workspace, tmp_path)


@pytest.fixture
def holder(submit: Submit, go: Path) -> Run:
    """The run that has the only node."""
    run = submit(HOLDS.replace("GO", repr(str(go))))
    wait_for(lambda: "up" in stdout_of(run), "the first run to run")
    return run


def made(engine: docker.DockerClient, run: Run) -> Any:
    """Wait for a waiting run's container, and return it."""
    found = wait_for(lambda: container_of(engine, run), "its container")
    assert (found.status, run.record.state) == ("created", State.QUEUED)
    return found


def test_the_container_that_was_made_ahead_is_the_one_that_is_started(
    submit: Submit, holder: Run, engine: docker.DockerClient, go: Path
) -> None:
    second = submit("import socket, os; print(socket.gethostname(), os.getcwd())\nopen('outputs/x', 'w').write('1')")
    container = made(engine, second)
    third = submit("print('third')")  # only now: on a busy machine it might be there first, and get ready
    wait_for(lambda: third.record.detail, "the third run to wait")
    assert container_of(engine, third) is None, "there is one node, for which one gets ready"
    assert holder.record.state is State.RUNNING
    starts = engine.events(filters={"container": container.id, "event": "start"}, decode=True)
    go.touch()
    assert next(starts)["id"] == container.id
    starts.close()
    for run in (holder, second, third):
        assert ended(run).record.state is State.COMPLETED, run.get_details()
    assert stdout_of(second).split()[1] == str(second.path / "work")
    assert "outputs/x" in second.get_file_names()


def test_a_container_that_was_removed_meanwhile_is_made_again(
    submit: Submit, holder: Run, engine: docker.DockerClient, go: Path
) -> None:
    """By `docker container prune`, say."""
    second = submit("print('second')")
    made(engine, second).remove()
    go.touch()
    assert ended(second).record.state is State.COMPLETED, second.get_details()
    assert stdout_of(second) == "second\n"


def test_a_container_that_somebody_has_started_meanwhile_runs_its_script_once(
    submit: Submit, holder: Run, engine: docker.DockerClient, go: Path
) -> None:
    second = submit("print('second', flush=True)")
    container = made(engine, second)
    container.start()
    wait_for(lambda: stdout_of(second), "its script to run")
    go.touch()
    assert ended(second).record.state is State.COMPLETED, second.get_details()
    assert stdout_of(second) == "second\n"


def test_a_run_that_is_canceled_while_it_waits_leaves_no_container(
    submit: Submit, holder: Run, engine: docker.DockerClient, go: Path
) -> None:
    second = submit("print('never')")
    made(engine, second)
    second.cancel()
    assert ended(second).record.state is State.CANCELED
    wait_for(lambda: container_of(engine, second) is None, "its container to be removed")
    assert not stdout_of(second)
    go.touch()
    ended(holder)


def test_a_dispatcher_that_is_killed_leaves_what_it_made_ahead_to_the_next_one(
    submit: Submit, holder: Run, engine: docker.DockerClient, go: Path
) -> None:
    second = submit("print('second')")
    container = made(engine, second)
    kill(dispatcher_of(second.workspace))
    start.ensure(second.workspace.layout)
    again = wait_for(lambda: (found := container_of(engine, second)) and found.id != container.id and found, "another")
    assert again.status == "created"
    go.touch()
    for run in (holder, second):
        assert ended(run).record.state is State.COMPLETED, run.get_details()
    assert stdout_of(second) == "second\n"

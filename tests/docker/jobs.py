"""Submitting scripts into containers, for the tests of this folder."""

from __future__ import annotations

import io
import os
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest
from tests.conftest import dispatcher_of, processes_of, wait_for

from traindock import Environment, Experiment, Run, ScriptRunConfig, State, Workspace
from traindock.compute.docker.naming import RUN, WORKSPACE
from traindock.store import computes

TARGET = "containers"

#: The states of a run that completes.
WHOLE_LIFE = [
    State.NOT_STARTED,
    State.PREPARING,
    State.QUEUED,
    State.RUNNING,
    State.FINALIZING,
    State.COMPLETED,
]

Submit = Callable[..., Run]


def as_it_is() -> Environment:
    """The Python of the base image as it is: nothing is built."""
    environment = Environment("as-it-is")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = "/usr/bin/python3"
    return environment


def add_target(workspace: Workspace, engine_url: str, **settings: Any) -> None:
    """Give a workspace a compute target of containers on an engine."""
    record: computes.ComputeRecord = {
        "kind": "docker",
        "settings": {"engine": engine_url, "max_nodes": 4, **settings},
        "created": time.time(),
    }
    computes.change(workspace.layout, lambda records: records.update({TARGET: record}))


def submitter(workspace: Workspace, folder: Path) -> Submit:
    """Return a function that submits scripts given as text into containers."""
    count = iter(range(1_000_000))

    def submit(script: str, *arguments: Any, **options: Any) -> Run:
        source = folder / f"source-{next(count)}"
        source.mkdir()
        (source / "train.py").write_text(textwrap.dedent(script), "utf-8")
        options.setdefault("environment", as_it_is())
        config = ScriptRunConfig(source, "train.py", list(arguments), compute_target=TARGET, **options)
        return Experiment(workspace, "tests").submit(config)

    return submit


def containers_of(client: docker.DockerClient, label: str) -> list[Any]:
    """Return the containers with this label as docker-py shows them, running or not."""
    from docker.errors import APIError

    found = []
    for one in client.api.containers(all=True, filters={"label": label}):
        try:
            found.append(client.containers.get(one["Id"]))
        except APIError as error:  # removed meanwhile; Podman has two words for that
            if error.status_code != 404 and "no such container" not in str(error.explanation):
                raise
    return found


def container_of(client: docker.DockerClient, run: Run) -> Any:
    """Return a run's container as docker-py shows it, or None."""
    found = containers_of(client, f"{RUN}={run.id}")
    return found[0] if found else None


def check_nothing_is_left(client: docker.DockerClient, workspace: Workspace) -> None:
    """Check that all runs have ended, and that neither containers nor processes nor files of others stay behind."""
    assert all(run.record.state.terminal for run in Run.list(workspace))
    wait_for(lambda: not containers_of(client, f"{WORKSPACE}={workspace.id}"), "the containers to be removed")
    jobs = [found for found in processes_of(workspace) if "traindock.dispatcher" not in found.info["cmdline"]]
    assert not [found for found in jobs if found.is_running()]
    owners = {path.lstat().st_uid for path in (workspace.layout.root, *workspace.layout.root.rglob("*"))}
    assert owners == {os.getuid()}, "the submitter owns all of it, whoever the engine and its containers are"


def stdout_of(run: Run) -> str:
    """Return what a run's script has printed until now."""
    try:
        return (run.path / "driver" / "stdout.txt").read_text("utf-8", "replace")
    except FileNotFoundError:
        return ""


def ended(run: Run) -> Run:
    """Wait for a run's end and return it."""
    run.wait_for_completion(raise_on_error=False)
    return run


def stopped_before_launch(submit: Submit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Submit a run whose dispatcher stops just before it would launch it."""
    once = tmp_path / "once"
    monkeypatch.setenv("TRAINDOCK_FAULT", "dispatcher.before-launch:stop")
    monkeypatch.setenv("TRAINDOCK_FAULT_ONCE", str(once))
    run = submit("import time; print('up', flush=True); time.sleep(600)")
    wait_for(once.exists, "the dispatcher to come to the launch")
    wait_for(lambda: dispatcher_of(run.workspace).status() == psutil.STATUS_STOPPED, "the dispatcher to stop")
    monkeypatch.delenv("TRAINDOCK_FAULT")
    return run


def labelled(engine: docker.DockerClient, base: str, name: str, label: str) -> str:
    """Make an image of its own upon another one; returns its id."""
    dockerfile = f"FROM {base}\nLABEL traindock.test.which={label}-{name.replace(':', '-')}\n"
    image, _ = engine.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=name, rm=True, forcerm=True)
    return str(image.id)

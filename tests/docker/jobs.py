"""Submitting scripts into containers, for the tests of this folder."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker

from traindock import Environment, Experiment, Run, ScriptRunConfig, Workspace
from traindock.compute.docker.naming import RUN
from traindock.store import computes

TARGET = "containers"

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


def container_of(client: docker.DockerClient, run: Run) -> Any:
    """Return a run's container as docker-py shows it, or None."""
    found = client.containers.list(all=True, filters={"label": f"{RUN}={run.id}"}, ignore_removed=True)
    return found[0] if found else None


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

"""What containers use, as the dispatcher sees it, on a real engine."""

from __future__ import annotations

import time
from pathlib import Path

import docker
import pytest
from tests.conftest import wait_for
from tests.docker.jobs import add_target, container_of, ended, stdout_of, submitter

from traindock import Workspace
from traindock.compute.docker import cancelling, measuring
from traindock.compute.docker.backend import DockerBackend
from traindock.compute.docker.engine import connect

HOLDER = """
    import os, time
    if os.fork() == 0:
        held = b"x" * 100_000_000
        print("holds it", flush=True)
        while not os.path.exists("outputs/go"):
            pass
        os._exit(0)
    os.wait()
"""


@pytest.mark.needs("control_groups")
def test_a_run_tells_what_its_container_used_and_may_use(
    workspace: Workspace, engine: docker.DockerClient, engine_url: str, tmp_path: Path
) -> None:
    """All of its processes together, with limits that are the node's and not the machine's."""
    add_target(workspace, engine_url, memory=400 << 20, cpus=0.5)
    run = submitter(workspace, tmp_path)(HOLDER)
    wait_for(lambda: stdout_of(run), "the script")
    used = wait_for(lambda: (found := run.get_resources()).get("cpu", {}).get("peak") and found, "what it uses")
    wait_for(lambda: run.get_resources()["memory"]["peak"] > 100e6, "what it holds")
    (run.path / "outputs" / "go").touch()
    ended(run)

    assert (used["memory"]["limit"], used["memory"]["limit_of"]) == (400 << 20, "container")
    assert (used["cpu"]["limit"], used["cpu"]["limit_of"]) == (0.5, "container")
    assert run.record.resources["memory"]["peak"] < 200e6, "files that were read do not count"
    assert 0 < run.record.resources["cpu"]["peak"] < 0.8


@pytest.mark.needs("control_groups")
def test_where_its_control_group_cannot_be_seen_the_engine_says_the_same(
    workspace: Workspace,
    engine: docker.DockerClient,
    engine_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in an engine's virtual machine, or where the dispatcher itself is in a container."""
    add_target(workspace, engine_url, memory=400 << 20, cpus=0.5)
    run = submitter(workspace, tmp_path)(HOLDER)
    wait_for(lambda: stdout_of(run), "the script")
    job = workspace.job(run.record)
    backend = DockerBackend("containers", {"engine": engine_url, "memory": 400 << 20, "cpus": 0.5})
    seen = backend.measure(job, ())
    monkeypatch.setattr(measuring, "use_of_group", lambda *_: None)
    begun = time.monotonic()
    told = backend.measure(job, ())
    took = time.monotonic() - begun

    assert seen is not None
    assert told is not None
    assert (told.cpus, told.memory) == (seen.cpus, seen.memory)
    assert told.memory_bytes == pytest.approx(seen.memory_bytes, abs=20e6)
    assert told.cpu_seconds is not None
    assert told.cpu_seconds >= (seen.cpu_seconds or 0) > 0
    assert took < 1.5, "the engine was asked to compare two looks"
    (run.path / "outputs" / "go").touch()
    ended(run)
    assert backend.measure(job, ()) is None


@pytest.mark.needs("control_groups")
def test_the_engine_is_not_asked_for_what_the_machine_shows(
    workspace: Workspace,
    engine: docker.DockerClient,
    engine_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A look costs microseconds, and works while the engine is stopped."""
    add_target(workspace, engine_url)
    run = submitter(workspace, tmp_path)(HOLDER)
    wait_for(lambda: stdout_of(run), "the script")
    job = workspace.job(run.record)
    container = connect(engine_url).api.inspect_container(container_of(engine, run).id)
    main = measuring.containers.main_process(container)
    assert main is not None
    monkeypatch.setitem(cancelling.mains, cancelling.key_of(job), main)
    monkeypatch.setattr(measuring, "connect", lambda url: pytest.fail("it was asked"))
    found = DockerBackend("containers", {"engine": engine_url}).measure(job, ())
    assert found is not None
    assert found.memory is not None
    assert found.memory.of == "machine"
    (run.path / "outputs" / "go").touch()
    ended(run)

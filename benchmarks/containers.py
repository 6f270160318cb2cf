"""Containers for rows to measure in, and ``docker run`` beside them: the same image, the same limits."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.errors import NotFound
from tests.docker import base_images, engines

from benchmarks.harness import Bench
from benchmarks.workspaces import workspace_of
from traindock import ComputeTarget, DockerCompute, Experiment, Run, ScriptRunConfig, Workspace
from traindock.compute.docker import containers
from traindock.compute.docker.engine import Engine, connect
from traindock.compute.docker.naming import RUN, WORKSPACE
from traindock.errors import EngineException

TARGET = "containers"
#: What each job may use, where the machine has twice as much; see :func:`containers_of`.
MEMORY_BYTES = 4 << 30


@dataclass(frozen=True)
class Containers:
    """Where containers are measured.

    Attributes:
        engine: the engine.
        image: name of the image that both sides run.
        program: the ``docker`` command.
        label: of what is made beside Traindock's own, so that it is removed.
    """

    engine: Engine
    image: str
    program: str
    label: str

    def docker_run(self, options: Sequence[str], *command: str) -> str:
        """Run a container by the ``docker`` command; returns what it printed.

        Raises:
            RuntimeError: it failed; with its last words.
        """
        words = [self.program, "run", "--rm", "--label", self.label, *options, self.image, *command]
        done = subprocess.run(words, env=self.variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout

    @property
    def variables(self) -> dict[str, str]:
        """What the ``docker`` command finds the engine by."""
        return {**os.environ, "DOCKER_HOST": self.engine.url}

    def remove(self, label: str) -> None:
        """Remove the containers with a label."""
        for found in self.engine.api.containers(all=True, filters={"label": label}):
            containers.remove(self.engine, found["Id"], force=True)

    def remove_volume(self, name: str) -> None:
        """Remove a volume that this benchmark named; it is none of its user's."""
        with contextlib.suppress(NotFound):
            self.engine.api.remove_volume(name, force=True)


@dataclass(frozen=True)
class Contained:
    """A workspace whose jobs are containers.

    Attributes:
        containers: where they are.
        workspace: the workspace.
        source: the folder whose scripts are submitted.
        options: what ``docker run`` takes to give a container the same user, limits and rights as the jobs have;
            known once a job was planned, see :meth:`submit`.
    """

    containers: Containers
    workspace: Workspace
    source: Path
    options: list[str]

    def submit(self, script: str, *arguments: str) -> Run:
        """Submit a script of ``source``."""
        config = ScriptRunConfig(self.source, script, list(arguments), compute_target=TARGET)
        return Experiment(self.workspace, "bench").submit(config)

    def end(self, run: Run) -> None:
        """Wait until a run has completed and its container is gone, so that it costs the next one nothing.

        Raises:
            RuntimeError: it did not complete; with its reason and its last words.
        """
        run.wait_for_completion(raise_on_error=False)
        record = run.record
        if record.state.value != "Completed":
            raise RuntimeError(
                f"{run.id}: {record.state.value}, {record.reason}, {record.detail}: {printed(run)[-500:]}"
            )
        if not self.options:
            self.options.extend(run_options(json.loads((run.path / "plan.json").read_text())["request"]["body"]))
        api = self.containers.engine.api
        while found := api.containers(all=True, filters={"label": f"{RUN}={run.id}"}):
            with contextlib.suppress(NotFound):
                api.wait(found[0]["Id"], condition="removed")

    def beside(self, script: str, *arguments: str, options: Sequence[str] = ()) -> str:
        """Run a script of ``source`` by ``docker run``; returns what it printed."""
        place = ["--volume", f"{self.source}:{self.source}", "--workdir", str(self.source)]
        return self.containers.docker_run([*self.options, *place, *options], "python3", script, *arguments)


def printed(run: Run) -> str:
    """Return what a run's script has printed."""
    return (run.path / "driver" / "stdout.txt").read_text("utf-8", "replace")


def run_options(body: Mapping[str, Any]) -> list[str]:
    """Return the options of ``docker run`` for a container with a job's user, rights and limits.

    Args:
        body: of the request by which the job's container is made, as its plan has it. Its mounts, labels and command
            are the job's own.
    """
    host = body["HostConfig"]
    options = ["--user", body["User"], "--shm-size", str(host["ShmSize"]), "--network", host["NetworkMode"]]
    options += ["--init"] * bool(host["Init"])
    options += ["--read-only"] * bool(host["ReadonlyRootfs"])
    for option, several in (("--cap-drop", "CapDrop"), ("--security-opt", "SecurityOpt"), ("--group-add", "GroupAdd")):
        options += [word for value in host.get(several) or () for word in (option, value)]
    for option, one in (("--pids-limit", "PidsLimit"), ("--memory", "Memory"), ("--memory-swap", "MemorySwap")):
        options += [option, str(host[one])] if one in host else []
    options += ["--cpus", f"{host['NanoCpus'] / 1e9:g}"] if "NanoCpus" in host else []
    options += ["--userns", host["UsernsMode"]] if "UsernsMode" in host else []
    for folder, how in (host.get("Tmpfs") or {}).items():
        options += ["--tmpfs", f"{folder}:{how}"]
    return options


@contextmanager
def containers_of(bench: Bench) -> Iterator[Containers | None]:
    """Where containers can be measured; None where they cannot, which ``bench`` is told. What is made is removed."""
    found = _find(bench)
    try:
        yield found
    finally:
        if found is not None:
            found.remove(found.label)


@contextmanager
def contained(bench: Bench, max_nodes: int = 1) -> Iterator[Contained | None]:
    """A workspace of the benchmark's own with a compute target of containers; None as for :func:`containers_of`."""
    with containers_of(bench) as found:
        if found is None:
            yield None
            return
        with workspace_of(bench) as workspace:
            with workspace.layout.settings.open("a") as settings:
                settings.write(f"[docker]\nbase_image = {json.dumps(found.image)}\n")
            memory = min(MEMORY_BYTES, found.engine.facts().memory_bytes // 2)
            config = DockerCompute.provisioning_configuration(
                engine=found.engine.url, max_nodes=max_nodes, memory=memory
            )
            ComputeTarget.create(workspace, TARGET, config)
            source = bench.folder / "source"
            source.mkdir()
            try:
                yield Contained(found, workspace, source, [])
            finally:
                found.remove(f"{WORKSPACE}={workspace.id}")


def _find(bench: Bench) -> Containers | None:
    url = engines.find()
    if url is None:
        asked = ", ".join(engines.addresses())
        bench.skip(f"containers were not measured: no container engine answers at {asked} (as root: .ci/engine start)")
        return None
    program = shutil.which("docker")
    if program is None:
        bench.skip("containers were not measured: there is no docker command to compare with")
        return None
    try:
        engine = connect(url)
        image, _ = base_images.base_image(engine.client, bench.folder / "images.lock")
    except (EngineException, base_images.NoBaseImage) as error:
        bench.skip(f"containers were not measured: {error}")
        return None
    return Containers(engine, image, program, f"traindock.bench={secrets.token_hex(6)}")

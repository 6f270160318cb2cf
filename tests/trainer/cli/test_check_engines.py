"""`traindock doctor` tells of container engines before there is a compute target that has one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import as_ordinary_user

from traindock import ComputeTarget, DockerCompute, Workspace
from traindock.cli import check_engines, check_images
from traindock.compute.docker import addresses, engine
from traindock.compute.docker.facts import EngineFacts, EngineKind, facts_of
from traindock.errors import EngineUnreachableException

from .conftest import Cli

DOCKER = facts_of(
    {"ID": "AAAA", "Runtimes": {"runc": {}}, "MemoryLimit": True}, {"Version": "20.10.24", "ApiVersion": "1.41"}
)


class Machine:
    """The sockets of a machine that has none of its own, and what answers at them."""

    def __init__(self, folder: Path, sockets: ExitStack) -> None:
        self.folder = folder
        self._sockets = sockets
        self.places: list[Path] = []
        self.engines: dict[str, EngineFacts] = {}

    def place(self, name: str, facts: EngineFacts | None = None) -> str:
        """Add a customary place with a socket, at which an engine answers if there are facts; return its address."""
        path = self.folder / name
        listener = self._sockets.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen()
        self.places.append(path)
        if facts is not None:
            self.engines[f"unix://{path}"] = facts
        return f"unix://{path}"

    def hello(self, url: str) -> dict[str, Any]:
        """Stand in for an engine's first answer."""
        if url not in self.engines:
            raise EngineUnreachableException(f"the container engine at {url} is not running. Start it")
        return {"ApiVersion": "1.41"}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    with ExitStack() as sockets:
        made = Machine(tmp_path, sockets)
        monkeypatch.setattr(addresses, "usual_places", lambda _: list(made.places))
        monkeypatch.setattr(engine, "_hello", made.hello)
        monkeypatch.setattr(engine.Engine, "facts", lambda self: made.engines[self.url])
        monkeypatch.setattr(check_images, "examine", lambda _: ())  # nobody behind a socket says what images it has
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
        monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "")
        for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
            monkeypatch.delenv(name, raising=False)
        yield made


def checks(cli: Cli) -> dict[str, dict[str, str]]:
    answer = cli("doctor", "--json")
    assert answer.code == 0, "nothing of this is a failure: containers may not be wanted"
    return {check["check"]: check for check in answer.document["checks"]}


def test_an_engine_that_answers_is_told_with_the_command_that_makes_a_target_on_it(
    cli: Cli, machine: Machine, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = machine.place("docker.sock", DOCKER)
    found = checks(cli)
    told = found[f"engine {machine.places[0]}"]
    assert told["level"] == "ok"
    assert f"Docker 20.10.24 (rootful), which limits memory, at {url}; new compute targets get it" in told["message"]
    assert "the machine has no GPUs" in told["message"]
    root = str(workspace.layout.root)
    assert found["containers"]["advice"] == f"traindock --workspace {root} computes create gpucluster --max-nodes 1"
    monkeypatch.setattr(DockerCompute, "check", lambda _: ())
    ComputeTarget.create(workspace, "box", DockerCompute.provisioning_configuration())
    assert "containers" not in checks(cli), "there is one"


def test_all_that_there_are_are_told_and_which_of_them_is_taken(
    cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.place("rootless.sock")
    machine.place("podman.sock", replace(DOCKER, kind=EngineKind.PODMAN, version="5.4.0"))
    named = machine.place("named.sock", DOCKER)
    machine.places.pop()
    monkeypatch.setenv("DOCKER_HOST", named)
    found = checks(cli)
    assert [name.rpartition("/")[2] for name in found if name.startswith("engine ")] == [
        "engine DOCKER_HOST",
        "rootless.sock",
        "podman.sock",
    ]
    dead, podman = (found[f"engine {place}"] for place in machine.places)
    assert "new compute targets get it" in found["engine DOCKER_HOST"]["message"]
    assert "Podman 5.4.0 (podman)" in podman["message"]
    assert "new compute targets" not in podman["message"]
    assert (dead["level"], "is not running. Start it" in dead["message"]) == ("ok", True), "nobody needs it"


def test_where_the_one_that_is_named_cannot_be_used_another_is_offered(
    cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = machine.place("docker.sock", DOCKER)
    for host, says in (
        ("tcp://box:2376", "jobs need an engine that sees this machine's files"),
        ("unix:///gone.sock", "is not running"),
    ):
        monkeypatch.setenv("DOCKER_HOST", host)
        found = checks(cli)
        assert found["engine DOCKER_HOST"]["level"] == "warn"
        assert says in found["engine DOCKER_HOST"]["message"]
        assert found["containers"]["advice"].endswith(f"computes create gpucluster --max-nodes 1 --engine {url}")


def test_without_any_it_is_said_what_to_install_or_to_start(
    cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    bare = checks(cli)
    assert bare["container engines"]["level"] == "ok"
    assert "none is running: runs go to local compute targets alone" in bare["container engines"]["message"]
    assert "install an engine" in bare["container engines"]["advice"]
    assert "containers" not in bare, "there is nothing to make one on"
    for program, advice in (("podman", "start podman.socket"), ("dockerd", "sudo systemctl start docker")):
        (tmp_path / "bin" / program).touch(0o755)
        installed = checks(cli)["container engines"]
        assert installed["level"] == "warn"
        assert advice in installed["advice"]


def test_whether_it_gives_gpus_to_containers_is_told_with_what_to_do(
    cli: Cli, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRAINDOCK_GPU_DEVICES", "fake-a")
    monkeypatch.setattr("traindock.compute.docker.gpus._CDI_FOLDERS", (str(tmp_path / "cdi"),))
    monkeypatch.setattr("traindock.compute.docker.gpus._HOOK", "no-such-program-anywhere")
    machine.place("plain.sock", DOCKER)
    machine.place("nvidia.sock", replace(DOCKER, runtimes=("nvidia", "runc")))
    plain, nvidia = (checks(cli)[f"engine {place}"] for place in machine.places)
    assert plain["level"] == "warn"
    assert "gives no GPUs to containers" in plain["message"]
    assert "Install the package nvidia-container-toolkit" in plain["advice"]
    assert (nvidia["level"], nvidia["advice"]) == ("ok", "")
    assert nvidia["message"].endswith("gives GPUs to containers by NVIDIA's runtime")


def test_one_that_this_user_may_not_use_is_told_with_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        is_root = os.getuid() == 0
        if is_root:
            os.chown(path, 0, 1)
        path.chmod(0o660 if is_root else 0)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")

        def check() -> None:
            [found, *_] = check_engines.examine(check_engines.look())
            assert (found.check, found.level) == ("engine DOCKER_HOST", "warn")
            assert f"the container engine at {path} is not open to you" in found.message
            assert not is_root or "Run `sudo usermod -aG daemon $USER` and log in again" in found.message

        as_ordinary_user(folder, check)

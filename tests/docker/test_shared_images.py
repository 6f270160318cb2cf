"""Runs of a workspace that names a registry: what they pull, what is pushed for them, and that none waits for that."""

from __future__ import annotations

import json
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import dispatcher_of, wait_for
from tests.docker.conftest import remove_images, remove_labelled
from tests.docker.jobs import Submit, add_target, ended, submitter
from tests.docker.registries import Gate, Served, log_in, serve
from tests.trainer.images.conftest import Shelf

from traindock import Environment, Run, Workspace
from traindock.dispatcher import start

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.needs("loopback")


class Shared:
    """A workspace, and an environment whose image is built in seconds and pushed in as many."""

    def __init__(self, workspace: Workspace, submit: Submit, shelf: Shelf, base: str) -> None:
        self.workspace = workspace
        self._submit = submit
        self._shelf = shelf
        self._base = base
        self._package = f"package-{secrets.token_hex(4)}"  # so that no other test's image has it
        shelf.wheel(self._package, "1.0")

    def use(self, registry: str, idle_seconds: float = 60) -> None:
        """Name a registry in the settings, or none by ""."""
        self.workspace.layout.settings.write_text(
            f'[docker]\nbase_image = "{self._base}"\nenvironment_form = "image"\nregistry = "{registry}"\n'
            f"[packages]\nfind_links = [{json.dumps(str(self._shelf.folder))}]\noffline = true\n"
            f"[dispatcher]\nidle_seconds = {idle_seconds}\n"
        )

    def run(self, script: str = "print('it ran')") -> Run:
        environment = Environment("shared")
        environment.python.conda_dependencies.add_pip_package(self._package)
        return self._submit(script, environment=environment)

    def built(self) -> dict[str, Any]:
        """Have the image built by a run of a workspace without a registry; returns its environment."""
        self.use("")
        run = ended(self.run())
        assert run.get_status() == "Completed"
        return self.environment_of(run)

    def environment_of(self, run: Run) -> dict[str, Any]:
        return self.workspace.run_folder(run.id).load().environment

    @property
    def log(self) -> str:
        return self.workspace.layout.dispatcher_log.read_text("utf-8")

    @property
    def marked(self) -> list[str]:
        """Ids of the runs of which something is to be done in the background."""
        folder = self.workspace.layout.errands
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def gate(served: Served) -> Iterator[Gate]:
    """The address of the registry, closed until a test opens it."""
    made = Gate(served.address)
    yield made
    made.close()


@pytest.fixture
def shared(
    workspace: Workspace, tmp_path: Path, engine: docker.DockerClient, engine_url: str, base_image: str, shelf: Shelf
) -> Iterator[Shared]:
    add_target(workspace, engine_url)
    made = Shared(workspace, submitter(workspace, tmp_path), shelf, base_image)
    yield made
    remove_labelled(engine, f"traindock.workspace={workspace.id}")  # containers whose images could not be removed
    for run in workspace.layout.runs.glob("[!.]*"):
        remove_images(engine, str(workspace.run_folder(run.name).load().environment.get("key") or "nothing"))


def test_no_run_waits_for_the_push_of_its_image_for_which_the_dispatcher_stays(
    shared: Shared, gate: Gate, served: Served, preloaded: str
) -> None:
    key = shared.built()["key"]
    shared.use(f"{gate.address}/{preloaded}", idle_seconds=0.2)
    run = ended(shared.run())
    assert run.get_status() == "Completed"
    wait_for(gate.asked.is_set, "the push to begin")
    assert shared.marked == [run.id]
    assert key not in served.tags(f"{preloaded}/traindock-environment")
    assert dispatcher_of(shared.workspace).is_running()
    gate.open()
    wait_for(lambda: key in served.tags(f"{preloaded}/traindock-environment"), "the image to be in the registry")
    wait_for(lambda: not start.is_running(shared.workspace.layout), "the dispatcher to leave")
    assert (shared.marked, shared.workspace.run_folder(run.id).load().warnings) == ([], [])
    assert f"pushed {gate.address}/{preloaded}/traindock-environment:{key} in" in shared.log


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_push_that_was_broken_off_is_resumed_by_the_next_dispatcher(
    shared: Shared, gate: Gate, served: Served, preloaded: str, how: signal.Signals
) -> None:
    key = shared.built()["key"]
    shared.use(f"{gate.address}/{preloaded}")
    run = ended(shared.run())
    wait_for(gate.asked.is_set, "the push to begin")
    first = dispatcher_of(shared.workspace)
    first.send_signal(how)
    first.wait(20)
    assert shared.marked == [run.id]
    gate.open()
    start.ensure(shared.workspace.layout)
    wait_for(lambda: key in served.tags(f"{preloaded}/traindock-environment"), "the image to be in the registry")
    wait_for(lambda: not shared.marked, "the end of the push")
    assert shared.workspace.run_folder(run.id).load().warnings == []


def test_a_push_that_fails_is_a_warning_and_is_tried_again_with_the_next_run(
    shared: Shared, served: Served, preloaded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = shared.built()["key"]
    (tmp_path / "guarded").mkdir()
    with serve(tmp_path / "guarded", storage=served.storage, password=True) as guarded:
        shared.use(f"{guarded.address}/{preloaded}")
        run = ended(shared.run())
        assert run.get_status() == "Completed"
        wait_for(lambda: not shared.marked, "the end of the push")
        (warning,) = shared.workspace.run_folder(run.id).load().warnings
        assert f"{guarded.address} does not take the image" in warning
        assert f"log in with `docker login {guarded.address}`" in warning
        assert "tried again with the next run" in warning
        assert warning.partition(" (tried")[0] in shared.log
        log_in(tmp_path / "docker", guarded.address)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
        again = ended(shared.run())
        wait_for(lambda: key in served.tags(f"{preloaded}/traindock-environment"), "the image to be in the registry")
        wait_for(lambda: not shared.marked, "the end of the push")
        assert shared.workspace.run_folder(again.id).load().warnings == []


def test_an_image_is_pushed_once_for_all_runs_that_use_it(
    shared: Shared, gate: Gate, served: Served, preloaded: str
) -> None:
    shared.built()
    shared.use(f"{gate.address}/{preloaded}")
    runs = [ended(shared.run()) for _ in range(2)]
    assert shared.marked == sorted(run.id for run in runs)
    gate.open()
    wait_for(lambda: not shared.marked, "the end of the push")
    ended(shared.run())
    assert shared.marked == []
    assert shared.log.count(f"pushed {gate.address}") == 1


def test_a_run_on_an_engine_without_its_image_pulls_it_and_says_so(
    shared: Shared, served: Served, registry: str, engine: docker.DockerClient
) -> None:
    shared.use(registry)
    built = ended(shared.run())
    wait_for(lambda: not shared.marked, "the push")
    found = shared.environment_of(built)
    assert found["action"] == "built"
    assert found["key"] in served.tags(f"{registry.partition('/')[2]}/traindock-environment")
    engine.images.remove(found["image"], force=True)
    run = ended(shared.run())
    assert run.get_status() == "Completed"
    pulled = shared.environment_of(run)
    assert (pulled["action"], pulled["image"], pulled["packages"]) == ("pulled", found["image"], found["packages"])
    assert pulled["why"].startswith(f"pulled from {registry}, as {registry}/traindock-environment:{found['key']}")
    plan = json.loads((run.path / "plan.json").read_text())
    assert plan["environment"]["why"] == pulled["why"]
    assert f"Pulled from {registry} in" in (run.path / "driver" / "build.txt").read_text()


def test_a_run_that_waits_for_its_image_can_be_canceled(shared: Shared, gate: Gate, preloaded: str) -> None:
    shared.use(f"{gate.address}/{preloaded}")
    run = shared.run()
    wait_for(gate.asked.is_set, "the pull to begin")
    assert run.get_status() == "Preparing"
    run.cancel()
    assert ended(run).get_status() == "Canceled"


def test_a_registry_that_does_not_answer_is_a_warning_and_the_image_is_built(shared: Shared) -> None:
    shared.use("127.0.0.1:9/team")
    run = ended(shared.run())
    assert run.get_status() == "Completed"
    wait_for(lambda: not shared.marked, "the end of the push")
    not_pulled, not_pushed = shared.workspace.run_folder(run.id).load().warnings
    assert "cannot be pulled from 127.0.0.1:9: nothing answers there" in not_pulled
    assert "cannot be pushed to 127.0.0.1:9: nothing answers there" in not_pushed

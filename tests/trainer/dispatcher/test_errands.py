"""What a dispatcher does for runs in the background: once, in turn, resumed by the next one, and hurting no run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import pytest
from tests.conftest import Submit, wait_for

from traindock import Workspace
from traindock.compute.base import Backend, Errand, Job
from traindock.compute.local import LocalBackend
from traindock.dispatcher import errands as module
from traindock.dispatcher.errands import Errands
from traindock.errors import TraindockError
from traindock.images.uv import BuildCanceled


class Chores:
    """What the runs of a backend have to be done for them, and when it is done."""

    def __init__(self) -> None:
        self.names = ("sweeping",)
        self.fault: Exception | None = None
        self.performed: list[str] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def errands(self, job: Job, environment: Mapping[str, Any]) -> Sequence[Errand]:
        return [Errand(name, self._perform(name)) for name in self.names]

    def _perform(self, name: str) -> Callable[[Callable[[], bool]], None]:
        def perform(cancelled: Callable[[], bool]) -> None:
            self.performed.append(name)
            while not self.may_go_on.wait(0.01):
                if cancelled():
                    raise BuildCanceled("broken off")
            if self.fault is not None:
                raise self.fault

        return perform


@pytest.fixture
def chores(monkeypatch: pytest.MonkeyPatch) -> Chores:
    made = Chores()

    class WithChores(LocalBackend):
        def errands(self, job: Job, environment: Mapping[str, Any]) -> Sequence[Errand]:
            return made.errands(job, environment)

    monkeypatch.setattr(module, "make_backend", lambda name, kind, settings: WithChores(name, settings))
    return made


class Made:
    """Errands of a workspace, and a run for which they are taken."""

    def __init__(self, workspace: Workspace, run_id: str) -> None:
        self.workspace = workspace
        self.run_id = run_id
        self.errands = Errands(workspace)

    def take(self, backend: Any) -> None:
        record = self.workspace.run_folder(self.run_id).load()
        self.errands.take(cast("Backend", backend), self.workspace.job(record), record)

    def until_idle(self) -> None:
        wait_for(lambda: not self.errands.busy and not self.marked, "the errands to be done")

    @property
    def marked(self) -> list[str]:
        folder = self.workspace.layout.errands
        return [path.name for path in folder.iterdir()] if folder.exists() else []

    @property
    def warnings(self) -> list[str]:
        return self.workspace.run_folder(self.run_id).load().warnings


@pytest.fixture
def made(workspace: Workspace, submit: Submit) -> Iterator[Made]:
    run = submit("pass")
    run.wait_for_completion()
    found = Made(workspace, run.id)
    yield found
    found.errands.stop(10)


def test_the_same_is_done_once_however_many_runs_want_it(made: Made, chores: Chores) -> None:
    for _ in range(3):
        made.take(chores)
    made.until_idle()
    made.take(chores)
    made.until_idle()
    assert chores.performed == ["sweeping"]
    assert made.warnings == []


def test_what_fails_is_a_warning_of_the_run_and_tried_again_with_the_next(made: Made, chores: Chores) -> None:
    chores.names = ("sweeping", "mopping")
    chores.fault = TraindockError("there is no broom")
    made.take(chores)
    made.until_idle()
    assert made.warnings == ["there is no broom (tried again with the next run that uses it)"]
    chores.fault = None
    made.take(chores)
    made.until_idle()
    assert chores.performed == ["sweeping", "mopping"] * 2


def test_a_fault_of_our_own_is_one_too(made: Made, chores: Chores) -> None:
    chores.fault = ZeroDivisionError("oh")
    made.take(chores)
    made.until_idle()
    assert made.warnings == ["ZeroDivisionError: oh; see dispatcher.log (tried again with the next run that uses it)"]


def test_a_backend_that_cannot_say_what_is_to_be_done_hurts_nobody(made: Made) -> None:
    class Broken:
        def errands(self, job: Job, environment: Mapping[str, Any]) -> Sequence[Errand]:
            raise TraindockError("no")

    made.take(Broken())
    assert (made.errands.busy, made.marked, made.warnings) == (False, [], [])


def test_what_was_broken_off_is_begun_anew_by_the_next_dispatcher(made: Made, chores: Chores) -> None:
    chores.may_go_on.clear()
    made.take(chores)
    wait_for(lambda: chores.performed, "the errand to begin")
    made.errands.stop(10)
    assert (made.marked, made.warnings) == ([made.run_id], [])
    chores.may_go_on.set()
    made.errands = Errands(made.workspace)
    made.errands.resume()
    made.until_idle()
    assert chores.performed == ["sweeping", "sweeping"]


def test_marks_of_runs_that_are_gone_or_of_others_are_cleared_away(made: Made, chores: Chores) -> None:
    made.workspace.layout.errands.mkdir()
    (made.workspace.layout.errands / "gone_1_00000000").touch()
    document = made.workspace.run_folder(made.run_id).layout.run_json
    document.write_text(
        document.read_text().replace('"user": "', '"user": "not-')
    )  # so that its signature does not fit
    (made.workspace.layout.errands / made.run_id).touch()
    made.errands.resume()
    assert (made.marked, chores.performed) == ([], [])

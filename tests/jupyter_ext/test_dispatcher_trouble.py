"""What is told of runs that do not go on, since no dispatcher gets to work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit, dispatcher_of, kill
from tests.jupyter_ext.conftest import Ask, until
from tests.jupyter_ext.test_live import OpenPage, open_page

from jupyterlab_traindock.live import hub as hub_module
from traindock import Run, Workspace

__all__ = ["open_page"]


@pytest.fixture(autouse=True)
def looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are told at once."""
    monkeypatch.setattr(hub_module, "UPKEEP_SECONDS", 0.1)


async def trouble_told(ask: Ask, *path: str) -> dict[str, str]:
    """Ask, as a page does, until there is trouble."""
    answer = await until(lambda: ask(*path), lambda answer: answer["trouble"] is not None)
    found: dict[str, str] = answer["trouble"]
    return found


async def all_of(ask: Ask, workspace: Workspace, run: Run) -> list[dict[str, str] | None]:
    """Return what the list, the groups and the run itself tell."""
    path = ("workspaces", workspace.id)
    answers = [
        await ask(*path, "runs"),
        await ask(*path, "run-groups", params={"by": "experiment"}),
        await ask(*path, "runs", run.id),
    ]
    return [answer["trouble"] for answer in answers]


async def no_trouble_told(ask: Ask, workspace: Workspace, run: Run) -> None:
    """Ask, as a page does, until there is none."""
    await until(lambda: all_of(ask, workspace, run), lambda told: told == [None] * 3)


@pytest.mark.slow
async def test_lists_and_runs_say_what_dispatchers_die_of_until_one_gets_to_work(
    ask: Ask, workspace: Workspace, submit: Submit, dying_dispatchers: Callable[[], None], tmp_path: Path
) -> None:
    run = submit("import time; time.sleep(600)")

    trouble = await trouble_told(ask, "workspaces", workspace.id, "runs")

    assert trouble["message"] == (
        "no run of <workspace test> goes on, since the dispatcher ends as soon as it is started: "
        "RuntimeError: nothing works here"
    )
    assert "All it said is in <workspace test>/dispatcher.log; 'traindock doctor'" in trouble["advice"]
    assert str(tmp_path) not in json.dumps(trouble)
    assert await all_of(ask, workspace, run) == [trouble] * 3
    dying_dispatchers()
    await no_trouble_told(ask, workspace, run)
    run.cancel()


@pytest.mark.slow
async def test_pages_that_follow_a_run_or_the_list_are_told_when_it_comes_and_when_it_goes(
    open_page: OpenPage,
    workspace: Workspace,
    submit: Submit,
    dying_dispatchers: Callable[[], None],
) -> None:
    run = submit("pass")
    page = await open_page()
    page.follow("run", workspace, run.id)
    page.follow("list", workspace)

    def tells(name: str, trouble: bool) -> Callable[[dict[str, Any]], bool]:
        return lambda message: (
            message["name"] == name and "trouble" in message and (message["trouble"] is not None) == trouble
        )

    for name in ("run", "list"):
        first = await page.told(lambda message, name=name: message["name"] == name)
        assert first["trouble"] is None
    for name in ("run", "list"):
        told = await page.told(tells(name, True))
        assert "RuntimeError: nothing works here" in told["trouble"]["message"]
    page.messages.clear()
    dying_dispatchers()
    for name in ("run", "list"):
        await page.told(tells(name, False))
    last = await page.told(lambda message: message["name"] == "run" and "run" in message)
    assert (last["run"]["state"], last["run"]["trouble"]) == ("Completed", None)


async def test_one_that_cannot_even_be_started_is_told_at_once(ask: Ask, workspace: Workspace, submit: Submit) -> None:
    workspace.layout.dispatcher_log.mkdir()  # which nobody can write into
    run = submit("pass")

    trouble = await trouble_told(ask, "workspaces", workspace.id, "runs", run.id)

    assert "since no dispatcher can be started: Is a directory" in trouble["message"]
    assert "It has to be able to write <workspace test>/dispatcher.log" in trouble["advice"]
    workspace.layout.dispatcher_log.rmdir()
    await no_trouble_told(ask, workspace, run)
    run.wait_for_completion()


async def test_a_run_that_has_ended_is_in_none(ask: Ask, workspace: Workspace, submit: Submit) -> None:
    ended = submit("pass")
    ended.wait_for_completion()
    kill(dispatcher_of(workspace))
    workspace.layout.dispatcher_log.unlink()
    workspace.layout.dispatcher_log.mkdir()
    submit("pass")

    await trouble_told(ask, "workspaces", workspace.id, "runs")

    assert (await ask("workspaces", workspace.id, "runs", ended.id))["trouble"] is None

"""What Jupyter's event system is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.conftest import Submit, make_workspace
from tests.jupyter_ext.conftest import Ask
from tests.jupyter_ext.following import a_hub, published

from jupyterlab_traindock.live import hub as hub_module
from jupyterlab_traindock.live.announcer import Announcer
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from traindock import Workspace
from traindock.dispatcher import start

RUNS = "urn:traindock:event:run_lifecycle:v1"
MODELS = "urn:traindock:event:model_registration:v1"
WORKSPACES = "urn:traindock:event:workspace_discovery:v1"

Heard = list[dict[str, Any]]


@pytest.fixture
def heard(jp_serverapp: Any) -> Heard:
    """The events of both kinds, as a listener gets them."""
    found: Heard = []

    async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        found.append({"schema": schema_id, **data})

    for schema in (RUNS, MODELS):
        jp_serverapp.event_logger.add_listener(schema_id=schema, listener=listen)
    return found


async def until(condition: Callable[[], Any]) -> None:
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it was not told in time")


def followed_by(jp_serverapp: Any) -> set[str]:
    """Ids of the workspaces that the extension's hub follows."""
    [app] = jp_serverapp.extension_manager.extension_apps["jupyterlab_traindock"]
    return {feed.workspace.id for feed in list(app.hub._feeds.values())}


async def followed(workspace: Workspace, jp_serverapp: Any) -> None:
    """Start the extension, as a server does once it answers, and wait until the workspace is followed."""
    await jp_serverapp.extension_manager.start_all_extensions()
    await until(lambda: workspace.id in followed_by(jp_serverapp))


async def test_each_state_of_a_run_once_and_in_order(
    heard: Heard, workspace: Workspace, submit: Submit, jp_serverapp: Any
) -> None:
    await followed(workspace, jp_serverapp)

    run = submit("raise SystemExit(3)")
    await until(lambda: any(event["terminal"] for event in heard))
    run.tag("later", "1")

    states = [event["state"] for event in heard]
    assert states == [change.state.value for change in run.record.history]
    last = heard[-1]
    assert (last["run"], last["workspace"], last["experiment"]) == (run.id, workspace.id, "tests")
    assert (last["state"], last["reason"], last["terminal"]) == ("Failed", "exited_nonzero", True)
    assert "3" in last["detail"]


@pytest.mark.slow
async def test_a_model_that_is_registered(
    heard: Heard, workspace: Workspace, submit: Submit, jp_serverapp: Any
) -> None:
    await followed(workspace, jp_serverapp)
    run = submit("open('outputs/model.bin', 'wb').write(b'weights')")
    run.wait_for_completion()

    for _ in range(2):
        run.register_model("digits", "outputs/model.bin")
    await until(lambda: len([event for event in heard if event["schema"] == MODELS]) == 2)

    models = [event for event in heard if event["schema"] == MODELS]
    assert [(event["model"], event["version"], event["run"], event["size"]) for event in models] == [
        ("digits", 1, run.id, 7),
        ("digits", 2, run.id, 7),
    ]


async def test_workspaces_made_meanwhile_are_told_of_from_their_beginning(
    heard: Heard, ask: Ask, workspace: Workspace, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start.Upkeep, "look", lambda upkeep: "")
    [app] = jp_serverapp.extension_manager.extension_apps["jupyterlab_traindock"]
    app.look_seconds = 3600  # what is followed sooner is so since it was made here
    await followed(workspace, jp_serverapp)

    over_http = await ask("workspaces", method="POST", json={"name": "made-here"}, expect=201)
    await until(lambda: over_http["id"] in followed_by(jp_serverapp))
    elsewhere = Workspace.create("made-elsewhere", show_output=False)
    runs = {published(each).id for each in (elsewhere, Workspace.get("made-here"))}

    await until(lambda: {event["run"] for event in heard} == runs)
    assert [event["state"] for event in heard] == ["NotStarted", "NotStarted"]


async def test_a_workspace_that_a_kernel_or_a_command_makes_is_told_of_soon(
    workspace: Workspace, jp_serverapp: Any
) -> None:
    found: Heard = []

    async def listen(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        found.append(data)

    jp_serverapp.event_logger.add_listener(schema_id=WORKSPACES, listener=listen)
    [app] = jp_serverapp.extension_manager.extension_apps["jupyterlab_traindock"]
    app.look_seconds = 3600  # what is found sooner is so since its folder was seen
    await followed(workspace, jp_serverapp)

    elsewhere = Workspace.create("made-elsewhere", show_output=False)

    await until(lambda: elsewhere.id in followed_by(jp_serverapp))
    await until(lambda: found)
    assert [(event["workspace"], event["workspace_name"]) for event in found] == [(elsewhere.id, "made-elsewhere")]


async def test_one_that_was_gone_for_a_while_is_told_of_without_a_gap(
    workspace: Workspace, private_folders: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start.Upkeep, "look", lambda upkeep: "")
    monkeypatch.setattr(hub_module, "UPKEEP_SECONDS", 0.02)
    told: list[str] = []
    workspaces = OpenedWorkspaces([], "", workspace.layout.root)
    with a_hub(workspaces, []) as hub:
        announcer = Announcer(hub, workspaces, lambda _, event: told.append(event.get("run", event["workspace"])))
        announcer.look()
        await until(lambda: hub.followed(announcer))
        first = published(workspace)
        await until(lambda: told)

        root = workspace.layout.root
        away = root.rename(root.with_name("away").with_suffix(".old"))
        with monkeypatch.context() as gone:
            gone.setattr(workspaces, "_all", dict)
            await until(lambda: not hub.followed(announcer))
        away.rename(root)
        second = published(workspace)
        announcer.look()

        await until(lambda: len(told) == 3)
    assert told == [first.id, workspace.id, second.id]


async def test_what_happened_before_is_not_told_again(
    ask: Ask, heard: Heard, workspace: Workspace, jp_serverapp: Any
) -> None:
    await followed(workspace, jp_serverapp)
    other = make_workspace(workspace.layout.root.parent / "other")

    assert heard == []
    assert other.id in [one["id"] for one in (await ask("workspaces"))["workspaces"]]

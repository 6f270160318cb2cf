"""What Jupyter's event system is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.conftest import Submit, make_workspace
from tests.jupyter_ext.conftest import Ask

from traindock import Workspace

RUNS = "urn:traindock:event:run_lifecycle:v1"
MODELS = "urn:traindock:event:model_registration:v1"

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


async def followed(workspace: Workspace, jp_serverapp: Any) -> None:
    """Start the extension, as a server does once it answers, and wait until the workspace is followed."""
    await jp_serverapp.extension_manager.start_all_extensions()
    [app] = jp_serverapp.extension_manager.extension_apps["jupyterlab_traindock"]
    await until(lambda: any(feed.workspace.id == workspace.id for feed in list(app.hub._feeds.values())))


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


async def test_what_happened_before_is_not_told_again(
    ask: Ask, heard: Heard, workspace: Workspace, jp_serverapp: Any
) -> None:
    await followed(workspace, jp_serverapp)
    other = make_workspace(workspace.layout.root.parent / "other")

    assert heard == []
    assert other.id in [one["id"] for one in (await ask("workspaces"))["workspaces"]]

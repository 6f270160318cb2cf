"""What becomes of runs and pages when servers, dispatchers, workspaces and disks go away."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks.servers import TOKEN, JupyterServer
from tests.conftest import Submit, dispatcher_of, end_everything_in, kill, make_workspace, submitter
from tests.end_to_end.test_full_disk import Disk, disk
from tests.jupyter_ext.conftest import Ask
from tests.jupyter_ext.test_live import OpenPage, Page, open_page, stepping
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from jupyterlab_traindock import app
from traindock import Workspace

__all__ = ["disk", "open_page"]

pytestmark = pytest.mark.slow


class Server(JupyterServer):
    """A Jupyter server in a process of its own."""

    async def ask(self, *path: str) -> Any:
        request = HTTPRequest(self.api(*path), headers={"Authorization": f"token {TOKEN}"})
        return json.loads((await AsyncHTTPClient().fetch(request)).body)

    async def open_page(self) -> Page:
        return Page(await websocket_connect(f"{self.api('live', scheme='ws')}?token={TOKEN}"))


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Any]:
    """Start servers by name."""
    started: list[Server] = []

    def start(name: str) -> Server:
        started.append(Server(tmp_path / name))
        return started[-1]

    yield start
    for server in started:
        server.kill()


class TestTheEndOfAServer:
    async def test_waits_for_no_part_that_does_not_end_and_says_which_that_is(
        self, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        [extension] = jp_serverapp.extension_manager.extension_apps["jupyterlab_traindock"]
        monkeypatch.setattr(app, "STOP_SECONDS", 0.2)
        never, stop = threading.Event(), extension.hub.stop
        monkeypatch.setattr(extension.hub, "stop", never.wait)
        try:
            await extension.stop_extension()
        finally:
            never.set()
            stop()
        assert "what follows runs has not ended within 0.2 seconds" in caplog.text

    async def test_does_not_need_threads_that_others_keep_busy(self, jp_serverapp: Any) -> None:
        [extension] = jp_serverapp.extension_manager.extension_apps["jupyterlab_traindock"]
        loop, go_on = asyncio.get_running_loop(), threading.Event()
        others = [loop.run_in_executor(None, go_on.wait, 60) for _ in range(64)]
        try:
            await asyncio.wait_for(extension.stop_extension(), 30)
        finally:
            go_on.set()
            await asyncio.gather(*others)


class TestServers:
    async def test_one_that_is_killed_in_mid_run_is_followed_on_by_the_next_without_loss(
        self, servers: Any, workspace: Workspace, submit: Submit, tmp_path: Path
    ) -> None:
        first = servers("first")
        run, go_on = stepping(submit, tmp_path, 4)
        page = await first.open_page()
        page.follow("mine", workspace, run.id)
        go_on(0)
        await page.until(lambda _: len(page.values("mine", "loss")) == 2 and "step 1" in page.printed("mine"))
        first.kill()
        go_on(1)
        second = servers("second")

        again = await second.open_page()
        again.follow("mine", workspace, run.id, cursor=page.cursor("mine"))
        go_on(2)
        go_on(3)
        last = await again.ended("mine")

        assert last["run"]["state"] == "Completed"
        assert page.values("mine", "loss") + again.values("mine", "loss") == [1.0, 0.5, 1 / 3, 0.25]
        assert page.printed("mine") + again.printed("mine") == "step 0\nstep 1\nstep 2\nstep 3\n"

    async def test_two_of_them_tell_the_same_of_one_workspace(
        self, servers: Any, workspace: Workspace, submit: Submit
    ) -> None:
        both = [servers("one"), servers("other")]
        pages = [await server.open_page() for server in both]
        for page in pages:
            page.follow("list", workspace)
            await page.next()

        run = submit("print('text')")
        for page in pages:
            page.follow("mine", workspace, run.id)
            await page.ended("mine")

        assert pages[0].printed("mine") == pages[1].printed("mine") == "text\n"
        for server in both:
            [row] = (await server.ask("workspaces", workspace.id, "runs"))["runs"]
            assert (row["id"], row["state"]) == (run.id, "Completed")


class TestDispatchers:
    async def test_one_that_is_dead_is_started_again_for_a_run_that_is_followed(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit, tmp_path: Path
    ) -> None:
        run, go_on = stepping(submit, tmp_path, 1)
        page = await open_page()
        page.follow("mine", workspace, run.id)
        await page.until(lambda _: "step 0" in page.printed("mine"))

        kill(dispatcher_of(workspace))
        go_on(0)

        assert (await page.ended("mine"))["run"]["state"] == "Completed"


class TestWorkspaces:
    async def test_one_that_is_moved_away_is_told_to_who_follows_and_who_asks(
        self, ask: Ask, open_page: OpenPage, workspace: Workspace, submit: Submit
    ) -> None:
        run = submit("pass")
        run.wait_for_completion()
        page = await open_page()
        page.follow("mine", workspace, run.id)
        await page.ended("mine")
        page.follow("list", workspace)
        await page.until(lambda message: message["name"] == "list")

        root = workspace.layout.root
        root.rename(root.with_name("elsewhere"))

        assert (await ask("workspaces", workspace.id, "runs", expect=404))["code"] == "workspace_not_found"
        errors = {}
        while len(errors) < 2:
            message = await page.until(lambda message: "error" in message)
            errors[message["name"]] = message["error"]["code"]
        assert set(errors) == {"mine", "list"}
        assert set(errors.values()) <= {"workspace_not_found", "run_not_found"}
        root.with_name("elsewhere").rename(root)
        assert (await ask("workspaces", workspace.id, "runs"))["runs"][0]["id"] == run.id

    async def test_a_run_whose_folder_is_deleted_is_told_to_who_follows(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit
    ) -> None:
        run = submit("pass")
        run.wait_for_completion()
        page = await open_page()
        page.follow("mine", workspace, run.id)
        await page.ended("mine")

        shutil.rmtree(run.path)

        message = await page.until(lambda message: "error" in message)
        assert (message["name"], message["error"]["code"]) == ("mine", "run_not_found")

    async def test_a_run_whose_record_is_torn_is_told_as_it_is(
        self, ask: Ask, open_page: OpenPage, workspace: Workspace, submit: Submit
    ) -> None:
        run = submit("pass")
        run.wait_for_completion()
        run._folder.layout.run_json.chmod(0o600)
        run._folder.layout.run_json.write_text("{")
        page = await open_page()

        page.follow("mine", workspace, run.id)

        assert (await page.next())["error"]["code"] == "store"
        error = await ask("workspaces", workspace.id, "runs", run.id, expect=409)
        assert str(workspace.layout.root) not in error["message"]


class TestAFullDisk:
    @pytest.fixture
    def workspace(self, private_folders: None, disk: Disk) -> Iterator[Workspace]:
        yield (made := make_workspace(disk.root / "workspace"))
        end_everything_in(made)

    async def test_is_told_and_leaves_nothing_behind(
        self, ask: Ask, workspace: Workspace, source: Path, disk: Disk
    ) -> None:
        configuration = {"experiment": "digits", "source": "digits", "script": "train.py"}
        path = ("workspaces", workspace.id, "runs")
        assert (await ask(*path))["runs"] == []
        disk.fill()

        error = await ask(*path, method="POST", json=configuration, expect=507)

        assert error["code"] == "disk_full"
        assert "room" in error["advice"]
        disk.free()
        assert (await ask(*path))["runs"] == []
        assert (await ask(*path, method="POST", json=configuration, expect=202))["run"]["state"]

    async def test_does_not_end_what_a_page_follows(
        self, open_page: OpenPage, workspace: Workspace, disk: Disk, tmp_path: Path
    ) -> None:
        run, go_on = stepping(submitter(workspace, tmp_path), tmp_path, 2)
        page = await open_page()
        page.follow("mine", workspace, run.id)
        await page.until(lambda _: "step 0" in page.printed("mine"))

        disk.fill()
        go_on(0)
        go_on(1)
        disk.free()

        assert (await page.ended("mine"))["run"]["state"] == "Completed"

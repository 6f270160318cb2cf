"""Following runs and lists over the websocket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit, wait_for
from tests.jupyter_ext.conftest import API, Ask
from tornado.websocket import WebSocketClientConnection

from jupyterlab_traindock.app import TraindockApp
from traindock import Experiment, Run, Workspace
from traindock.runtime.metric_log import MetricLog

Connect = Callable[..., Any]


class Page:
    """A page that follows runs, and puts together what it is told."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection
        self.messages: list[dict[str, Any]] = []

    def send(self, **message: Any) -> None:
        self.connection.write_message(json.dumps(message))

    def follow(self, name: str, workspace: Workspace, run: str | None = None, **options: Any) -> None:
        target = {"workspace": workspace.id, **({"run": run} if run else {}), **options}
        self.send(subscribe=name, to=target)

    async def next(self, seconds: float = 30) -> dict[str, Any]:
        text = await asyncio.wait_for(self.connection.read_message(), seconds)
        assert text is not None, "the connection was closed"
        message: dict[str, Any] = json.loads(text)
        self.messages.append(message)
        return message

    async def until(self, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        while not condition(message := await self.next()):
            pass
        return message

    async def told(self, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Return the message for which the condition holds, be it that it has come already or is still to come."""
        return next(filter(condition, self.messages), None) or await self.until(condition)

    async def ended(self, name: str) -> dict[str, Any]:
        return await self.until(lambda message: message["name"] == name and "run" in message)

    def of(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["name"] == name]

    def cursor(self, name: str) -> str:
        cursor: str = self.of(name)[-1]["cursor"]
        return cursor

    def states(self, name: str) -> list[str]:
        found = [
            message["state"]["state"] for message in self.messages if message["name"] == name and "state" in message
        ]
        return list(dict.fromkeys(found))

    def printed(self, name: str, log: str = "logs/stdout.txt") -> str:
        pieces = [
            message["logs"][log]
            for message in self.messages
            if message["name"] == name and log in message.get("logs", {})
        ]
        place = pieces[0]["offset"] if pieces else 0
        for piece in pieces:
            assert piece["offset"] == place + (piece["gap"] if piece is not pieces[0] else 0), "lost or repeated"
            place = piece["offset"] + len(piece["text"].encode())
        return "".join(piece["text"] for piece in pieces)

    def values(self, name: str, metric: str) -> list[float]:
        return [
            value
            for message in self.of(name)
            for series in message.get("metrics", {}).get("series", [])
            if series["name"] == metric
            for value in series["values"]
        ]


OpenPage = Callable[[], Awaitable[Page]]


@pytest.fixture
def extension(jp_serverapp: Any) -> TraindockApp:
    """The extension of the server."""
    [app] = jp_serverapp.extension_manager.extension_apps["jupyterlab_traindock"]
    assert isinstance(app, TraindockApp)
    return app


@pytest.fixture
def open_page(jp_ws_fetch: Connect) -> Iterator[OpenPage]:
    opened: list[Page] = []

    async def open_page() -> Page:
        opened.append(Page(await jp_ws_fetch(*API, "live")))
        return opened[-1]

    yield open_page
    for page in opened:
        page.connection.close()


STEPPING = """
    import os, time
    from traindock import Run
    run = Run.get_context()
    for step in range({steps}):
        run.log("loss", 1.0 / (1 + step))
        print("step", step)
        while not os.path.exists({gate!r} + str(step)):
            time.sleep(0.01)
"""


def stepping(submit: Submit, tmp_path: Path, steps: int) -> tuple[Run, Callable[[int], None]]:
    """Submit a script that logs and prints, and waits for leave at each step."""
    gate = tmp_path / "gate-"
    run = submit(STEPPING.format(steps=steps, gate=str(gate)))
    return run, lambda step: Path(f"{gate}{step}").touch()


class TestARun:
    @pytest.mark.slow
    async def test_states_metrics_and_output_come_as_they_are_and_its_end_with_everything(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit, tmp_path: Path
    ) -> None:
        page = await open_page()
        run, go_on = stepping(submit, tmp_path, 3)

        page.follow("mine", workspace, run.id)
        for step in range(3):
            await page.until(lambda _, step=step: f"step {step}\n" in page.printed("mine"))
            assert len(page.values("mine", "loss")) >= step
            go_on(step)
        last = await page.ended("mine")

        assert page.states("mine")[-2:] == ["Finalizing", "Completed"] or page.states("mine")[-1] == "Completed"
        assert "Running" in page.states("mine")
        assert page.values("mine", "loss") == [1.0, 0.5, 1 / 3]
        assert page.printed("mine") == "step 0\nstep 1\nstep 2\n"
        assert last["run"]["state"] == "Completed"
        assert last["run"]["metrics"]["loss"]["count"] == 3

    @pytest.mark.slow
    async def test_a_broken_connection_goes_on_where_it_was(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit, tmp_path: Path
    ) -> None:
        page = await open_page()
        run, go_on = stepping(submit, tmp_path, 4)
        page.follow("mine", workspace, run.id)
        go_on(0)
        await page.until(lambda _: len(page.values("mine", "loss")) == 2 and "step 1" in page.printed("mine"))
        cursor = page.cursor("mine")
        page.connection.close()
        go_on(1)
        wait_for(lambda: len(run.metrics.values("loss")) == 3, "the third step")

        again = await open_page()
        again.follow("other name", workspace, run.id, cursor=cursor)
        go_on(2)
        go_on(3)
        await again.ended("other name")

        assert page.values("mine", "loss") + again.values("other name", "loss") == [1.0, 0.5, 1 / 3, 0.25]
        assert page.printed("mine") + again.printed("other name") == "step 0\nstep 1\nstep 2\nstep 3\n"

    @pytest.mark.slow
    async def test_many_points_come_in_buckets_that_keep_the_spike(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit
    ) -> None:
        page = await open_page()
        run = submit("""
            from traindock import Run
            run = Run.get_context()
            for n in range(100_000):
                run.log("loss", 1e6 if n == 77_777 else float(n % 10), step=n)
        """)
        run.wait_for_completion()

        page.follow("mine", workspace, run.id)
        await page.ended("mine")

        tables = [
            series["buckets"]
            for message in page.messages
            for series in message.get("metrics", {}).get("series", [])
            if "buckets" in series
        ]
        assert sum(sum(table["count"]) for table in tables) == 100_000
        assert max(max(table["max"]) for table in tables) == 1e6
        assert tables[0]["first_step"][0] == 0
        assert tables[-1]["final_step"][-1] == 99_999
        assert all(len(table["count"]) <= 400 for table in tables)

    @pytest.mark.slow
    async def test_much_output_is_shortened_and_the_gap_is_told(
        self, open_page: OpenPage, ask: Ask, workspace: Workspace, submit: Submit
    ) -> None:
        page = await open_page()
        run = submit("for n in range(200_000): print('line', n)")
        run.wait_for_completion()
        size = run._folder.layout.stdout.stat().st_size

        page.follow("mine", workspace, run.id)
        message = await page.until(lambda message: "logs" in message)

        log = message["logs"]["logs/stdout.txt"]
        assert log["gap"] == log["offset"] > 0
        assert log["offset"] + len(log["text"]) == size
        assert log["text"].startswith("line ")
        assert log["text"].endswith("line 199999\n")
        assert len(log["text"]) <= 64 << 10

    @pytest.mark.slow
    async def test_what_is_not_numbers_nor_finite(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit
    ) -> None:
        page = await open_page()
        run = submit("""
            from traindock import Run
            run = Run.get_context()
            run.log("loss", float("nan"))
            run.log("loss", float("inf"), step=3)
            run.log("note", "a text")
            run.log_row("row", x=1, y=float("-inf"))
            print("größe \\U0001f600")
        """)

        page.follow("mine", workspace, run.id)
        await page.ended("mine")

        records = [record for message in page.messages for record in message.get("metrics", {}).get("records", [])]
        assert sorted(map(str, page.values("mine", "loss"))) == ["Infinity", "NaN"]
        assert {record["name"]: record["value"] for record in records} == {
            "note": "a text",
            "row": {"x": 1, "y": "-Infinity"},
        }
        assert page.printed("mine") == "größe \U0001f600\n"

    @pytest.mark.slow
    async def test_only_what_was_asked_for(self, open_page: OpenPage, workspace: Workspace, submit: Submit) -> None:
        page = await open_page()
        run = submit("from traindock import Run\nRun.get_context().log('loss', 1.0)\nprint('text')")

        page.follow("mine", workspace, run.id, metrics=False, logs=[])
        await page.ended("mine")

        assert not any("metrics" in message or "logs" in message for message in page.messages)

    @pytest.mark.slow
    async def test_tags_and_names_that_change_after_its_end(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit
    ) -> None:
        page = await open_page()
        run = submit("pass")
        page.follow("mine", workspace, run.id)
        await page.ended("mine")

        run.tag("later", "1")

        message = await page.until(lambda message: "state" in message)
        assert message["state"]["tags"] == {"later": "1"}

    @pytest.mark.slow
    async def test_nothing_more_comes_after_leaving(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit, tmp_path: Path
    ) -> None:
        page = await open_page()
        run, go_on = stepping(submit, tmp_path, 2)
        page.follow("mine", workspace, run.id)
        await page.until(lambda message: "metrics" in message)

        page.send(unsubscribe="mine")
        page.follow("still", workspace, run.id)
        for step in range(2):
            go_on(step)
        await page.ended("still")

        begin = next(n for n, message in enumerate(page.messages) if message["name"] == "still")
        assert not [message for message in page.messages[begin:] if message["name"] == "mine"]


class Used:
    """A run that goes on, of whose use of resources the test tells."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._log = MetricLog(str(run._folder.layout.resources))

    def tells(self, memory: float) -> None:
        self._log.number("memory", memory)

    @staticmethod
    def told(page: Page, name: str) -> list[float]:
        found = [series for message in page.of(name) for series in message.get("resources", {}).get("series", [])]
        assert {series["name"] for series in found} <= {"memory"}
        return [value for series in found for value in series["values"]]


@pytest.fixture
def used(workspace: Workspace) -> Iterator[Used]:
    with Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=None) as run:
        run.log("loss", 1.0)
        yield Used(run)


class TestWhatAJobUses:
    async def test_it_comes_as_it_is_seen_apart_from_metrics_and_with_its_limits(
        self, open_page: OpenPage, workspace: Workspace, used: Used
    ) -> None:
        page = await open_page()
        page.follow("mine", workspace, used.run.id)
        used.tells(10.0)
        await page.until(lambda _: used.told(page, "mine") == [10.0])
        limits = {"memory": {"unit": "bytes", "peak": 10.0, "limit": 100, "limit_of": "machine"}}
        used.run._folder.append({"type": "resources", "value": limits})
        used.tells(30.0)
        await page.until(lambda message: message.get("state", {}).get("resources") == limits)
        if used.told(page, "mine") != [10.0, 30.0]:
            await page.until(lambda _: used.told(page, "mine") == [10.0, 30.0])
        assert page.values("mine", "loss") == [1.0]
        assert page.values("mine", "memory") == []

    async def test_a_broken_connection_goes_on_where_it_was(
        self, open_page: OpenPage, workspace: Workspace, used: Used
    ) -> None:
        page = await open_page()
        used.tells(10.0)
        page.follow("mine", workspace, used.run.id)
        await page.until(lambda _: used.told(page, "mine"))
        page.connection.close()
        used.tells(20.0)
        again = await open_page()
        again.follow("mine", workspace, used.run.id, cursor=page.cursor("mine"))
        await again.until(lambda _: used.told(again, "mine") == [20.0])
        assert again.values("mine", "loss") == []

    async def test_a_cursor_of_a_server_that_told_nothing_of_it_gets_all_of_it_and_nothing_else_again(
        self, open_page: OpenPage, workspace: Workspace, used: Used
    ) -> None:
        page = await open_page()
        used.tells(10.0)
        page.follow("mine", workspace, used.run.id)
        await page.until(lambda _: used.told(page, "mine"))
        kind, _, text = page.cursor("mine").partition(".")
        before = json.dumps(json.loads(base64.urlsafe_b64decode(text))[:4])
        cursor = f"{kind}.{base64.urlsafe_b64encode(before.encode()).decode()}"
        page.follow("old", workspace, used.run.id, cursor=cursor)
        await page.until(lambda _: used.told(page, "old") == [10.0])
        assert page.values("old", "loss") == []

    async def test_not_where_it_is_not_asked_for(self, open_page: OpenPage, workspace: Workspace, used: Used) -> None:
        page = await open_page()
        used.tells(10.0)
        page.follow("mine", workspace, used.run.id, resources=False)
        await page.until(lambda message: "metrics" in message)
        assert used.told(page, "mine") == []


class TestAList:
    async def test_runs_that_are_submitted_and_end(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit
    ) -> None:
        page = await open_page()
        page.follow("list", workspace)
        await page.next()

        run = submit("from traindock import Run\nRun.get_context().log('loss', 1.0)", tags={"a": "b"})
        message = await page.until(
            lambda message: any(row["state"] == "Completed" for row in message.get("changes", {}).get("runs", []))
        )

        [row] = [row for row in message["changes"]["runs"] if row["id"] == run.id]
        assert (row["tags"], row["metrics"]["loss"]["last"]) == ({"a": "b"}, 1.0)

    async def test_goes_on_after_a_cursor(self, open_page: OpenPage, workspace: Workspace, submit: Submit) -> None:
        page = await open_page()
        page.follow("list", workspace)
        await page.next()
        page.connection.close()
        run = submit("pass")
        run.wait_for_completion()

        again = await open_page()
        again.follow("list", workspace, cursor=page.cursor("list"))
        message = await again.until(lambda message: "changes" in message)

        assert [row["id"] for row in message["changes"]["runs"]] == [run.id]


class TestRefused:
    @pytest.mark.parametrize(
        ("message", "named"),
        [
            ("no json", "no JSON"),
            ("[]", "the body"),
            ("{}", "the body"),
            ('{"subscribe": "a"}', "the body"),
            ('{"subscribe": "", "to": {"workspace": "x"}}', "subscribe"),
            ('{"subscribe": "a", "to": {"workspace": "../../etc"}}', "to"),
            ("[" * 100_000, "no JSON"),
        ],
    )
    async def test_messages_that_make_no_sense_are_answered(
        self, open_page: OpenPage, message: str, named: str
    ) -> None:
        page = await open_page()
        page.connection.write_message(message)

        error = (await page.next())["error"]

        assert error["code"] == "invalid_request"
        assert named in error["message"]

    async def test_what_is_not_there(self, open_page: OpenPage, workspace: Workspace) -> None:
        page = await open_page()
        page.follow("run", workspace, "none_1_00000000")
        page.send(subscribe="list", to={"workspace": "0" * 32})
        page.follow("cursor", workspace, cursor="x")

        errors = {message["name"]: message["error"]["code"] for message in [await page.next() for _ in range(3)]}

        assert errors == {"run": "run_not_found", "list": "workspace_not_found", "cursor": "invalid_request"}


class TestAPageThatReadsNothing:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        return {**jp_server_config, "TraindockApp": {"max_unsent_bytes": 1 << 16}}

    async def test_is_read_no_further_once_enough_answers_wait_for_it(
        self, jp_ws_fetch: Connect, extension: TraindockApp, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connection = await jp_ws_fetch(*API, "live")
        [handler] = extension.connected
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        answers: list[bytes] = []

        def write(data: bytes, **_: Any) -> asyncio.Future[None]:
            answers.append(data)
            return taken

        monkeypatch.setattr(handler, "write_message", write)
        enough, asked = extension.max_unsent_bytes // 4, 500

        for _ in range(asked):
            await connection.write_message("x")
        while sum(map(len, answers)) < enough:
            await asyncio.sleep(0.001)
        for _ in range(100):
            await asyncio.sleep(0)

        assert sum(map(len, answers)) < enough + len(answers[-1])
        taken.set_result(None)
        while len(answers) < asked:
            await asyncio.sleep(0.001)
        assert all(b"no JSON" in answer for answer in answers)
        connection.close()


class TestManySubscriptions:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        return {**jp_server_config, "TraindockApp": {"max_subscriptions": 3}}

    async def test_no_page_has_more_than_are_allowed(
        self, open_page: OpenPage, workspace: Workspace, extension: TraindockApp
    ) -> None:
        page = await open_page()
        [handler] = extension.connected
        for _ in range(5):  # names that are refused and used again
            page.follow("a", workspace, "none_1_00000000")
            page.follow("a", workspace)
        for name in "abcdd":
            page.follow(name, workspace)
        page.send(unsubscribe="a")
        page.follow("e", workspace)
        await page.until(lambda message: message["name"] == "e" and "cursor" in message)

        refused = [message["name"] for message in page.messages if message.get("error", {}).get("code") == "too_many"]
        assert refused == ["d", "d"]
        assert extension.hub.followed(handler) == 3

    async def test_the_hub_follows_nothing_for_a_page_that_was_closed(
        self, open_page: OpenPage, workspace: Workspace, extension: TraindockApp
    ) -> None:
        page = await open_page()
        [handler] = extension.connected
        page.follow("a", workspace)
        await page.next()
        assert extension.hub.followed(handler) == 1

        page.connection.close()

        for _ in range(1000):
            if not extension.hub.followed(handler):
                break
            await asyncio.sleep(0.01)
        assert (extension.hub.followed(handler), len(extension.connected)) == (0, 0)


class TestDeletedRuns:
    @pytest.mark.slow
    async def test_who_follows_one_and_who_shows_it_in_a_list_is_told(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit
    ) -> None:
        run = submit("pass")
        run.wait_for_completion()
        page = await open_page()
        page.follow("run", workspace, run.id)
        page.follow("list", workspace)
        await page.ended("run")
        await page.told(lambda message: message["name"] == "list")

        run.delete()

        await page.told(lambda message: run.id in message.get("changes", {}).get("gone", ()))
        told = await page.told(lambda message: message["name"] == "run" and "error" in message)
        assert told["error"]["code"] == "run_not_found"

"""Runs over HTTP: submitted, listed, changed, ended."""

from __future__ import annotations

import asyncio
import functools
import json
import math
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit, end_everything_in, make_workspace
from tests.jupyter_ext.conftest import Ask, Fetch
from tests.jupyter_ext.following import published
from tests.jupyter_ext.sockets import Client
from tests.recorded_runs import recorder
from tests.trainer.test_notebook_run import write
from tornado.web import HTTPError

from jupyterlab_traindock.handlers.runs import PlansHandler
from jupyterlab_traindock.managers import Managers
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.runs import MOST_FILES, RunManager
from traindock import Experiment, Reason, Run, State, StoreException, Workspace
from traindock.planning import plan_document

Spoil = Callable[[Path, Workspace], None]

ENDED = ("Completed", "Failed", "Canceled")


async def ended(ask: Ask, workspace: Workspace, run: str) -> Any:
    for _ in range(600):
        found = await ask("workspaces", workspace.id, "runs", run)
        if found["state"] in ENDED:
            return found
        await asyncio.sleep(0.1)
    pytest.fail(f"run {run} did not end")


def make_large(source: Path, _: Workspace) -> None:
    os.truncate(source / "data.bin", 2_600_000_000)


def allow_one_file(_: Path, workspace: Workspace) -> None:
    with workspace.layout.settings.open("a") as settings:
        settings.write("[snapshot]\nmax_files = 1\n")


def ignore_script(source: Path, _: Workspace) -> None:
    (source / ".gitignore").write_text("train.py")


def without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


class TestSubmitting:
    @pytest.mark.slow
    async def test_a_folder_below_the_servers_root(
        self, ask: Ask, api: Fetch, workspace: Workspace, source: Path, jp_base_url: str
    ) -> None:
        configuration = {
            "experiment": "digits", "source": "digits", "script": "train.py", "arguments": ["--lr", 0.1],
            "tags": {"stage": "one"}, "display_name": "first",
        }  # fmt: skip

        answer = await api("workspaces", workspace.id, "runs", method="POST", json=configuration)

        submitted = json.loads(answer.body)
        assert answer.code == 202
        assert answer.headers["Location"] == submitted["url"]
        assert submitted["url"] == f"{jp_base_url}traindock/api/workspaces/{workspace.id}/runs/{submitted['run']['id']}"
        run = await ended(ask, workspace, submitted["run"]["id"])
        assert run["state"] == "Completed"
        assert run["metrics"]["loss"]["last"] == 0.5
        assert (run["display_name"], run["tags"]) == ("first", {"stage": "one"})
        assert run["workspace_name"] == workspace.name
        assert "outputs/model.bin" in [file["name"] for file in run["files"]]
        assert run["spec"]["interpreter"] == run["environment"]["python"] == f"…/{Path(sys.executable).name}"
        assert str(Path(sys.executable).parent) not in json.dumps(run)
        assert "arguments ['--lr', '0.1']" in Run.get(workspace, run["id"])._folder.layout.stdout.read_text()

    @pytest.mark.slow
    async def test_a_notebook_below_the_servers_root(self, ask: Ask, workspace: Workspace, source: Path) -> None:
        write(source / "explore.ipynb", "print('it is executed')")
        configuration = {"experiment": "digits", "source": "digits", "notebook": "explore.ipynb"}
        path = ("workspaces", workspace.id)

        submitted = await ask(*path, "runs", method="POST", expect=202, json=configuration)
        built = {**configuration, "environment": {"pip_packages": ["pillow"]}}
        plan = await ask(*path, "plans", method="POST", json=built)
        for wrong in ({"arguments": ["--lr"]}, {"script": "train.py"}):
            error = await ask(*path, "plans", method="POST", expect=400, json={**configuration, **wrong})
            assert error["code"] == "invalid_request"

        assert plan["recipe"]["pip"] == ["pillow", "ipykernel", "nbclient"]
        run = await ended(ask, workspace, submitted["run"]["id"])
        assert (run["state"], run["spec"]["notebook"]) == ("Completed", "explore.ipynb")
        assert "outputs/explore.ipynb" in [file["name"] for file in run["files"]]
        assert "it is executed" in Run.get(workspace, run["id"])._folder.layout.stdout.read_text()

    async def test_files_that_come_with_the_request(self, ask: Ask, workspace: Workspace) -> None:
        configuration = {"experiment": "digits", "script": "train.py"}
        files = {"train.py": "import parts.one", "parts/one.py": "print('it is one')"}

        submitted = await ask(
            "workspaces", workspace.id, "runs", method="POST", expect=202, **form(configuration, files)
        )

        run = await ended(ask, workspace, submitted["run"]["id"])
        assert run["state"] == "Completed"
        assert Run.get(workspace, run["id"])._folder.layout.stdout.read_text() == "it is one\n"

    async def test_a_plan_does_nothing(self, ask: Ask, workspace: Workspace, source: Path) -> None:
        configuration = {"experiment": "digits", "source": "digits", "script": "train.py"}

        plan = await ask("workspaces", workspace.id, "plans", method="POST", json=configuration)

        assert plan["source"]["folder"] == "digits"
        assert list(plan["source"]["files"]) == ["train.py"]
        assert plan["plan"]["kind"] == "local"
        assert list(Run.list(workspace)) == []

    async def test_a_plan_tells_whether_the_folder_was_changed_since_another_one(
        self, ask: Ask, workspace: Workspace, source: Path
    ) -> None:
        configuration = {"experiment": "digits", "source": "digits", "script": "train.py"}
        plans = functools.partial(ask, "workspaces", workspace.id, "plans", method="POST")

        before, again = [await plans(json=configuration) for _ in range(2)]
        (source / "train.py").write_text("print('another one')")
        after = await plans(json=configuration)
        sent_along = await plans(**form(without(configuration, "source"), {"train.py": ""}))

        assert before["source"]["stamp"] == again["source"]["stamp"] != after["source"]["stamp"]
        assert sent_along["source"]["stamp"] is None

    @pytest.mark.parametrize(
        ("spoil", "code", "named"),
        [
            (make_large, "snapshot", ["2.60 GB", "2.00 GB", "data.bin"]),
            (allow_one_file, "snapshot", ["1 files", "max_files"]),
            (ignore_script, "experiment_execution", ["line 1 of .gitignore"]),
        ],
    )
    async def test_a_plan_refuses_what_a_submit_would(
        self, ask: Ask, workspace: Workspace, source: Path, spoil: Spoil, code: str, named: list[str]
    ) -> None:
        configuration = {"experiment": "digits", "source": "digits", "script": "train.py"}
        (source / "data.bin").touch()
        spoil(source, workspace)

        told = [
            await ask("workspaces", workspace.id, where, method="POST", expect=422, json=configuration)
            for where in ("plans", "runs")
        ]

        assert told[0] == told[1]
        assert told[0]["code"] == code
        assert [text for text in named if text not in told[0]["message"]] == []
        assert str(source.parent) not in told[0]["message"]

    async def test_a_plan_warns_of_a_large_folder(self, ask: Ask, workspace: Workspace, source: Path) -> None:
        configuration = {"experiment": "digits", "source": "digits", "script": "train.py"}
        (source / "data.bin").touch()
        os.truncate(source / "data.bin", 1_900_000_000)

        plan = await ask("workspaces", workspace.id, "plans", method="POST", json=configuration)

        assert "1.90 GB; the biggest: data.bin" in plan["source"]["warnings"][0]

    async def test_a_plan_warns_of_torch_that_nobody_asked_for(
        self, ask: Ask, workspace: Workspace, source: Path
    ) -> None:
        (source / "train.py").write_text("import torch")
        configuration = {"experiment": "digits", "source": "digits", "script": "train.py"}

        async def warnings(**environment: object) -> list[str]:
            asked = {**configuration, **({"environment": environment} if environment else {})}
            plan = await ask("workspaces", workspace.id, "plans", method="POST", json=asked)
            return list(plan["source"]["warnings"])

        assert await warnings() == []  # what this Python has is its user's
        [told] = await warnings(pip_packages=["pillow"])
        assert told.startswith("train.py imports torch, which the packages do not include: ask for PyTorch, too")
        assert await warnings(pip_packages=["pillow", "torch"]) == []

    async def test_a_plan_is_given_up_when_its_asker_hangs_up(
        self, client: Client, workspace: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(9):
            (source / str(number)).mkdir()
        looked_into: list[Path] = []
        looking, hung_up, outcome = threading.Event(), threading.Event(), Future[str]()
        really_closed, really_scan = PlansHandler.on_connection_close, os.scandir

        def closed(handler: PlansHandler) -> None:
            really_closed(handler)
            hung_up.set()

        def scan(path: Any) -> Any:
            if str(path).startswith(str(source)):
                looked_into.append(path)
                looking.set()
                assert hung_up.wait(60)
            return really_scan(path)

        def plan(*args: Any) -> Any:
            try:
                document = plan_document(*args)
            except BaseException as error:
                outcome.set_result(type(error).__name__)
                raise
            outcome.set_result("a plan")
            return document

        monkeypatch.setattr(PlansHandler, "on_connection_close", closed)
        monkeypatch.setattr(os, "scandir", scan)
        monkeypatch.setattr("jupyterlab_traindock.managers.submitting.plan_document", plan)
        configuration = {"experiment": "digits", "source": "digits", "script": "train.py"}
        async with client.posted("workspaces", workspace.id, "plans", json=configuration):
            assert await asyncio.to_thread(looking.wait, 60)

        assert await asyncio.wait_for(asyncio.wrap_future(outcome), 60) == "GivenUp"
        assert len(looked_into) == 1

    async def test_the_same_wish_is_the_same_run_at_once_and_after_a_restart(
        self, ask: Ask, workspace: Workspace, source: Path
    ) -> None:
        configuration = {"experiment": "digits", "source": "digits", "script": "train.py", "request_id": "wish"}
        path = ("workspaces", workspace.id, "runs")
        ask_for = functools.partial(ask, *path, method="POST", expect=202)

        answers = await asyncio.gather(*(ask_for(json=configuration) for _ in range(4)))
        restarted = Managers(OpenedWorkspaces([workspace.layout.root], "", source.parent))
        after = await asyncio.to_thread(restarted.submits.submit, workspace.id, configuration, None)
        with_files = await ask(
            *path, method="POST", expect=202, **form(without(configuration, "source"), {"train.py": ""})
        )
        other = await ask_for(json={**configuration, "request_id": "other"})

        assert {answer["url"].rsplit("/", 1)[1] for answer in [*answers, with_files]} == {after.id}
        assert {run.id for run in Run.list(workspace)} == {after.id, other["run"]["id"]}

    @pytest.mark.parametrize(
        ("environment", "part", "value"),
        [
            ({"pip_packages": ["pillow"]}, "pip", ["pillow"]),
            ({"framework_version": "2.1"}, "framework", "torch==2.1.*"),
            ({"framework_version": None}, "framework", "torch"),
            ({"curated": "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu"}, "python", "3.8"),
        ],
    )
    async def test_an_environment_of_packages(
        self, ask: Ask, workspace: Workspace, source: Path, environment: dict[str, Any], part: str, value: Any
    ) -> None:
        asked = {"experiment": "digits", "source": "digits", "script": "train.py", "environment": environment}

        plan = await ask("workspaces", workspace.id, "plans", method="POST", json=asked)

        assert plan["recipe"][part] == value

    @pytest.mark.parametrize(
        ("changes", "status", "code", "named"),
        [
            ({"source": "../elsewhere"}, 403, "forbidden", "../elsewhere"),
            ({"source": "nowhere"}, 404, "source_not_found", "nowhere"),
            ({"script": "missing.py"}, 422, "experiment_execution", "missing.py"),
            ({"script": None}, 400, "invalid_request", "script"),
            ({"experiment": "x"}, 422, "user_error", "'x'"),
            ({"compute_target": "nowhere"}, 422, "compute_target", "nowhere"),
            ({"gpus": -1}, 400, "invalid_request", "gpus"),
            ({"unknown": 1}, 400, "invalid_request", "unknown"),
            ({"environment": {"framework_version": "99.0"}}, 422, "training", "99.0"),
            ({"environment": {"curated": "Nothing"}}, 422, "user_error", "Nothing"),
            ({"environment_variables": {"TRAINDOCK_X": "1"}}, 422, "user_error", "TRAINDOCK_X"),
        ],
    )
    async def test_what_cannot_be_done_is_said_and_leaves_nothing(
        self, ask: Ask, workspace: Workspace, source: Path, changes: dict[str, Any], status: int, code: str, named: str
    ) -> None:
        asked = {"experiment": "digits", "source": "digits", "script": "train.py", **changes}
        configuration = {name: value for name, value in asked.items() if value is not None}

        error = await ask("workspaces", workspace.id, "runs", method="POST", expect=status, json=configuration)

        assert error["code"] == code
        assert named in error["message"]
        assert error["advice"]
        assert str(source.parent) not in error["message"]
        assert str(workspace.layout.root) not in error["message"]
        assert list(Run.list(workspace)) == []


class TestListing:
    async def test_newest_first_by_pages_and_filters(self, ask: Ask, workspace: Workspace, submit: Submit) -> None:
        runs = [submit("pass", experiment="first"), submit("raise SystemExit(3)", tags={"kind": "bad"})]
        for run in runs:
            run.wait_for_completion(raise_on_error=False)
        path = ("workspaces", workspace.id, "runs")

        listed = await ask(*path, params={"limit": 1})
        rest = await ask(*path, params={"limit": 1, "offset": 1})
        failed = await ask(*path, params={"state": "Failed", "tag": "kind=bad"})
        of_first = await ask(*path, params={"experiment": "first"})

        assert ([run["id"] for run in listed["runs"]], listed["more"]) == ([runs[1].id], True)
        assert ([run["id"] for run in rest["runs"]], rest["more"]) == ([runs[0].id], False)
        assert [(run["id"], run["reason"]) for run in failed["runs"]] == [(runs[1].id, "exited_nonzero")]
        assert [run["id"] for run in of_first["runs"]] == [runs[0].id]

    async def test_a_metric_that_is_no_number_is_a_text(self, ask: Ask, workspace: Workspace) -> None:
        with Experiment(workspace, "diverged").start_logging(outputs=None, snapshot_directory=None) as run:
            run.log("loss", math.nan)

        [row] = (await ask("workspaces", workspace.id, "runs"))["runs"]

        assert row["metrics"]["loss"]["last"] == "NaN"

    async def test_runs_are_shown_though_nobody_can_be_started_to_work_on_them(
        self, ask: Ask, workspace: Workspace, submit: Submit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = submit("import time; time.sleep(600)")
        asked: list[object] = []

        def refuse(layout: object) -> None:
            asked.append(layout)
            raise StoreException("the disk is full")

        monkeypatch.setattr("traindock.dispatcher.start.ensure", refuse)

        assert [row["id"] for row in (await ask("workspaces", workspace.id, "runs"))["runs"]] == [run.id]
        assert asked

    async def test_a_dispatcher_is_had_at_work_every_other_second_while_a_run_has_no_end(
        self, ask: Ask, workspace: Workspace, submit: Submit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = submit("import time; time.sleep(600)")
        asked: list[object] = []
        monkeypatch.setattr("traindock.dispatcher.start.ensure", asked.append)

        async def look(times: int) -> int:
            asked.clear()
            monkeypatch.setattr("traindock.dispatcher.start._looked", {})  # as if two seconds had passed
            for _ in range(times):
                await ask("workspaces", workspace.id, "runs")
            return len(asked)

        assert await look(3) == 1
        run.cancel()
        await ended(ask, workspace, run.id)
        assert await look(3) == 0

    async def test_found_by_a_text_and_in_another_order(self, ask: Ask, workspace: Workspace) -> None:
        for name in ("Zebra", "ant", "ANTLER"):
            published(workspace, display_name=name)

        async def names(**params: Any) -> list[str]:
            found = await ask("workspaces", workspace.id, "runs", params=params)
            return [run["display_name"] for run in found["runs"]]

        assert await names(text="ant", order="name") == ["ANTLER", "ant"]
        assert await names(order="name", descending="false") == ["ant", "ANTLER", "Zebra"]
        assert await names(order="created", descending="false", limit=1) == ["Zebra"]
        assert len(await names(order="duration", text="")) == 3
        assert await names(order="metric:duration") == await names(), "no run is left out for want of a metric"

    async def test_a_row_has_the_number_of_its_children(self, ask: Ask, workspace: Workspace) -> None:
        sweep = published(workspace)
        published(workspace, parent=sweep.id)

        [row] = (await ask("workspaces", workspace.id, "runs"))["runs"]

        assert (row["id"], row["children"]) == (sweep.id, 1)

    async def test_by_groups(self, ask: Ask, workspace: Workspace) -> None:
        sweep = published(workspace, tags={"net": "vit"})
        for created in (2e9, 3e9):
            published(workspace, parent=sweep.id, created=created, turn=created)
        path = ("workspaces", workspace.id, "run-groups")

        by_parent = await ask(*path, params={"by": "parent", "limit": 1})
        Run.get(workspace, sweep.id).display_name = "wide sweep"
        by_named = await ask(*path, params={"by": "parent"})
        by_tag = await ask(*path, params={"by": "tag:net"})
        of_nothing = await ask(*path, params={"by": "state", "text": "nothing"})

        numbers = {"runs": 2, "unfinished": 2, "newest": "2065-01-24T05:20:00.000000Z"}
        assert by_parent == {
            "groups": [{"value": sweep.id, "name": f"tests #{sweep.number}", **numbers}],
            "more": True,
            "trouble": None,
        }
        assert [group["name"] for group in by_named["groups"]] == ["wide sweep", None]
        assert [(group["value"], group["name"], group["runs"]) for group in by_tag["groups"]] == [("vit", None, 1)]
        assert of_nothing == {"groups": [], "more": False, "trouble": None}
        without = await ask("workspaces", workspace.id, "runs", params={"without_tag": "net", "children": "true"})
        assert len(without["runs"]) == 2
        await ask(*path, params={"by": "user"}, expect=400)
        await ask(*path, expect=400)

    @pytest.mark.parametrize("params", [{"limit": "0"}, {"limit": "x"}, {"state": "Lost"}, {"above": "NaN"}])
    async def test_a_parameter_that_does_not_fit_is_named(
        self, ask: Ask, workspace: Workspace, params: dict[str, str]
    ) -> None:
        error = await ask("workspaces", workspace.id, "runs", params=params, expect=400)

        assert error["message"].startswith(next(iter(params)))


class TestChanging:
    async def test_name_description_and_tags(self, ask: Ask, workspace: Workspace, submit: Submit) -> None:
        run = submit("pass", tags={"old": "1", "kept": "2"})

        changes = {"display_name": "better", "description": "why", "tags": {"old": None, "new": "3"}}
        changed = await ask("workspaces", workspace.id, "runs", run.id, method="PATCH", json=changes)

        assert (changed["display_name"], changed["description"]) == ("better", "why")
        assert changed["tags"] == run.tags == {"kept": "2", "new": "3"}

    async def test_cancel(self, ask: Ask, workspace: Workspace, submit: Submit) -> None:
        run = submit("import time; time.sleep(600)")

        asked = await ask("workspaces", workspace.id, "runs", run.id, "cancel", method="POST", expect=202)

        assert asked["cancel_requested_by"]
        assert (await ended(ask, workspace, run.id))["state"] == "Canceled"

    @pytest.mark.slow
    async def test_resubmit(self, ask: Ask, workspace: Workspace, submit: Submit) -> None:
        run = submit("import sys; print(sys.argv[1:])")
        path = ("workspaces", workspace.id, "runs", run.id, "resubmit")

        again = await ask(*path, method="POST", expect=202, json={"arguments": ["x"]})
        same = await ask(*path, method="POST", expect=202)
        wished = [await ask(*path, method="POST", expect=202, json={"request_id": "wish"}) for _ in range(2)]

        found = await ended(ask, workspace, again["run"]["id"])
        assert found["properties"]["traindock.resubmitted_from"] == run.id
        assert Run.get(workspace, found["id"])._folder.layout.stdout.read_text() == "['x']\n"
        assert same["run"]["spec"]["arguments"] == []
        assert len({answer["run"]["id"] for answer in [again, same, *wished]}) == 3

    async def test_why_an_environment_failed_is_said_without_commands_of_a_terminal(
        self, ask: Ask, workspace: Workspace
    ) -> None:
        run = recorder(workspace)(State.FAILED, reason=Reason.ENVIRONMENT_FAILED)

        found = await ask("workspaces", workspace.id, "runs", run)

        assert found["failure"]["hint"].startswith("The build log below says why. Submit again from the script's form")
        assert [word for word in ("traindock logs", "download_file") if word in found["failure"]["hint"]] == []

    async def test_a_run_that_is_not_there(self, ask: Ask, workspace: Workspace) -> None:
        error = await ask("workspaces", workspace.id, "runs", "none_1_00000000", expect=404)

        assert error["code"] == "run_not_found"
        assert "none_1_00000000" in error["message"]
        assert str(workspace.layout.root) not in error["message"]


class TestDeleting:
    async def test_a_run_that_has_ended(self, ask: Ask, api: Fetch, workspace: Workspace, submit: Submit) -> None:
        run = submit("pass")
        run.wait_for_completion()

        answer = await api("workspaces", workspace.id, "runs", run.id, method="DELETE")
        again = await ask("workspaces", workspace.id, "runs", run.id, method="DELETE", expect=404)

        assert (answer.code, answer.body) == (204, b"")
        assert again["code"] == "run_not_found"
        assert (await ask("workspaces", workspace.id, "runs"))["runs"] == []
        assert not run.path.exists()

    async def test_one_that_goes_on(self, ask: Ask, workspace: Workspace, submit: Submit) -> None:
        run = submit("import time; time.sleep(600)")

        error = await ask("workspaces", workspace.id, "runs", run.id, method="DELETE", expect=409)

        assert error["code"] == "run_not_ended"
        assert "cancel" in error["advice"]
        run.cancel()

    async def test_one_with_children(self, ask: Ask, api: Fetch, workspace: Workspace, submit: Submit) -> None:
        run = submit("from traindock import Run\nwith Run.get_context().child_run('part'): pass")
        run.wait_for_completion()
        (child,) = run.get_children()
        path = ("workspaces", workspace.id, "runs", run.id)

        error = await ask(*path, method="DELETE", expect=409)
        answer = await api(*path, method="DELETE", params={"with_children": "true"})

        assert error["code"] == "run_has_children"
        assert child.id in error["message"]
        assert answer.code == 204
        assert workspace.index.count() == 0


def form(configuration: Any, files: dict[str, str]) -> dict[str, Any]:
    """What a form with these files is as options of a request."""
    boundary = "--------------------------1234567890"
    parts = [f'Content-Disposition: form-data; name="configuration"\r\n\r\n{json.dumps(configuration)}']
    parts += [
        f'Content-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n{text}' for name, text in files.items()
    ]
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
    return {"body": body, "headers": {"Content-Type": f"multipart/form-data; boundary={boundary}"}}


class TestARunWithManyFiles:
    def test_lists_them_in_pages_only(self, workspace: Workspace) -> None:
        workspaces = OpenedWorkspaces([workspace.layout.root], "", workspace.layout.root)
        run = published(workspace)
        uploads = run._folder.layout.uploads
        for number in range(MOST_FILES):
            (uploads / f"{number:03}.txt").touch()

        as_many_as_fit = RunManager(workspaces).described(run)["files"]
        (uploads / "one more.txt").touch()

        assert [file["name"] for file in as_many_as_fit] == [f"{number:03}.txt" for number in range(MOST_FILES)]
        assert RunManager(workspaces).described(run)["files"] is None


class TestFolder:
    """Of a run: told as Jupyter's own contents have it."""

    @pytest.fixture(params=[False, True], ids=["hidden files are not shown", "hidden files are shown"])
    def jp_server_config(self, jp_server_config: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
        return {**jp_server_config, "ContentsManager": {"allow_hidden": request.param}}

    @pytest.mark.parametrize("place", ["insects", ".local/share/traindock/insects"])
    async def test_is_told_where_the_file_browser_can_show_it(
        self, ask: Ask, jp_serverapp: Any, jp_root_dir: Path, private_folders: None, place: str
    ) -> None:
        contents = jp_serverapp.contents_manager
        made = make_workspace(jp_root_dir / place)
        run = published(made)
        where = f"{place}/runs/{run.id}"
        try:
            found = await ask("workspaces", made.id, "runs", run.id)
        finally:
            end_everything_in(made)

        if place.startswith(".") and not contents.allow_hidden:
            with pytest.raises(HTTPError, match="404"):
                await contents.get(where)
            assert (found["folder"], found["hidden_folder"]) == (None, where)
        else:
            assert (await contents.get(where))["type"] == "directory"
            assert (found["folder"], found["hidden_folder"]) == (where, None)

    async def test_outside_of_the_servers_root_is_none(self, ask: Ask, workspace: Workspace) -> None:
        found = await ask("workspaces", workspace.id, "runs", published(workspace).id)
        assert (found["folder"], found["hidden_folder"]) == (None, None)

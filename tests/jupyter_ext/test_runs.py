"""Runs over HTTP: submitted, listed, changed, ended."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit
from tests.jupyter_ext.conftest import Ask, Fetch
from tests.jupyter_ext.following import published

from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.runs import MOST_FILES, RunManager
from traindock import Experiment, Run, StoreException, Workspace

ENDED = ("Completed", "Failed", "Canceled")


async def ended(ask: Ask, workspace: Workspace, run: str) -> Any:
    for _ in range(600):
        found = await ask("workspaces", workspace.id, "runs", run)
        if found["state"] in ENDED:
            return found
        await asyncio.sleep(0.1)
    pytest.fail(f"run {run} did not end")


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
        assert "outputs/model.bin" in [file["name"] for file in run["files"]]
        assert run["spec"]["interpreter"] == run["environment"]["python"] == f"…/{Path(sys.executable).name}"
        assert str(Path(sys.executable).parent) not in json.dumps(run)
        assert "arguments ['--lr', '0.1']" in Run.get(workspace, run["id"])._folder.layout.stdout.read_text()

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

        found = await ended(ask, workspace, again["run"]["id"])
        assert found["properties"]["traindock.resubmitted_from"] == run.id
        assert Run.get(workspace, found["id"])._folder.layout.stdout.read_text() == "['x']\n"
        assert same["run"]["spec"]["arguments"] == []

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

"""Workspaces over HTTP: listed, made, described, with their experiments."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit, locked_index, make_workspace
from tests.jupyter_ext.conftest import Ask, Fetch
from tests.jupyter_ext.following import published

from traindock import Experiment, Workspace
from traindock._version import __version__
from traindock.documents import timestamp
from traindock.store import index_file
from traindock.store.locations import Locations


async def test_the_server_tells_what_it_is(ask: Ask, workspace: Workspace) -> None:
    about = await ask()

    assert (about["name"], about["version"]) == ("traindock", __version__)
    assert about["limits"]["max_upload_bytes"] == 64 << 20


async def test_the_document_is_for_this_server(ask: Ask, jp_base_url: str) -> None:
    document = await ask("openapi")

    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == __version__
    assert document["servers"][0]["variables"]["base"]["default"] == jp_base_url.rstrip("/")


class TestListing:
    async def test_all_that_the_user_has(self, ask: Ask, workspace: Workspace, tmp_path: Path) -> None:
        other = make_workspace(tmp_path / "other")

        listed = (await ask("workspaces"))["workspaces"]

        assert {one["id"] for one in listed} == {workspace.id, other.id}
        assert str(tmp_path) not in json.dumps(listed)

    async def test_one_that_is_damaged_hides_no_other(self, ask: Ask, workspace: Workspace, tmp_path: Path) -> None:
        other = make_workspace(tmp_path / "other")
        other.layout.workspace_json.write_text("{")

        assert [one["id"] for one in (await ask("workspaces"))["workspaces"]] == [workspace.id]

    async def test_one_whose_index_cannot_be_asked_is_there_without_its_number_of_runs(
        self, ask: Ask, workspace: Workspace, tmp_path: Path
    ) -> None:
        other = make_workspace(tmp_path / "other")
        other.layout.index.unlink(missing_ok=True)
        other.layout.index.mkdir()

        listed = {one["id"]: one["runs"] for one in (await ask("workspaces"))["workspaces"]}

        assert listed == {workspace.id: 0, other.id: None}

    async def test_one_whose_index_another_program_has_locked_holds_no_other_up(
        self, ask: Ask, workspace: Workspace, tmp_path: Path
    ) -> None:
        others = [make_workspace(tmp_path / name) for name in ("one", "other")]
        for other in others:
            other.index.count()
        with locked_index(others[0], "exclusive"), locked_index(others[1], "exclusive"):
            began = time.monotonic()
            listed = {one["id"]: one["runs"] for one in (await ask("workspaces"))["workspaces"]}
            seconds = time.monotonic() - began

        assert listed == {workspace.id: 0, others[0].id: None, others[1].id: None}
        assert seconds < index_file._PATIENCE_SECONDS / 5
        assert {one["runs"] for one in (await ask("workspaces"))["workspaces"]} == {0}

    async def test_that_which_a_config_json_in_the_root_names_is_the_default(
        self, ask: Ask, workspace: Workspace, jp_root_dir: Path
    ) -> None:
        workspace.write_config(jp_root_dir)

        assert (await ask())["default_workspace"] == workspace.id
        assert (await ask("workspaces", workspace.id))["default"] is True


class TestTheNameThatNotebooksUseWhoNameNone:
    @pytest.fixture(autouse=True)
    def nothing_else_names_one(self, private_folders: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TRAINDOCK_WORKSPACE", raising=False)

    async def test_is_that_of_the_one_that_they_make(self, ask: Ask) -> None:
        name = (await ask("workspaces"))["default_name"]
        assert name == "default"

        made = await ask("workspaces", method="POST", json={"name": name}, expect=201)

        assert Workspace.from_config().id == made["id"]

    async def test_is_the_one_that_the_environment_or_a_config_json_in_the_root_names(
        self, ask: Ask, jp_root_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TRAINDOCK_WORKSPACE", "team")
        assert (await ask("workspaces"))["default_name"] == "team"
        (jp_root_dir / "config.json").write_text('{"workspace_name": "zoo"}')
        assert (await ask("workspaces"))["default_name"] == "zoo"

    async def test_is_none_where_a_folder_or_strings_of_azure_say_which_one_it_is(
        self, ask: Ask, jp_root_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TRAINDOCK_WORKSPACE", str(tmp_path / "team"))
        assert (await ask("workspaces"))["default_name"] is None
        for document in ({"workspace_path": "zoo"}, {"workspace_name": "zoo", "resource_group": "bees"}):
            (jp_root_dir / "config.json").write_text(json.dumps(document))
            assert (await ask("workspaces"))["default_name"] is None


async def test_one_that_cannot_be_read_is_told_from_one_that_is_not_there(
    ask: Ask, workspace: Workspace, tmp_path: Path
) -> None:
    other = make_workspace(tmp_path / "other")
    assert (await ask("workspaces", "0" * 32, expect=404))["code"] == "workspace_not_found"
    text = other.layout.workspace_json.read_text()
    other.layout.workspace_json.unlink()
    other.layout.workspace_json.mkdir()  # what root cannot read either

    error = await ask("workspaces", other.id, expect=404)

    assert error["code"] == "workspace_unreadable"
    assert "'other': Is a directory" in error["message"]
    assert str(tmp_path) not in error["message"]
    assert "its disk" in error["advice"]
    assert (await ask("workspaces", workspace.id))["id"] == workspace.id
    other.layout.workspace_json.rmdir()
    other.layout.workspace_json.write_text(text)
    assert (await ask("workspaces", other.id))["id"] == other.id


class TestOnlyCertainOnes:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
        root = str(workspace.layout.root)
        jp_server_config["TraindockApp"] = {"workspaces": [root], "default_workspace": workspace.name}
        return jp_server_config

    async def test_are_opened_where_the_server_is_told_so(self, ask: Ask, workspace: Workspace, tmp_path: Path) -> None:
        other = make_workspace(tmp_path / "other")

        assert [one["id"] for one in (await ask("workspaces"))["workspaces"]] == [workspace.id]
        assert (await ask())["default_workspace"] == workspace.id
        assert (await ask("workspaces", other.id, expect=404))["code"] == "workspace_not_found"
        assert (await ask("workspaces", method="POST", json={"name": "new"}, expect=403))["code"] == "forbidden"
        assert (await ask("workspaces"))["default_name"] is None


class TestMaking:
    async def test_a_new_one(self, ask: Ask, api: Fetch, jp_base_url: str) -> None:
        answer = await api("workspaces", method="POST", json={"name": "new-one"})

        made = json.loads(answer.body)
        assert answer.code == 201
        assert answer.headers["Location"] == f"{jp_base_url}traindock/api/workspaces/{made['id']}"
        assert Workspace.get("new-one").id == made["id"]
        assert (await ask("workspaces", made["id"]))["runs"] == 0

    @pytest.mark.parametrize(
        ("name", "status", "code"),
        [("test", 409, "workspace_exists"), ("a/b", 422, "user_error"), ("", 400, "invalid_request")],
    )
    async def test_what_cannot_be(self, ask: Ask, workspace: Workspace, name: str, status: int, code: str) -> None:
        error = await ask("workspaces", method="POST", json={"name": name}, expect=status)

        assert error["code"] == code

    async def test_one_whose_folder_holds_something_else(self, ask: Ask, workspace: Workspace) -> None:
        folder = Locations().default("taken")
        folder.mkdir(parents=True)
        (folder / "letter.txt").write_text("mine")

        error = await ask("workspaces", method="POST", json={"name": "taken"}, expect=409)

        assert error["code"] == "workspace_conflict"
        assert "letter.txt" in error["message"]
        assert str(folder.parent) not in error["message"]


async def test_experiments_with_their_runs(ask: Ask, workspace: Workspace, submit: Submit) -> None:
    run = submit("pass", experiment="first")
    run.wait_for_completion()
    Experiment(workspace, "second").archive()

    listed = await ask("workspaces", workspace.id, "experiments")
    everything = await ask("workspaces", workspace.id, "experiments", params={"archived": "true"})

    first = {"name": "first", "runs": 1, "unfinished": 0, "newest": timestamp(run.record.created), "archived": False}
    second = {"name": "second", "runs": 0, "unfinished": 0, "newest": None, "archived": True}
    assert listed["experiments"] == [{**first, "tags": {}}]
    assert everything["experiments"] == [{**first, "tags": {}}, {**second, "tags": {}}]


async def test_experiments_tell_how_many_of_their_runs_go_on_and_when_the_newest_began(
    ask: Ask, workspace: Workspace
) -> None:
    for name, created in (("first", 2e9), ("second", 3e9), ("second", 2e9)):
        Experiment(workspace, name)
        published(workspace, experiment=name, created=created, turn=created)

    listed = (await ask("workspaces", workspace.id, "experiments"))["experiments"]

    told = [(one["name"], one["runs"], one["unfinished"], one["newest"]) for one in listed]
    assert told == [("first", 1, 1, timestamp(2e9)), ("second", 2, 2, timestamp(3e9))]

"""Models over HTTP: registered from runs, found, changed, downloaded, deleted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit
from tests.jupyter_ext.conftest import Ask, Fetch

from traindock import Model, Run, Workspace

SCRIPT = """
    import os
    os.makedirs("outputs/net/parts")
    open("outputs/net/weights.bin", "wb").write(b"weights" * 100_000)
    open("outputs/net/parts/näme & co.txt", "w").write("a note")
"""


@pytest.fixture
def run(submit: Submit) -> Run:
    run = submit(SCRIPT)
    run.wait_for_completion()
    return run


async def register(ask: Ask, workspace: Workspace, run: Run, name: str = "net", **more: Any) -> Any:
    wanted = {"name": name, "run": run.id, "path": "outputs/net", **more}
    return await ask("workspaces", workspace.id, "models", method="POST", json=wanted, expect=201)


def path(workspace: Workspace, *parts: object) -> tuple[str, ...]:
    return ("workspaces", workspace.id, "models", *map(str, parts))


class TestRegistering:
    @pytest.mark.slow
    async def test_files_of_a_run_become_the_next_version(
        self, api: Fetch, ask: Ask, workspace: Workspace, run: Run, jp_base_url: str
    ) -> None:
        wanted = {
            "name": "net", "run": run.id, "path": "outputs/net", "tags": {"stage": "one"}, "properties": {"a": "b"},
            "description": "the first", "framework": "PyTorch", "framework_version": "2.1", "datasets": ["ants"],
        }  # fmt: skip

        answer = await api(*path(workspace), method="POST", json=wanted)

        model = json.loads(answer.body)
        url = f"{jp_base_url}traindock/api/workspaces/{workspace.id}/models/net/versions/1"
        assert answer.code == 201
        assert answer.headers["Location"] == url
        assert await ask(*path(workspace, "net", "versions", 1)) == model
        assert {**model, **{key: wanted[key] for key in wanted if key not in ("path", "run", "name")}} == model
        assert (model["name"], model["version"], model["run"], model["file_count"]) == ("net", 1, run.id, 2)
        assert (await register(ask, workspace, run))["version"] == 2

    @pytest.mark.slow
    async def test_a_wish_that_comes_twice_is_granted_once(self, ask: Ask, workspace: Workspace, run: Run) -> None:
        one, again = [await register(ask, workspace, run, request_id="wish") for _ in range(2)]

        assert one == again
        assert len(Model.list(workspace)) == 1

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("changes", "status", "code", "named"),
        [
            ({"run": "none_1_00000000"}, 404, "run_not_found", "none_1_00000000"),
            ({"path": "outputs/nothing"}, 404, "model_path_not_found", "outputs/nothing"),
            ({"path": "../../models"}, 422, "user_error", ".."),
            ({"path": "/etc/passwd"}, 422, "user_error", "passwd"),
            ({"name": "no/name"}, 400, "invalid_request", "no/name"),
            ({"run": None}, 400, "invalid_request", "run"),
            ({"tags": {"": "x"}}, 422, "user_error", "tag"),
            ({"tags": {"x": 1}}, 400, "invalid_request", "tags.x"),
        ],
    )
    async def test_what_cannot_be_registered_is_said(
        self, ask: Ask, workspace: Workspace, run: Run, changes: dict[str, Any], status: int, code: str, named: str
    ) -> None:
        asked = {"name": "net", "run": run.id, "path": "outputs/net", **changes}
        wanted = {name: value for name, value in asked.items() if value is not None}

        error = await ask(*path(workspace), method="POST", json=wanted, expect=status)

        assert error["code"] == code
        assert named in error["message"]
        assert str(workspace.layout.root) not in json.dumps(error)
        assert Model.list(workspace) == []


class TestParts:
    @pytest.mark.slow
    async def test_some_files_of_a_folder_with_an_alias_at_once(self, ask: Ask, workspace: Workspace, run: Run) -> None:
        model = await register(ask, workspace, run, child_paths=["parts"], alias="production")

        assert (model["file_count"], model["aliases"]) == (1, ["production"])
        assert [*Model(workspace, "net", alias="production").files] == ["parts/näme & co.txt"]

    @pytest.mark.slow
    @pytest.mark.parametrize("alias", ["latest", "v1"])
    async def test_with_an_alias_that_cannot_be_nothing_is_registered(
        self, ask: Ask, workspace: Workspace, run: Run, alias: str
    ) -> None:
        wanted = {"name": "net", "run": run.id, "path": "outputs/net", "alias": alias}

        error = await ask(*path(workspace), method="POST", json=wanted, expect=422)

        assert alias in error["message"]
        assert Model.list(workspace) == []


class TestFinding:
    async def test_the_newest_version_of_each_by_name_tag_run_and_pages(
        self, ask: Ask, workspace: Workspace, run: Run
    ) -> None:
        for name, tags in (("ants", {"a": "1"}), ("bees", {"a": "1"}), ("bees", {"a": "2"}), ("Beetles", {})):
            await register(ask, workspace, run, name, tags=tags)

        async def found(**params: Any) -> list[str]:
            listed = await ask(*path(workspace), params=params)
            return [model["id"] for model in listed["models"]]

        assert await found() == ["Beetles:1", "bees:2", "ants:1"]
        assert await found(name="BEE") == ["Beetles:1", "bees:2"]
        assert await found(tag="a=1") == ["bees:1", "ants:1"]
        assert await found(tag="a") == ["bees:2", "ants:1"]
        assert await found(run=run.id, limit=1, offset=1) == ["bees:2"]
        assert await found(run="none_1_00000000") == []
        assert (await ask(*path(workspace), params={"limit": 2}))["more"] is True
        assert (await ask(*path(workspace), params={"limit": 3}))["more"] is False
        assert await found(order="name", limit=2, offset=1) == ["bees:2", "Beetles:1"]

    async def test_a_list_tells_of_aliases_whatever_version_they_stand_for(
        self, ask: Ask, workspace: Workspace, run: Run
    ) -> None:
        for alias in ("production", "staging", None):
            await register(ask, workspace, run, **({} if alias is None else {"alias": alias}))

        [model] = (await ask(*path(workspace)))["models"]

        assert (model["id"], model["aliases"]) == ("net:3", [])
        assert (model["versions"], model["model_aliases"]) == (3, {"production": 1, "staging": 2})

    async def test_the_versions_of_one_newest_first(self, ask: Ask, workspace: Workspace, run: Run) -> None:
        for _ in range(3):
            await register(ask, workspace, run)

        first = await ask(*path(workspace, "net"), params={"limit": 2})
        rest = await ask(*path(workspace, "net"), params={"limit": 2, "offset": 2})

        assert first["name"] == "net"
        assert ([one["version"] for one in first["versions"]], first["more"]) == ([3, 2], True)
        assert ([one["version"] for one in rest["versions"]], rest["more"]) == ([1], False)

    @pytest.mark.slow
    @pytest.mark.parametrize("parts", [("none",), ("net", "versions", 7), ("net", "versions", 7, "files")])
    async def test_what_is_not_there(self, ask: Ask, workspace: Workspace, run: Run, parts: tuple[object, ...]) -> None:
        await register(ask, workspace, run)

        error = await ask(*path(workspace, *parts), expect=404)

        assert error["code"] == "model_not_found"
        assert str(workspace.layout.root) not in error["message"]

    @pytest.mark.parametrize("version", ["0", "-1", "x", "1.5", "9999999999"])
    async def test_a_version_that_is_none(self, ask: Ask, workspace: Workspace, version: str) -> None:
        assert (await ask(*path(workspace, "net", "versions", version), expect=400))["code"] == "invalid_request"


class TestChanging:
    async def test_what_is_said_about_a_version(self, ask: Ask, workspace: Workspace, run: Run) -> None:
        await register(ask, workspace, run, tags={"old": "1", "kept": "2"}, properties={"a": "b"})
        changes = {
            "tags": {"old": None, "new": "3"}, "description": "better", "properties": {"a": "b", "c": "d"},
            "framework_version": "2.2",
        }  # fmt: skip

        changed = await ask(*path(workspace, "net", "versions", 1), method="PATCH", json=changes)

        assert changed["tags"] == {"kept": "2", "new": "3"}
        assert changed["properties"] == {"a": "b", "c": "d"}
        assert (changed["description"], changed["framework_version"]) == ("better", "2.2")
        assert Model(workspace, "net").tags == changed["tags"]

    @pytest.mark.slow
    async def test_a_property_is_for_ever_and_then_nothing_is_changed(
        self, ask: Ask, workspace: Workspace, run: Run
    ) -> None:
        await register(ask, workspace, run, properties={"a": "b"})
        changes = {"properties": {"a": "c"}, "tags": {"new": "1"}}

        error = await ask(*path(workspace, "net", "versions", 1), method="PATCH", json=changes, expect=422)

        assert "'a'" in error["message"]
        assert Model(workspace, "net").tags == {}

    @pytest.mark.slow
    async def test_deleting_a_version(self, ask: Ask, api: Fetch, workspace: Workspace, run: Run) -> None:
        for _ in range(2):
            await register(ask, workspace, run)

        answer = await api(*path(workspace, "net", "versions", 1), method="DELETE")

        assert (answer.code, answer.body) == (204, b"")
        assert [one["version"] for one in (await ask(*path(workspace, "net")))["versions"]] == [2]
        await ask(*path(workspace, "net", "versions", 1), method="DELETE", expect=404)


class TestDownloading:
    @pytest.mark.slow
    async def test_files_are_listed_and_sent_as_they_were(
        self, ask: Ask, api: Fetch, workspace: Workspace, run: Run
    ) -> None:
        await register(ask, workspace, run)
        place = path(workspace, "net", "versions", 1, "files")

        listed = await ask(*place)

        assert (listed["root"], listed["folder"]) == ("net", True)
        assert [file["name"] for file in listed["files"]] == ["parts/näme & co.txt", "weights.bin"]
        for file in listed["files"]:
            answer = await api(*place, "content", params={"name": file["name"]})
            assert answer.code == 200
            assert len(answer.body) == file["size"] == int(answer.headers["Content-Length"])
            assert hashlib.sha256(answer.body).hexdigest() == file["sha256"]
            assert answer.headers["Etag"] == f'"{file["sha256"]}"'
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"

    async def test_an_empty_file(self, ask: Ask, api: Fetch, workspace: Workspace, submit: Submit) -> None:
        run = submit("open('outputs/net', 'w').close()")
        run.wait_for_completion()
        await register(ask, workspace, run)

        answer = await api(*path(workspace, "net", "versions", 1, "files", "content"), params={"name": "net"})

        assert (answer.code, answer.body) == (200, b"")

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["nothing", "../net/weights.bin", "/etc/passwd", "parts", ""])
    async def test_no_other_file_is_sent(self, ask: Ask, workspace: Workspace, run: Run, name: str) -> None:
        await register(ask, workspace, run)

        place = path(workspace, "net", "versions", 1, "files", "content")
        error = await ask(*place, params={"name": name}, expect=(400, 404))

        assert error["code"] in ("model_file_not_found", "invalid_request")

    @pytest.mark.slow
    async def test_one_that_is_damaged_is_never_sent_as_a_whole(
        self, ask: Ask, api: Fetch, workspace: Workspace, run: Run
    ) -> None:
        await register(ask, workspace, run)
        place = path(workspace, "net", "versions", 1, "files")
        for file in (await ask(*place))["files"]:
            blob = workspace.layout.blobs / file["sha256"][:2] / file["sha256"]
            blob.chmod(0o600)
            content = blob.read_bytes()
            blob.write_bytes(content[:-1] + b"!")

        small = await ask(*place, "content", params={"name": "parts/näme & co.txt"}, expect=409)
        with pytest.raises(Exception, match=r"Connection closed|599"):
            await api(*place, "content", params={"name": "weights.bin"})

        assert small["code"] == "store"
        assert "damaged" in small["message"]

    async def test_one_that_is_missing(self, ask: Ask, workspace: Workspace, run: Run) -> None:
        await register(ask, workspace, run)
        place = path(workspace, "net", "versions", 1, "files")
        for blob in workspace.layout.blobs.glob("*/*"):
            blob.unlink()

        error = await ask(*place, "content", params={"name": "weights.bin"}, expect=409)

        assert error["code"] == "store"
        assert str(workspace.layout.root) not in json.dumps(error)

    async def test_a_model_outlives_its_run(
        self, ask: Ask, api: Fetch, workspace: Workspace, run: Run, tmp_path: Path
    ) -> None:
        await register(ask, workspace, run)
        await api("workspaces", workspace.id, "runs", run.id, method="DELETE")

        place = path(workspace, "net", "versions", 1)
        answer = await api(*place, "files", "content", params={"name": "weights.bin"})

        assert answer.body == b"weights" * 100_000
        assert (await ask(*place))["run"] == run.id

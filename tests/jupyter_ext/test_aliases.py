"""Aliases of models over HTTP: moved, rolled back, removed, and who did that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.jupyter_ext.conftest import Ask, Fetch

from traindock import Model, Workspace
from traindock.run_details import user_name


@pytest.fixture
def net(workspace: Workspace, tmp_path: Path) -> list[Model]:
    """Versions 1, 2 and 3 of the model "net", with place 0 left empty."""
    (tmp_path / "net.pt").write_bytes(b"weights")
    made = [Model.register(workspace, tmp_path / "net.pt", "net") for _ in range(3)]
    return [made[0], *made]


def path(workspace: Workspace, *parts: object) -> tuple[str, ...]:
    return ("workspaces", workspace.id, "models", "net", *map(str, parts))


async def put(ask: Ask, workspace: Workspace, version: int, alias: str = "production", **more: Any) -> Any:
    expect = more.pop("expect", 200)
    body = {"version": version, **more}
    return await ask(*path(workspace, "aliases", alias), method="PUT", json=body, expect=expect)


async def test_an_alias_is_set_moved_and_found(ask: Ask, workspace: Workspace, net: list[Model]) -> None:
    first = await put(ask, workspace, 1)
    moved = await put(ask, workspace, 3)

    assert (first["version"], first["previous"], first["by"]) == (1, None, user_name())
    assert (moved["alias"], moved["version"], moved["previous"]) == ("production", 3, 1)
    assert (await ask(*path(workspace, "aliases")))["aliases"] == [moved]
    versions = (await ask(*path(workspace)))["versions"]
    assert [(one["version"], one["aliases"]) for one in versions] == [(3, ["production"]), (2, []), (1, [])]
    assert Model(workspace, "net", alias="production").version == 3


async def test_rolling_back_goes_back_as_often_as_it_is_done(ask: Ask, workspace: Workspace, net: list[Model]) -> None:
    for version in (1, 2, 3):
        await put(ask, workspace, version)
    roll_back = path(workspace, "aliases", "production", "roll-back")

    assert (await ask(*roll_back, method="POST"))["version"] == 2
    assert (await ask(*roll_back, method="POST", json={"expected": 2}))["version"] == 1
    error = await ask(*roll_back, method="POST", json={}, expect=409)

    assert error["code"] == "model_alias"
    assert "before version 1 it had none" in error["message"]


async def test_the_history_says_who_moved_what_the_newest_first_and_by_pages(
    ask: Ask, api: Fetch, workspace: Workspace, net: list[Model]
) -> None:
    for version in (1, 2):
        await put(ask, workspace, version)
    await put(ask, workspace, 3, "staging")
    await ask(*path(workspace, "aliases", "production", "roll-back"), method="POST")
    await api(*path(workspace, "aliases", "production"), method="DELETE")

    async def moves(**params: Any) -> list[Any]:
        listed = await ask(*path(workspace, "alias-history"), params=params)
        return [(one["alias"], one["previous"], one["version"], one["rolled_back"]) for one in listed["moves"]]

    assert await moves() == [
        ("production", 1, None, False),
        ("production", 2, 1, True),
        ("staging", None, 3, False),
        ("production", 1, 2, False),
        ("production", None, 1, False),
    ]
    assert await moves(alias="staging") == [("staging", None, 3, False)]
    assert await moves(limit=1, offset=2) == [("staging", None, 3, False)]
    assert (await ask(*path(workspace, "alias-history"), params={"limit": 4}))["more"] is True
    assert (await ask(*path(workspace, "alias-history"), params={"limit": 5}))["more"] is False
    assert (await ask(*path(workspace, "alias-history")))["moves"][0]["by"] == user_name()


async def test_what_has_changed_meanwhile_is_refused(
    ask: Ask, api: Fetch, workspace: Workspace, net: list[Model]
) -> None:
    await put(ask, workspace, 1, expected=None)
    await put(ask, workspace, 2, expected=1)

    late = await put(ask, workspace, 3, expected=1, expect=409)
    new = await put(ask, workspace, 3, expected=None, expect=409)
    roll_back = path(workspace, "aliases", "production", "roll-back")
    back = await ask(*roll_back, method="POST", json={"expected": 1}, expect=409)
    production = path(workspace, "aliases", "production")
    gone = await ask(*production, method="DELETE", params={"expected": 1}, expect=409)

    for error in (late, new, back, gone):
        assert error["code"] == "model_alias"
        assert f"version 2, by {user_name()}" in error["message"]
    assert Model(workspace, "net", alias="production").version == 2
    await api(*production, method="DELETE", params={"expected": 2})
    assert (await ask(*path(workspace, "aliases")))["aliases"] == []


async def test_a_version_that_an_alias_stands_for_is_not_deleted(
    ask: Ask, api: Fetch, workspace: Workspace, net: list[Model]
) -> None:
    await put(ask, workspace, 2)

    error = await ask(*path(workspace, "versions", 2), method="DELETE", expect=409)

    assert error["code"] == "model_alias"
    assert "production" in error["message"]
    await api(*path(workspace, "aliases", "production"), method="DELETE")
    await api(*path(workspace, "versions", 2), method="DELETE")
    assert [model.version for model in Model.list(workspace)] == [3, 1]


@pytest.mark.parametrize(
    ("method", "parts", "body", "status", "code", "named"),
    [
        ("PUT", ["aliases", "latest"], {"version": 1}, 422, "user_error", "latest"),
        ("PUT", ["aliases", "v2"], {"version": 1}, 422, "user_error", "v2"),
        ("PUT", ["aliases", "a b"], {"version": 1}, 400, "invalid_request", "alias"),
        ("PUT", ["aliases", "production"], {"version": 7}, 404, "model_not_found", "7"),
        ("PUT", ["aliases", "production"], {"version": 0}, 400, "invalid_request", "version"),
        ("PUT", ["aliases", "production"], {}, 400, "invalid_request", "version"),
        ("DELETE", ["aliases", "production"], None, 404, "model_not_found", "production"),
        ("POST", ["aliases", "production", "roll-back"], {}, 404, "model_not_found", "production"),
    ],
)
async def test_what_cannot_be_done_is_said(
    ask: Ask, workspace: Workspace, net: list[Model],
    method: str, parts: list[str], body: Any, status: int, code: str, named: str,
) -> None:  # fmt: skip
    more = {} if body is None else {"json": body}

    error = await ask(*path(workspace, *parts), method=method, expect=status, **more)

    assert error["code"] == code
    assert named in error["message"]
    assert (await ask(*path(workspace, "aliases")))["aliases"] == []


@pytest.mark.parametrize("part", ["aliases", "alias-history"])
async def test_of_an_unknown_model(ask: Ask, workspace: Workspace, part: str) -> None:
    assert (await ask(*path(workspace, part), expect=404))["code"] == "model_not_found"

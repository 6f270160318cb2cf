"""Each operation needs the right that the document names, and in a browser the token of the page."""

from __future__ import annotations

from typing import Any

import pytest
from jupyter_server.auth.authorizer import Authorizer
from tests.jupyter_ext.conftest import Fetch
from tests.jupyter_ext.test_security import NOWHERE, session

from jupyterlab_traindock import api_document
from traindock import Workspace

#: By operation: method, path, and the right that it needs. The websocket is no operation of OpenAPI.
OPERATIONS = {
    described["operationId"]: (method.upper(), path, described["security"][0]["token"])
    for path, methods in api_document.document()["paths"].items()
    for method, described in methods.items()
    if method != "parameters"
} | {"live": ("GET", "/live", ["execute"])}


class Granting(Authorizer):
    """Grants everybody certain rights to this API, and none to anything else."""

    rights: frozenset[str] = frozenset()

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        """Say whether a right is granted."""
        return resource == "traindock" and action in self.rights


@pytest.mark.parametrize("granted", ["", "read", "read write", "read write execute"])
class TestRights:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any], granted: str) -> dict[str, Any]:
        authorizer = type("Granting", (Granting,), {"rights": frozenset(granted.split())})
        jp_server_config["ServerApp"]["authorizer_class"] = authorizer
        return jp_server_config

    async def test_each_operation_needs_the_one_that_the_document_names(self, api: Fetch, granted: str) -> None:
        expected = {name: set(rights) <= set(granted.split()) for name, (_, _, rights) in OPERATIONS.items()}

        answers = {name: await ask(api, name) for name in OPERATIONS}

        assert {name: answer.code != 403 for name, answer in answers.items()} == expected


async def test_from_a_browser_whatever_changes_something_needs_the_token_of_the_page(
    api: Fetch, jp_fetch: Fetch, jp_serverapp: Any, workspace: Workspace
) -> None:
    cookies = await session(jp_fetch, jp_serverapp.identity_provider.token)
    page = {"Authorization": "", "Cookie": cookies}
    token = {"X-XSRFToken": cookies.rpartition("_xsrf=")[2].partition(";")[0]}
    expected = {name: method not in ("GET", "HEAD") for name, (method, _, _) in OPERATIONS.items()}

    forged = {name: await ask(api, name, page) for name in OPERATIONS}
    own = {name: await ask(api, name, {**page, **token}) for name in OPERATIONS}

    assert {name: answer.code == 403 and b"X-XSRFToken" in answer.body for name, answer in forged.items()} == expected
    assert [name for name, answer in own.items() if answer.code == 403] == []


async def ask(api: Fetch, name: str, headers: dict[str, str] | None = None) -> Any:
    """Ask for an operation on what is not there, without a body: who may is told so, and nothing is done."""
    method, path, _ = OPERATIONS[name]
    return await api(*path.format_map(NOWHERE).strip("/").split("/"), method=method, headers=headers or {})

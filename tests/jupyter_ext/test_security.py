"""Who may do what: without a token, with a wrong one, from another page, beyond the workspace, and too much at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.services.contents.manager import ContentsManager
from tests.conftest import Submit, make_workspace
from tests.jupyter_ext.conftest import API, Ask, Fetch
from tests.jupyter_ext.test_live import OpenPage, open_page
from tests.jupyter_ext.test_runs import form
from tornado.httpclient import HTTPClientError
from tornado.httpclient import HTTPRequest as Request
from tornado.websocket import websocket_connect

from jupyterlab_traindock import api_document
from jupyterlab_traindock.app import root_of
from jupyterlab_traindock.handlers.base import ApiHandler
from traindock import Workspace

__all__ = ["open_page"]

#: By parameter of a path, what would fit, and names nothing that is there.
NOWHERE = defaultdict(lambda: "nowhere", workspace="0" * 32, run="run_1_00000000", version="1")
#: Every path of the API, with something in the place of its parameters.
PATHS = [path.format_map(NOWHERE) for path in api_document.document()["paths"]]
#: What somebody may send who has no token.
FORGED = [{"Authorization": ""}, {"Authorization": "token wrong"}, {"Cookie": "username-x=forged"}]


class TestWithoutAToken:
    @pytest.mark.slow
    @pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
    async def test_nothing_is_answered(self, api: Fetch, subtests: pytest.Subtests, method: str) -> None:
        for path, headers in product(PATHS, FORGED):
            with subtests.test(path=path, **headers):
                answer = await api(*path.strip("/").split("/"), method=method, headers={"Authorization": "", **headers})

                assert answer.code == 403 or (answer.code, method) == (405, method)
                assert "workspaces" not in json.loads(answer.body)

    async def test_the_connection_goes_on_after_a_refusal(
        self, jp_fetch: Fetch, jp_http_port: int, jp_base_url: str, jp_auth_header: dict[str, str]
    ) -> None:
        def ask_twice() -> tuple[int, int]:
            path = f"{jp_base_url}traindock/api/workspaces"
            connection = HTTPConnection("127.0.0.1", jp_http_port, timeout=20)
            with contextlib.closing(connection):
                connection.connect()
                connection.auto_open = 0  # no other connection in the place of one that was closed
                connection.request("POST", path, '{"name": "forged"}')
                refused = connection.getresponse()
                refused.read()
                connection.request("GET", path, headers=jp_auth_header)
                return refused.status, connection.getresponse().status

        # As a proxy does, JupyterHub's for one, which answers 503 where the server has hung up meanwhile.
        assert await asyncio.to_thread(ask_twice) == (403, 200)

    @pytest.mark.slow
    async def test_what_to_send_is_told(self, jp_serverapp: Any, jp_fetch: Fetch, ask: Ask) -> None:
        cookies = {"Authorization": "", "Cookie": await session(jp_fetch, jp_serverapp.identity_provider.token)}

        nobody = await ask("workspaces", headers={"Authorization": ""}, expect=403)
        page = await ask("workspaces", method="POST", json={"name": "mine"}, headers=cookies, expect=403)

        assert "token, or sign in" in nobody["advice"]
        assert "X-XSRFToken" in page["advice"]

    async def test_nobody_follows(self, jp_fetch: Fetch, jp_http_port: int, jp_base_url: str) -> None:
        for query in ("", "?token=wrong"):
            url = f"ws://127.0.0.1:{jp_http_port}{jp_base_url}traindock/api/live{query}"
            with pytest.raises(HTTPClientError) as refused:
                await websocket_connect(url)

            assert refused.value.code == 403


class TestFromAnotherPage:
    async def test_a_websocket_is_refused_though_the_browser_sends_its_cookies(
        self, jp_serverapp: Any, jp_fetch: Fetch, jp_http_port: int, jp_base_url: str
    ) -> None:
        url = f"ws://127.0.0.1:{jp_http_port}{jp_base_url}traindock/api/live"
        cookies = await session(jp_fetch, jp_serverapp.identity_provider.token)

        def request(origin: str) -> Request:
            return Request(url, headers={"Cookie": cookies, "Origin": origin})

        (await websocket_connect(request(f"http://127.0.0.1:{jp_http_port}"))).close()
        for origin in ("https://evil.example", f"http://127.0.0.1:{jp_http_port + 1}", "null"):
            with pytest.raises(HTTPClientError) as refused:
                await websocket_connect(request(origin))

            assert refused.value.code == 403

    async def test_what_changes_things_needs_the_token_of_the_page(
        self, jp_serverapp: Any, jp_fetch: Fetch, api: Fetch, workspace: Workspace, submit: Submit
    ) -> None:
        run = submit("import time; time.sleep(600)")
        own = {"Authorization": "", "Cookie": await session(jp_fetch, jp_serverapp.identity_provider.token)}
        path = ("workspaces", workspace.id, "runs", run.id)

        looked = await api(*path, headers=own)
        forged = await api(*path, "cancel", method="POST", headers=own)
        evil = await api(*path, "cancel", method="POST", headers={**own, "Origin": "https://evil.example"})

        assert looked.code == 200, "the cookies do not sign in"
        assert (forged.code, evil.code) == (403, 403) or (forged.code, evil.code) == (403, 404)
        assert not run.record.cancel_requested
        run.cancel()


async def session(jp_fetch: Fetch, token: str) -> str:
    """Sign in as a browser does, and return its cookies."""

    async def fetch(cookies: str, **options: Any) -> str:
        headers = {"Authorization": "", "Cookie": cookies, **options.pop("headers", {})}
        try:
            answer = await jp_fetch("login", headers=headers, follow_redirects=False, **options)
        except HTTPClientError as error:  # a redirect, which is not followed
            if error.response is None:
                raise
            answer = error.response
        return "; ".join([cookies, *(one.partition(";")[0] for one in answer.headers.get_list("Set-Cookie"))])

    cookies = await fetch("")
    xsrf = cookies.partition("_xsrf=")[2].partition(";")[0]
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-XSRFToken": xsrf}
    return await fetch(cookies, method="POST", headers=headers, body=f"password={token}&_xsrf={xsrf}")


class Readers(Authorizer):
    """Lets everybody read, and nothing else."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return action == "read"


class TestWithoutTheRight:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["ServerApp"]["authorizer_class"] = Readers
        return jp_server_config

    async def test_who_may_only_read_cannot_have_anything_executed_or_changed(
        self, ask: Ask, jp_ws_fetch: Callable[..., Awaitable[Any]], workspace: Workspace, source: Path, submit: Submit
    ) -> None:
        run = submit("pass")
        runs = ("workspaces", workspace.id, "runs")
        configuration = {"experiment": "digits", "source": "digits", "script": "train.py"}

        assert len((await ask(*runs))["runs"]) == 1
        for path, method, body in [
            (runs, "POST", configuration),
            (("workspaces", workspace.id, "plans"), "POST", configuration),
            ((*runs, run.id), "PATCH", {"display_name": "x"}),
            ((*runs, run.id, "cancel"), "POST", None),
            ((*runs, run.id, "resubmit"), "POST", None),
        ]:
            error = await ask(*path, method=method, json=body, expect=403)
            assert error["code"] == "forbidden"
        with pytest.raises(HTTPClientError) as refused:
            await jp_ws_fetch(*API, "live")
        assert refused.value.code == 403


class TestBeyondTheWorkspace:
    @pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..%2fetc", "x" * 300, "a%00b", "%2fetc%2fpasswd", "é"])
    async def test_ids_that_are_none_lead_nowhere(self, api: Fetch, workspace: Workspace, name: str) -> None:
        for path in (("workspaces", name), ("workspaces", workspace.id, "runs", name)):
            answer = await api(*path)

            assert answer.code in (400, 404)
            assert b"root:" not in answer.body

    async def test_links_out_of_the_servers_root_are_no_source(
        self, ask: Ask, workspace: Workspace, jp_root_dir: Path, tmp_path: Path
    ) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "train.py").write_text("pass")
        (jp_root_dir / "link").symlink_to(outside)

        for source in ("link", "/link", "../outside", str(outside), "x\0y"):
            configuration = {"experiment": "digits", "source": source, "script": "train.py"}
            error = await ask("workspaces", workspace.id, "runs", method="POST", json=configuration, expect=(403, 404))
            assert error["code"] in ("forbidden", "source_not_found")

    async def test_contents_that_are_no_folder_of_this_machine_are_no_source(
        self, ask: Ask, jp_serverapp: Any, workspace: Workspace, source: Path
    ) -> None:
        assert root_of(jp_serverapp.contents_manager) == source.parent
        assert root_of(ContentsManager()) is None, "it says that its root is '/'"
        jp_serverapp.extension_manager.extension_points["jupyterlab_traindock"].app.managers.workspaces.root = None
        asked = {"experiment": "digits", "source": "digits", "script": "train.py"}

        error = await ask("workspaces", workspace.id, "plans", method="POST", json=asked, expect=403)
        sent = form({"experiment": "digits", "script": "train.py"}, {"train.py": "pass"})
        plan = await ask("workspaces", workspace.id, "plans", method="POST", **sent)

        assert (error["code"], error["advice"]) == ("forbidden", "Send the files with the request.")
        assert list(plan["source"]["files"]) == ["train.py"]

    async def test_files_of_a_request_stay_in_its_folder(
        self, api: Fetch, workspace: Workspace, tmp_path: Path
    ) -> None:
        for name in ("../escaped.py", "/tmp/escaped.py", "a/../../escaped.py"):
            body = form({"experiment": "digits", "script": "train.py"}, {"train.py": "pass", name: "pass"})
            answer = await api("workspaces", workspace.id, "runs", method="POST", **body)
            assert answer.code == 422
        assert not list(tmp_path.rglob("escaped.py"))

    async def test_only_workspaces_of_the_servers_own_list_are_opened(
        self, ask: Ask, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "somebody-elses"))
        other = make_workspace(tmp_path / "other")
        monkeypatch.undo()

        listed = [one["id"] for one in (await ask("workspaces"))["workspaces"]]
        assert other.id not in listed
        assert (await ask("workspaces", other.id, expect=404))["code"] == "workspace_not_found"

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can make folders that belong to somebody else")
    async def test_workspaces_of_somebody_else_are_not_opened(self, ask: Ask, workspace: Workspace) -> None:
        assert (await ask("workspaces", workspace.id))["id"] == workspace.id
        for path in [workspace.layout.root, *workspace.layout.root.rglob("*")]:
            os.chown(path, 65534, 65534)

        assert (await ask("workspaces", workspace.id, expect=404))["code"] == "workspace_not_found"


class TestTooMuch:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["TraindockApp"] = {
            "max_body_bytes": 2000, "max_upload_bytes": 5000, "max_subscriptions": 3, "max_connections": 2,
        }  # fmt: skip
        return jp_server_config

    async def test_bodies_are_bounded(self, ask: Ask, api: Fetch, workspace: Workspace) -> None:
        path = ("workspaces", workspace.id, "runs")
        long = {"experiment": "digits", "source": "x" * 3000, "script": "train.py"}
        assert (await ask(*path, method="POST", json=long, expect=413))["code"] == "too_large"
        files = form({"experiment": "digits", "script": "train.py"}, {"train.py": "#" * 6000})
        assert (await ask(*path, method="POST", expect=413, **files))["code"] == "too_large"
        within = form({"experiment": "digits", "script": "train.py"}, {"train.py": "#" * 3000})
        assert (await api(*path, method="POST", **within)).code == 202

    async def test_a_body_that_does_not_say_its_length_is_bounded_too(
        self,
        jp_fetch: Fetch,
        jp_http_port: int,
        jp_base_url: str,
        jp_auth_header: dict[str, str],
        workspace: Workspace,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        held = []
        receive = ApiHandler.data_received

        def received(handler: ApiHandler, chunk: bytes) -> None:
            receive(handler, chunk)
            held.append(sum(map(len, handler._pieces)))

        monkeypatch.setattr(ApiHandler, "data_received", received)

        def send() -> bytes:
            head = (
                f"POST {jp_base_url}traindock/api/workspaces/{workspace.id}/runs HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: {jp_auth_header['Authorization']}\r\nContent-Type: application/json\r\n"
                "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            )
            with socket.create_connection(("127.0.0.1", jp_http_port), 20) as connection:
                connection.sendall(head.encode())
                for _ in range(50):
                    connection.sendall(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
                connection.sendall(b"0\r\n\r\n")
                answer = b""
                while piece := connection.recv(65536):
                    answer += piece
                return answer

        answer = await asyncio.get_running_loop().run_in_executor(None, send)

        assert b" 413 " in answer.split(b"\r\n", 1)[0]
        assert max(held) <= 2000, "the server keeps more than it may"
        assert held[-1] == 0, "it keeps what it refuses"

    async def test_one_that_is_too_long_is_not_waited_for(
        self, jp_fetch: Fetch, jp_http_port: int, jp_base_url: str, jp_auth_header: dict[str, str]
    ) -> None:
        def announce() -> tuple[int, str | None]:
            headers = {**jp_auth_header, "Content-Type": "application/json", "Content-Length": "3000"}
            with contextlib.closing(HTTPConnection("127.0.0.1", jp_http_port, timeout=20)) as connection:
                connection.request("POST", f"{jp_base_url}traindock/api/workspaces", headers=headers)
                answer = connection.getresponse()
                return answer.status, answer.getheader("Connection")

        assert await asyncio.to_thread(announce) == (413, "close")

    async def test_pages_and_what_they_follow_are_bounded(
        self, open_page: OpenPage, workspace: Workspace, submit: Submit
    ) -> None:
        run = submit("pass")
        page = await open_page()
        for number in range(4):
            page.follow(f"s{number}", workspace, run.id)
        refused = await page.until(lambda message: "error" in message)
        assert (refused["name"], refused["error"]["code"]) == ("s3", "too_many")

        await open_page()
        with pytest.raises(HTTPClientError) as error:
            await open_page()
        assert error.value.code == 429

    async def test_a_frame_that_is_too_large_ends_the_connection_and_nothing_else(
        self, open_page: OpenPage, workspace: Workspace
    ) -> None:
        page = await open_page()
        page.connection.write_message("x" * (3 << 20))
        assert await page.connection.read_message() is None

        again = await open_page()
        again.follow("list", workspace)
        assert (await again.next())["name"] == "list"

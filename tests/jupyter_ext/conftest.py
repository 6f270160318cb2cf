"""A real Jupyter server with the extension, on loopback, with authentication on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Not as a plugin, which would be one of all tests: its fixtures and hooks are for this folder.
from pytest_jupyter.jupyter_server import *  # noqa: F403
from tests.conftest import end_everything_in, make_workspace
from tests.jupyter_ext.sockets import Client
from tornado.httpclient import HTTPClientError, HTTPResponse

from traindock import Experiment, Workspace
from traindock.interactive import InteractiveRun

API = ("traindock", "api")
Fetch = Callable[..., Awaitable[HTTPResponse]]
Ask = Callable[..., Awaitable[Any]]


async def until(found: Callable[[], Awaitable[Any]], condition: Callable[[Any], object]) -> Any:
    """Ask again until the answer is as it should be."""
    for _ in range(600):
        answer = await found()
        if condition(answer):
            return answer
        await asyncio.sleep(0.1)
    pytest.fail(f"it stayed {answer}")


@pytest.fixture
def workspace(private_folders: None, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace that the server may open."""
    yield (made := make_workspace(tmp_path / "workspace"))
    end_everything_in(made)


@pytest.fixture
def run(workspace: Workspace) -> Iterator[InteractiveRun]:
    """A run that goes on, and whose files and logs the test writes."""
    with (
        contextlib.suppress(Exception),
        Experiment(workspace, "tests").start_logging(outputs=None, snapshot_directory=None) as run,
    ):
        yield run


@pytest.fixture
def jp_server_config(workspace: Workspace) -> dict[str, Any]:
    """The extension on, and nothing without authentication."""
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyterlab_traindock": True, "jupyter_server_terminals": False},
            "allow_unauthenticated_access": False,
        },
    }


@pytest.fixture
def api(jp_fetch: Fetch) -> Fetch:
    """Fetch a path of the API, and return the answer, whatever its status."""

    async def fetch(*path: str, **options: Any) -> HTTPResponse:
        body = options.pop("json", None)
        if body is not None:
            options["body"] = json.dumps(body)
            options.setdefault("headers", {})["Content-Type"] = "application/json"
        method = options.get("method", "GET")
        if method in ("POST", "PUT", "PATCH") and "body" not in options:
            options["body"] = ""
        try:
            return await jp_fetch(*API, *path, request_timeout=60, **options)
        except HTTPClientError as error:
            if error.response is None:
                raise
            return error.response

    return fetch


@pytest.fixture
def ask(api: Fetch) -> Ask:
    """Fetch a path of the API, and return the JSON of the answer, which must have (one of) the status ``expect``."""

    async def ask(*path: str, expect: int | tuple[int, ...] = 200, **options: Any) -> Any:
        answer = await api(*path, **options)
        assert answer.code in (expect if isinstance(expect, tuple) else (expect,)), answer.body.decode()
        return json.loads(answer.body)

    return ask


@pytest.fixture
def client(jp_serverapp: Any, jp_fetch: Fetch, jp_http_port: int, jp_base_url: str) -> Client:
    """A client over a bare socket. (It is jp_fetch that has the server listen.)"""
    return Client(jp_http_port, f"{jp_base_url}{'/'.join(API)}", jp_serverapp.identity_provider.token)


@pytest.fixture
def source(jp_root_dir: Path) -> Path:
    """A folder with a script, below the server's root."""
    folder = jp_root_dir / "digits"
    folder.mkdir()
    (folder / "train.py").write_text(
        "import sys\nfrom traindock import Run\nRun.get_context().log('loss', 0.5)\n"
        "open('outputs/model.bin', 'wb').write(b'weights')\nprint('arguments', sys.argv[1:])\n"
    )
    os.chmod(folder, 0o755)  # noqa: PTH101
    return folder

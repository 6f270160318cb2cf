"""TensorBoard of runs, through this server: whoever is signed in sees it, and nobody else.

Not a part of the API: what stands behind these paths is TensorBoard's own.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.netutil import Resolver
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.web import HTTPError, authenticated

from jupyterlab_traindock.app import TraindockApp
from jupyterlab_traindock.errors import ApiError, of_exception
from jupyterlab_traindock.handlers.base import AUTH_RESOURCE, reading
from jupyterlab_traindock.managers.tensorboards import PREFIX, Board

T = TypeVar("T")

#: Seconds that a TensorBoard may take to begin, which has much to import, and to answer.
START_SECONDS: Final = 90.0
ANSWER_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 0.05
#: Most bytes of an answer.
_LONGEST: Final = 512 << 20

#: Headers that TensorBoard is told: nothing by which somebody could sign in to this server.
_ASKED: Final = ("Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "If-None-Match", "If-Modified-Since")
_ASKED_PREFIX: Final = "x-tensorboard-"
#: Headers of its answers that the page is told.
_TOLD: Final = (
    *("Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Type", "ETag", "Expires"),
    *("Last-Modified", "Vary", "X-Content-Type-Options"),
)


class _SocketResolver(Resolver):
    """Whatever is asked for is behind one socket."""

    def initialize(self, path: str) -> None:
        """Take where it is."""
        self._path = path

    async def resolve(self, host: str, port: int, family: Any = socket.AF_UNSPEC) -> list[tuple[int, Any]]:
        """Return it."""
        return [(socket.AF_UNIX, self._path)]


class TensorBoardHandler(ExtensionHandlerMixin, JupyterHandler):
    """What is asked of the TensorBoard of one run, or of several."""

    auth_resource = AUTH_RESOURCE

    @property
    def app(self) -> TraindockApp:
        """The extension."""
        return cast("TraindockApp", self.extensionapp)

    @authenticated
    @reading
    async def get(self, workspace: str, runs: str, path: str | None) -> None:
        """Ask for a part of its page, or for data."""
        if path is None:
            self.redirect(f"{self.request.path}/")
        else:
            await self._ask(workspace, runs, path)

    @authenticated
    @reading
    async def post(self, workspace: str, runs: str, path: str | None) -> None:
        """Ask for data, by a question that is too long for an address."""
        await self._ask(workspace, runs, path or "")

    def check_xsrf_cookie(self) -> None:
        """Take questions from pages of this server alone.

        TensorBoard's page does not send Jupyter's cookie once more as Jupyter's own do. A page elsewhere cannot hide
        from where it asks.
        """
        if not hasattr(self, "_jupyter_current_user") or self.token_authenticated:
            return  # asked too early, and again later; or whoever asks has said so by a token
        if not (self.check_origin() if "Origin" in self.request.headers else self.check_referer()):
            raise HTTPError(HTTPStatus.FORBIDDEN, "TensorBoard is asked by pages of this server alone")

    async def _ask(self, workspace: str, runs: str, path: str) -> None:
        board = await self._off_loop(lambda: self.app.tensorboards.board(workspace, runs, anew=path == ""))
        try:
            await self._await(board)
            answer = await self._answer_of(board, path)
        except (ApiError, OSError, TimeoutError) as error:
            await self._off_loop(lambda: self.app.tensorboards.failed(workspace, runs, board))
            if isinstance(error, ApiError):
                raise
            message = f"TensorBoard does not answer: {error}"
            raise ApiError(HTTPStatus.BAD_GATEWAY, "tensorboard_failed", message, "Reload this page.") from error
        self.set_status(answer.code, answer.reason)
        for name in _TOLD:
            if name in answer.headers:
                self.set_header(name, answer.headers[name])
        # Both hold: TensorBoard's, of what its page may load and execute, and Jupyter's, of who may frame it.
        for policy in answer.headers.get_list("Content-Security-Policy"):
            self.add_header("Content-Security-Policy", policy)
        self.finish(answer.body)

    async def _await(self, board: Board) -> None:
        """Wait until a TensorBoard answers.

        Raises:
            ApiError: it has ended.
            TimeoutError: it takes too long.
        """
        deadline = time.monotonic() + START_SECONDS
        while not board.answers():
            if time.monotonic() > deadline:
                raise TimeoutError(f"it has not begun after {START_SECONDS:.0f} seconds")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _answer_of(self, board: Board, path: str) -> HTTPResponse:
        headers = {name: self.request.headers[name] for name in _ASKED if name in self.request.headers}
        headers |= {name: value for name, value in self.request.headers.get_all() if _is_its_own(name)}
        client = SimpleAsyncHTTPClient(
            force_instance=True, resolver=_SocketResolver(path=str(board.socket)), max_body_size=_LONGEST
        )
        try:
            request = HTTPRequest(
                f"http://tensorboard/{quote(path)}?{self.request.query}",
                method=str(self.request.method),
                headers=headers,
                body=self.request.body if self.request.method == "POST" else None,
                connect_timeout=START_SECONDS,
                request_timeout=ANSWER_SECONDS,
                decompress_response=False,
                follow_redirects=False,
            )
            return await client.fetch(request, raise_error=False)
        except HTTPClientError as error:
            raise TimeoutError(str(error)) from error
        finally:
            client.close()

    async def _off_loop(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.app.executor, act)

    def log_exception(self, *info: Any) -> None:
        """Log what is nobody's fault but ours."""
        if isinstance(info[1], HTTPError) or of_exception(info[1], {}).status == HTTPStatus.INTERNAL_SERVER_ERROR:
            super().log_exception(*info)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with a page that says what is wrong, and what to do."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if error is None or isinstance(error, HTTPError):
            super().write_error(status_code, **kwargs)
            return
        answer = of_exception(error, self.app.managers.workspaces.places())
        self.set_status(answer.status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(_PAGE.format(message=escape(answer.message), advice=escape(answer.advice)))


def _is_its_own(name: str) -> bool:
    return name.lower().startswith(_ASKED_PREFIX) or name.lower() == "x-xsrf-protected"


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>TensorBoard</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em }}
</style></head>
<body><h1>TensorBoard</h1><p>{message}.</p><p>{advice}</p></body></html>
"""

#: Where it answers, below the server's base URL.
PATTERN: Final = rf"/{PREFIX}/(?P<workspace>[^/]+)/(?P<runs>[^/]+)(?:/(?P<path>.*))?"

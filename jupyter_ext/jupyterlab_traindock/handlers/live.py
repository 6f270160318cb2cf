"""The websocket: one for each page, over which it follows as many runs and lists as it shows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any, ClassVar, cast

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from jupyterlab_traindock import api_document
from jupyterlab_traindock.app import TraindockApp
from jupyterlab_traindock.errors import ApiError, invalid, of_exception
from jupyterlab_traindock.handlers.base import AUTH_RESOURCE

#: Longest message that a page may send, in bytes: a cursor of very many metrics.
LONGEST = 2 << 20


class LiveHandler(ExtensionHandlerMixin, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """A page's connection.

    It is sent messages by the hub's thread. What was handed over and not yet taken by the page is counted: beyond a
    quarter of the limit nothing more is handed over until it has. Its own messages are read one after the other, the
    next one once the hub has done what this one asks for, and the page has taken enough: what it is answered, errors
    among it, waits in the page's own buffers, and not here.
    """

    auth_resource = AUTH_RESOURCE
    path: ClassVar[str] = "/live"

    _loop: asyncio.AbstractEventLoop

    @property
    def app(self) -> TraindockApp:
        """The extension."""
        return cast("TraindockApp", self.extensionapp)

    @property
    def max_message_size(self) -> int:
        """Longest message that is taken; a longer one ends the connection."""
        return LONGEST

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Check who asks, and connect."""
        allowed = self.authorizer.is_authorized(self, self.current_user, "execute", AUTH_RESOURCE)
        if not await ensure_async(allowed):
            raise HTTPError(HTTPStatus.FORBIDDEN)
        if len(self.app.connected) >= self.app.max_connections:
            raise HTTPError(HTTPStatus.TOO_MANY_REQUESTS, f"more than {self.app.max_connections} pages follow runs")
        await super().get(*args, **kwargs)

    def open(self, *args: Any, **kwargs: Any) -> None:
        """Begin."""
        super().open(*args, **kwargs)
        self._loop = asyncio.get_running_loop()
        self._counting = threading.Lock()
        self._unsent = 0
        self._room = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.app.connected.add(self)

    async def on_message(self, message: str | bytes) -> None:
        """Do what the page asks for; the next message is read once this is done."""
        name = None
        try:
            asked = _parsed(message)
            name = asked.get("subscribe") or asked.get("unsubscribe")
            await asyncio.wrap_future(self._obey(asked))
        except ApiError as error:
            self.send(json.dumps({"name": name, "error": error.document()}))
        if not self._closed and not self.takes():
            self._room.clear()
            await self._room.wait()

    def on_close(self) -> None:
        """End all that the page followed."""
        super().on_close()
        self.app.connected.discard(self)
        self._closed = True
        self._room.set()
        self.app.hub.leave(self)

    # -- for the hub's thread --------------------------------------------------------------------------------

    def takes(self) -> bool:
        """Whether less waits to be sent than a quarter of the limit: the rest is for one message more, however long."""
        return not self._closed and self._unsent < self.app.max_unsent_bytes // 4

    def send(self, text: str) -> None:
        """Send a message."""
        data = text.encode()
        self._count(len(data))
        with contextlib.suppress(RuntimeError):  # the server stops, and its loop is closed
            self._loop.call_soon_threadsafe(self._send, data)

    def refuse(self, name: str, error: BaseException) -> None:
        """Tell that a subscription has ended."""
        answer = of_exception(error, self.app.managers.workspaces.places())
        self.send(json.dumps({"name": name, "error": answer.document()}))

    # -- for the loop's thread -------------------------------------------------------------------------------

    def _obey(self, asked: dict[str, Any]) -> Future[None]:
        """Hand over to the hub what is asked for; what is returned is done once it has done it."""
        hub = self.app.hub
        if "unsubscribe" in asked:
            return hub.leave(self, asked["unsubscribe"])
        name, target = asked["subscribe"], asked["to"]
        if not hub.follows(self, name) and hub.followed(self) >= self.app.max_subscriptions:
            raise ApiError(
                HTTPStatus.TOO_MANY_REQUESTS, "too_many", f"a page follows {self.app.max_subscriptions} at most"
            )
        if "run" in target:
            return hub.follow_run(self, name, target["workspace"], target["run"], target)
        return hub.follow_list(self, name, target["workspace"], target.get("cursor"))

    def _send(self, data: bytes) -> None:
        async def taken(writing: asyncio.Future[None], size: int) -> None:
            with contextlib.suppress(WebSocketClosedError):
                await writing
            self._count(-size)
            if self.takes():
                self._room.set()
                self.app.hub.resume()

        try:
            # Only its size is kept: tornado has a copy with the frame around it.
            writing = self.write_message(data, binary=False)
        except WebSocketClosedError:
            self._closed = True
            self._room.set()
            self._count(-len(data))
            return
        # The loop itself holds its tasks only loosely.
        task = self._loop.create_task(taken(writing, len(data)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _count(self, size: int) -> None:
        """Count bytes that were handed over, or, with a negative size, taken."""
        with self._counting:
            self._unsent += size


def _parsed(message: str | bytes) -> dict[str, Any]:
    try:
        asked = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise invalid(f"the message is no JSON: {error}") from None
    api_document.schema("LiveRequest").check(asked)
    found: dict[str, Any] = asked
    return found

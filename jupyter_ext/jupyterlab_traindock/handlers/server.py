"""What this server is, and its document."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyterlab_traindock import api_document
from jupyterlab_traindock.handlers.base import ApiHandler


class ServerHandler(ApiHandler):
    """Name, version and limits."""

    path = "/"

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with them."""
        await self.answer_with(self.app.about)


class DocumentHandler(ApiHandler):
    """The OpenAPI document."""

    path = "/openapi"

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with it, for this server's base URL."""
        document = await self.off_loop(api_document.document)
        base = {**document["servers"][0]["variables"]["base"], "default": self.base_url.rstrip("/")}
        server = {**document["servers"][0], "variables": {"base": base}}
        await self.answer({**document, "servers": [server]})


HANDLERS = (ServerHandler, DocumentHandler)

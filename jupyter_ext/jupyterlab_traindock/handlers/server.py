"""What this server is, and its document."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyterlab_traindock import api_document
from jupyterlab_traindock.errors import not_found
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


class UnknownPathHandler(ApiHandler):
    """Whatever below the API is no path of its document: without it Jupyter would answer with a page."""

    @authenticated
    async def get(self) -> None:
        """Answer that there is no such thing."""
        path = self.request.path.partition(self.app.extension_url)[2]
        raise not_found("not_found", f"the API has no path {path!r:.200}")

    head = post = put = patch = delete = get


HANDLERS = (ServerHandler, DocumentHandler)

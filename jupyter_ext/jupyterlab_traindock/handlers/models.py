"""Models: listed, registered, changed, deleted, downloaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from tornado.iostream import StreamClosedError
from tornado.web import authenticated, stream_request_body

from jupyterlab_traindock.handlers.base import ApiHandler
from traindock.errors import StoreException

_BLOCK = 1 << 18


@stream_request_body
class ModelsHandler(ApiHandler):
    """The models of a workspace."""

    path = "/workspaces/{workspace}/models"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List the newest version of each."""
        self.answer(await self.off_loop(self.managers.models.list, self.arguments()))

    @authenticated
    @authorized
    async def post(self, **_: str) -> None:
        """Register files of a run."""
        asked, registration = self.arguments(), self.document()
        model = await self.off_loop(self.managers.models.register, asked["workspace"], registration)
        url = self.url("workspaces", asked["workspace"], "models", model["name"], "versions", str(model["version"]))
        self.set_header("Location", url)
        self.answer({"url": url, "model": model}, HTTPStatus.CREATED)


@stream_request_body
class ModelHandler(ApiHandler):
    """One model."""

    path = "/workspaces/{workspace}/models/{model}"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List its versions."""
        self.answer(await self.off_loop(self.managers.models.versions, self.arguments()))


@stream_request_body
class VersionHandler(ApiHandler):
    """One version of a model."""

    path = "/workspaces/{workspace}/models/{model}/versions/{version}"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Tell everything about it."""
        asked = self.arguments()
        get = self.managers.models.get
        self.answer(await self.off_loop(get, asked["workspace"], asked["model"], asked["version"]))

    @authenticated
    @authorized
    async def patch(self, **_: str) -> None:
        """Change what is said about it."""
        asked, changes = self.arguments(), self.document()
        change = self.managers.models.change
        self.answer(await self.off_loop(change, asked["workspace"], asked["model"], asked["version"], changes))

    @authenticated
    @authorized
    async def delete(self, **_: str) -> None:
        """Delete it."""
        asked = self.arguments()
        await self.off_loop(self.managers.models.delete, asked["workspace"], asked["model"], asked["version"])
        self.answer_nothing()


@stream_request_body
class ModelFilesHandler(ApiHandler):
    """The files of a version."""

    path = "/workspaces/{workspace}/models/{model}/versions/{version}/files"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List them."""
        asked = self.arguments()
        files = self.managers.models.files
        self.answer(await self.off_loop(files, asked["workspace"], asked["model"], asked["version"]))


@stream_request_body
class ModelFileHandler(ApiHandler):
    """One file of a version."""

    path = "/workspaces/{workspace}/models/{model}/versions/{version}/files/content"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Send it; one that is damaged is never sent as a whole."""
        asked = self.arguments()
        place = (asked["workspace"], asked["model"], asked["version"], asked["name"])
        descriptor, size, _modified, sha256 = await self.off_loop(self.managers.models.open, *place)
        try:
            blocks = _checked(descriptor, sha256, asked["name"])
            first = await self.off_loop(next, blocks, b"")
            self.set_header("Content-Type", "application/octet-stream")
            self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(asked['name'], safe='')}")
            self.set_header("X-Content-Type-Options", "nosniff")
            self.set_header("Content-Length", str(size))
            self.set_header("Etag", f'"{sha256}"')
            self.write(first)
            try:
                while block := await self.off_loop(next, blocks, b""):
                    await self.flush()
                    self.write(block)
                self.finish(set_content_type="application/octet-stream")
            except StreamClosedError:
                return  # whoever asked has gone
        finally:
            os.close(descriptor)


def _checked(descriptor: int, sha256: str, name: str) -> Iterator[bytes]:
    """Yield a file block by block, the last one only once the whole of it is known to be what it was."""
    digest = hashlib.sha256()
    block = os.read(descriptor, _BLOCK)
    while block:
        digest.update(block)
        following = os.read(descriptor, _BLOCK)
        if not following and digest.hexdigest() != sha256:
            raise StoreException(
                f"{name!r} of the model is damaged: its content no longer has the SHA-256 {sha256}. Restore it from a "
                "backup of the workspace, or register the model anew"
            )
        yield block
        block = following


HANDLERS = (ModelsHandler, ModelHandler, VersionHandler, ModelFilesHandler, ModelFileHandler)

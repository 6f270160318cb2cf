"""Models: listed, registered, changed, deleted, downloaded."""

from __future__ import annotations

from http import HTTPStatus

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated, stream_request_body

from jupyterlab_traindock.handlers.base import ApiHandler
from jupyterlab_traindock.handlers.streaming import StreamingHandler


@stream_request_body
class ModelsHandler(ApiHandler):
    """The models of a workspace."""

    path = "/workspaces/{workspace}/models"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List the newest version of each."""
        await self.answer_with(self.managers.models.list, self.arguments())

    @authenticated
    @authorized
    async def post(self, **_: str) -> None:
        """Register files of a run."""
        asked, registration = self.arguments(), await self.document()
        model = await self.off_loop(self.managers.models.register, asked["workspace"], registration)
        place = ("workspaces", asked["workspace"], "models", model["name"], "versions", str(model["version"]))
        self.set_header("Location", self.url(*place))
        await self.answer(model, HTTPStatus.CREATED)


@stream_request_body
class ModelHandler(ApiHandler):
    """One model."""

    path = "/workspaces/{workspace}/models/{model}"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List its versions."""
        await self.answer_with(self.managers.models.versions, self.arguments())


@stream_request_body
class AliasesHandler(ApiHandler):
    """The aliases of a model."""

    path = "/workspaces/{workspace}/models/{model}/aliases"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List them."""
        asked = self.arguments()
        await self.answer_with(self.managers.aliases.list, asked["workspace"], asked["model"])


@stream_request_body
class AliasHandler(ApiHandler):
    """One alias of a model."""

    path = "/workspaces/{workspace}/models/{model}/aliases/{alias}"

    @authenticated
    @authorized
    async def put(self, **_: str) -> None:
        """Have it stand for a version."""
        asked, target = self.arguments(), await self.document()
        move = self.managers.aliases.set
        await self.answer_with(move, asked["workspace"], asked["model"], asked["alias"], target)

    @authenticated
    @authorized
    async def delete(self, **_: str) -> None:
        """Have it stand for nothing."""
        await self.off_loop(self.managers.aliases.remove, self.arguments())
        self.answer_nothing()


@stream_request_body
class RollBackHandler(ApiHandler):
    """Rolling an alias back."""

    path = "/workspaces/{workspace}/models/{model}/aliases/{alias}/roll-back"

    @authenticated
    @authorized
    async def post(self, **_: str) -> None:
        """Move it to the version that it stood for before."""
        asked, wanted = self.arguments(), await self.document()
        roll_back = self.managers.aliases.roll_back
        await self.answer_with(roll_back, asked["workspace"], asked["model"], asked["alias"], wanted)


@stream_request_body
class AliasHistoryHandler(ApiHandler):
    """What was done to the aliases of a model."""

    path = "/workspaces/{workspace}/models/{model}/alias-history"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List who moved them when, from where and whereto."""
        await self.answer_with(self.managers.aliases.history, self.arguments())


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
        await self.answer_with(get, asked["workspace"], asked["model"], asked["version"])

    @authenticated
    @authorized
    async def patch(self, **_: str) -> None:
        """Change what is said about it."""
        asked, changes = self.arguments(), await self.document()
        change = self.managers.models.change
        await self.answer_with(change, asked["workspace"], asked["model"], asked["version"], changes)

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
        await self.answer_with(files, asked["workspace"], asked["model"], asked["version"])


@stream_request_body
class ModelFileHandler(StreamingHandler):
    """One file of a version."""

    path = "/workspaces/{workspace}/models/{model}/versions/{version}/files/content"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Send it; one that is damaged is never sent as a whole."""
        asked = self.arguments()
        place = (asked["workspace"], asked["model"], asked["version"], asked["name"])
        await self.send_file(await self.off_loop(self.managers.models.open, *place))


HANDLERS = (
    ModelsHandler,
    ModelHandler,
    AliasesHandler,
    AliasHandler,
    RollBackHandler,
    AliasHistoryHandler,
    VersionHandler,
    ModelFilesHandler,
    ModelFileHandler,
)

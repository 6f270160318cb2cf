"""Compute targets, environments, and what the machine offers."""

from __future__ import annotations

from http import HTTPStatus

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated, stream_request_body

from jupyterlab_traindock.handlers.base import ApiHandler, executing


@stream_request_body
class ComputesHandler(ApiHandler):
    """The compute targets of a workspace."""

    path = "/workspaces/{workspace}/computes"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List them."""
        asked = self.arguments()
        await self.answer_with(lambda: {"computes": self.managers.computes.all(asked["workspace"])})

    @authenticated
    @executing
    async def post(self, **_: str) -> None:
        """Make one."""
        asked, wanted = self.arguments(), await self.document()
        compute, new = await self.off_loop(self.managers.computes.create, asked["workspace"], wanted)
        self.set_header("Location", self.url("workspaces", asked["workspace"], "computes", compute["name"]))
        await self.answer(compute, HTTPStatus.CREATED if new else HTTPStatus.OK)


@stream_request_body
class ComputeHandler(ApiHandler):
    """One compute target."""

    path = "/workspaces/{workspace}/computes/{compute}"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Describe it."""
        asked = self.arguments()
        await self.answer_with(self.managers.computes.get, asked["workspace"], asked["compute"])

    @authenticated
    @executing
    async def patch(self, **_: str) -> None:
        """Change its settings."""
        asked, changes = self.arguments(), await self.document()
        change = self.managers.computes.change
        await self.answer_with(change, asked["workspace"], asked["compute"], changes["settings"])

    @authenticated
    @authorized
    async def delete(self, **_: str) -> None:
        """Delete it."""
        asked = self.arguments()
        await self.off_loop(self.managers.computes.delete, asked["workspace"], asked["compute"])
        self.answer_nothing()


@stream_request_body
class QueueHandler(ApiHandler):
    """The runs on a compute target."""

    path = "/workspaces/{workspace}/computes/{compute}/queue"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List those at work and those that wait."""
        await self.answer_with(self.managers.computes.queue, self.arguments())


@stream_request_body
class MoveHandler(ApiHandler):
    """The place of a run in a queue."""

    path = "/workspaces/{workspace}/runs/{run}/move"

    @authenticated
    @authorized
    async def post(self, **_: str) -> None:
        """Change it."""
        asked, body = self.arguments(), await self.document()
        await self.answer_with(self.managers.computes.move, asked, body)


class EnvironmentsHandler(ApiHandler):
    """The environments of a workspace."""

    path = "/workspaces/{workspace}/environments"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List them."""
        asked = self.arguments()
        await self.answer_with(lambda: {"environments": self.managers.environments.all(asked["workspace"])})


class MachineHandler(ApiHandler):
    """The machine."""

    path = "/workspaces/{workspace}/machine"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Describe it."""
        asked = self.arguments()
        await self.answer_with(self.managers.machine.describe, asked["workspace"])


HANDLERS = (ComputesHandler, ComputeHandler, QueueHandler, MoveHandler, EnvironmentsHandler, MachineHandler)

"""Workspaces and their experiments."""

from __future__ import annotations

from http import HTTPStatus

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyterlab_traindock.handlers.base import ApiHandler


class WorkspacesHandler(ApiHandler):
    """The workspaces that this server may open."""

    path = "/workspaces"

    @authenticated
    @authorized
    async def get(self) -> None:
        """List them."""
        workspaces = self.managers.workspaces
        await self.answer_with(lambda: {"workspaces": workspaces.all(), "default_name": workspaces.default_name()})

    @authenticated
    @authorized
    async def post(self) -> None:
        """Make one."""
        made = await self.off_loop(self.managers.workspaces.create, (await self.document())["name"])
        self.app.workspace_made()
        self.set_header("Location", self.url("workspaces", made["id"]))
        await self.answer(made, HTTPStatus.CREATED)


class WorkspaceHandler(ApiHandler):
    """One workspace."""

    path = "/workspaces/{workspace}"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Describe it."""
        asked = self.arguments()
        await self.answer_with(self.managers.workspaces.describe, asked["workspace"])


class ExperimentsHandler(ApiHandler):
    """The experiments of a workspace."""

    path = "/workspaces/{workspace}/experiments"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List them."""
        asked = self.arguments()
        find = self.managers.workspaces.experiments
        await self.answer_with(lambda: {"experiments": find(asked["workspace"], archived=asked["archived"])})


HANDLERS = (WorkspacesHandler, WorkspaceHandler, ExperimentsHandler)
